// SPDX-License-Identifier: Apache-2.0
//! The app's own path: what it says of its requests, and whether it is busy.
mod answer;

pub use answer::{AppAnswer, LONGEST, read, text_preset};
