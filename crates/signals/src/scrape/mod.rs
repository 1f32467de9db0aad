// SPDX-License-Identifier: Apache-2.0
//! Scraping: which replica is read when, and how.
