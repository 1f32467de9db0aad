// SPDX-License-Identifier: Apache-2.0
//! The plotting library of the page, taken in at build time; the console draws with it too.

/// Its script, which makes the global `uPlot`.
pub const SCRIPT: &str = include_str!("page/uPlot.iife.min.js");
/// Its style.
pub const STYLE: &str = include_str!("page/uPlot.min.css");
/// Its licence, which goes where it goes.
pub const LICENCE: &str = include_str!("page/uPlot.LICENSE");
