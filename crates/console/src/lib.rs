// SPDX-License-Identifier: Apache-2.0
//! The console: one page, served by the binary itself, that shows what the autoscaler did with each revision and why,
//! from this second to a day back.
//!
//! [`Console`] is told once a second what there is, and each decision as it is made. What it keeps of that is a pure
//! machine (`pasts`) in bounded memory, finer for what was just now than for what is long ago. The page (`page/`) is
//! plain HTML, CSS and JavaScript in the binary; it asks nobody but us.
mod assets;
mod console;
mod cost;
mod counts;
mod feed;
mod guard;
mod live;
mod past;
mod pasts;
mod point;
mod row;
mod series;
mod sparks;
mod what_if;

pub use assets::assets;
pub use console::Console;
pub use counts::ConsoleCounts;
pub use guard::guarded;
