// SPDX-License-Identifier: Apache-2.0
//! Prometheus pages: what a text or protobuf exposition says.
