// SPDX-License-Identifier: Apache-2.0
//! For tests only: an echo app, raw peers, traffic.
