// SPDX-License-Identifier: Apache-2.0
//! Figures of one replica, as they are read from time to time, as reports.
