// SPDX-License-Identifier: Apache-2.0
use std::{io, sync::Arc, thread::JoinHandle};

use cheerful_gateway::Gateway;
use cheerful_proxy::{Drain, ServerConfig, serve};
use tokio::{runtime, sync::mpsc};

use super::listen::Door;

/// The threads that serve requests, each with its own runtime and its own handle on the one socket, so that the data
/// path never waits for the control path.
#[derive(Debug)]
pub(crate) struct Serving {
    drain: Drain,
    ended: mpsc::Receiver<io::Result<()>>,
    running: usize,
    threads: Vec<JoinHandle<()>>,
}

impl Serving {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// When the system has no thread or descriptor left.
    pub(crate) fn start(
        door: &Door,
        tls: Option<&Arc<rustls::ServerConfig>>,
        gateway: &Arc<Gateway>,
        count: usize,
    ) -> io::Result<Self> {
        let drain = Drain::new();
        let (end, ended) = mpsc::channel(count);
        let mut threads = Vec::with_capacity(count);
        for number in 1..=count {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let listener = {
                let _inside = runtime.enter();
                door.listener(tls.cloned())?
            };
            let (gateway, drain, end) = (Arc::clone(gateway), drain.clone(), end.clone());
            let thread = std::thread::Builder::new()
                .name(format!("serve-{number}"))
                .spawn(move || {
                    let result =
                        runtime.block_on(serve(listener, gateway, ServerConfig::default(), drain));
                    if let Err(unheard) = end.try_send(result) {
                        tracing::debug!("nobody waited for the end of a serving thread: {unheard}");
                    }
                })?;
            threads.push(thread);
        }
        Ok(Self {
            drain,
            ended,
            running: count,
            threads,
        })
    }

    /// Tells clients that the end is near; all that come are still served.
    pub(crate) fn announce(&self) {
        self.drain.announce(true);
    }

    /// Stops accepting; what is in flight goes on.
    pub(crate) fn drain(&self) {
        self.drain.begin();
    }

    /// Waits for the end of the next thread: by itself only with an error, else after [`Serving::drain`].
    /// `None` when all have ended. May be dropped and called again.
    pub(crate) async fn next_end(&mut self) -> Option<io::Result<()>> {
        if self.running == 0 {
            return None;
        }
        let ended = self.ended.recv().await;
        self.running -= 1;
        if self.running == 0 {
            for thread in self.threads.drain(..) {
                if thread.join().is_err() {
                    tracing::error!("a serving thread panicked");
                }
            }
        }
        ended
    }
}
