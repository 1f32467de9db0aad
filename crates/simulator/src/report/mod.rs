// SPDX-License-Identifier: Apache-2.0
//! What a comparison of policies comes to: a table for the terminal, one page with plots, CSV and JSON.
//!
//! A [`Comparison`] holds one load and what each policy made of it; the four writers only read it.
mod comparison;
mod csv;
mod demand;
mod figures;
mod html;
mod table;
pub mod uplot;

pub use comparison::{Comparison, FORMAT, LoadFigures};
pub use csv::csv;
pub use demand::Demand;
pub use figures::{Figures, Sample, Tail};
pub use html::html;
pub use table::{table, text};
