// SPDX-License-Identifier: Apache-2.0
//! Minimum replicas by the clock.
