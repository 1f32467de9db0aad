// SPDX-License-Identifier: Apache-2.0
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::{
    child::Ending,
    lifecycle::{Number, WaitEnd},
};

/// What a task tells the owner of a replica.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) revision: Arc<str>,
    pub(crate) number: Number,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Spawned { pid: u32, port: u16 },
    Ended(Ending),
    Waited { ticket: u64, end: WaitEnd },
}

/// Tells the owner of one replica; waits while too much news waits.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    pub(crate) revision: Arc<str>,
    pub(crate) number: Number,
    pub(crate) news: mpsc::Sender<News>,
}

impl Reporter {
    pub(crate) async fn tell(&self, what: What) {
        let news = News {
            revision: Arc::clone(&self.revision),
            number: self.number,
            what,
        };
        // Without an owner nobody needs to know.
        self.news.send(news).await.ok();
    }
}
