// SPDX-License-Identifier: Apache-2.0
//! A Prometheus server's answers to a query.
