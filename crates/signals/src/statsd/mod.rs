// SPDX-License-Identifier: Apache-2.0
//! StatsD over UDP.
