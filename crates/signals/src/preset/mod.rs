// SPDX-License-Identifier: Apache-2.0
//! Which metrics of a known program say what.
