// SPDX-License-Identifier: Apache-2.0
//! CPU and memory of processes.
