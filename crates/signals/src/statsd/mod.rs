// SPDX-License-Identifier: Apache-2.0
//! StatsD over UDP: what applications and proxies send by themselves. Only the names that a revision asks for are kept
//! at all, which bounds the memory whatever is sent; see [`Store`]. [`StatsdServer`] is the thread that listens.
mod catalogue;
mod counts;
mod drops;
mod line;
mod series;
mod server;
mod spread;
mod store;
mod tags;

pub use catalogue::Wanted;
pub use counts::Counts;
pub use line::{Kind, Line, Wrong};
pub use server::StatsdServer;
pub use spread::{Living, spread};
pub use store::{Figure, Origin, Store};
pub use tags::Tags;
