// SPDX-License-Identifier: Apache-2.0
//! Scraping: which replica is read when, and how. [`Scraper`] is the handle; behind it stand a pure machine ([`Pacing`])
//! that says what is to be read and makes reports of what was, and a shell that owns the connections.
mod answer;
mod connection;
mod counts;
mod dice;
mod eye;
mod fetch;
mod pacing;
mod parked;
mod round;
mod rule;
mod scraper;
mod subject;
mod target;

pub use answer::Answer;
pub use counts::ScrapeCounts;
pub use fetch::LONGEST_PAGE;
pub use pacing::{Pacing, Read, Said, Slots};
pub use rule::{Pace, sample};
pub use scraper::Scraper;
pub use target::{Plan, Target};
