// SPDX-License-Identifier: Apache-2.0
use std::{
    cell::RefCell,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    client::{Client, Upgrade},
    framing::{Framing, Refusal, Stop},
    transport::Transport,
};

/// What hyper reads from and writes to: the client's connection behind its [`Framing`].
///
/// A refused head is replaced by a small request that the service knows by its number, so that the refusal
/// is answered in its turn and in good order, and nothing is read after it.
pub(crate) struct Socket {
    transport: Transport,
    client: Arc<Client>,
    framing: Framing,
    /// Bytes kept back; empty but for heads that come in pieces and what follows an upgrade request.
    held: Vec<u8>,
    /// How many of these may go on.
    free: usize,
    stop: Stop,
    broken: bool,
}

/// Most bytes kept behind an upgrade request before its answer; more wait in the kernel.
const MAX_BEHIND_UPGRADE: usize = 64 * 1024;

const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n";

thread_local! {
    /// Bytes pass through here on their way to hyper: one buffer for a thread, none for a connection.
    static SCRATCH: RefCell<Box<[u8; 32 * 1024]>> = RefCell::new(Box::new([0; 32 * 1024]));
}

impl Socket {
    /// `first` has been read from the transport already.
    pub(crate) fn new(
        transport: Transport,
        client: Arc<Client>,
        framing: Framing,
        first: Vec<u8>,
    ) -> Self {
        let mut socket = Self {
            transport,
            client,
            framing,
            held: first,
            free: 0,
            stop: Stop::No,
            broken: false,
        };
        socket.inspect_held();
        socket
    }

    /// The transport, and what was read from it and not given to hyper.
    pub(crate) fn into_parts(self) -> (Transport, Vec<u8>) {
        (self.transport, self.held)
    }

    fn inspect_held(&mut self) {
        let (free, stop) = self.framing.inspect(&self.held);
        self.free = free;
        self.stopped(stop);
    }

    fn stopped(&mut self, stop: Stop) {
        if (self.stop == Stop::Head) != (stop == Stop::Head) {
            self.client.set_inside_head(stop == Stop::Head);
        }
        self.stop = stop;
        match stop {
            Stop::Refused(refusal) => self.refuse(refusal),
            Stop::Broken => self.broken = true,
            Stop::No | Stop::Head | Stop::Undecided => {}
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.stop = Stop::Refused(refusal);
        self.client.refuse(self.framing.heads(), refusal);
        self.held.truncate(self.free);
        self.held.extend_from_slice(STAND_IN);
        self.free = self.held.len();
    }

    /// Gives hyper what is held and free to go.
    fn give(&mut self, out: &mut ReadBufCursor<'_>) -> bool {
        let count = self.free.min(out.remaining());
        let Some(bytes) = self.held.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return false;
        };
        out.put_slice(bytes);
        self.free -= count;
        if count == self.held.len() {
            self.held = Vec::new();
        } else {
            self.held.drain(..count);
        }
        true
    }

    fn poll_transport(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
        mut use_bytes: impl FnMut(&mut Self, &[u8]),
    ) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let most = most.min(scratch.len());
            let mut buffer = ReadBuf::new(scratch.get_mut(..most).unwrap_or_default());
            ready!(Pin::new(&mut self.transport).poll_read(cx, &mut buffer))?;
            let bytes = buffer.filled();
            use_bytes(self, bytes);
            Poll::Ready(Ok(bytes.len()))
        })
    }
}

impl Read for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut out: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.give(&mut out) {
                return Poll::Ready(Ok(()));
            }
            if this.broken {
                return Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "malformed chunked body",
                )));
            }
            match this.stop {
                // The stand-in is hyper's last request here.
                Stop::Refused(_) => return Poll::Pending,
                Stop::Undecided => match this.client.take_upgrade(cx.waker()) {
                    Upgrade::Switched => {
                        this.framing.switched();
                        this.inspect_held();
                        continue;
                    }
                    Upgrade::Declined => {
                        this.framing.declined();
                        this.inspect_held();
                        continue;
                    }
                    Upgrade::Undecided => {}
                },
                _ => {}
            }
            if this.client.take_head_overdue() {
                if this.stop == Stop::Head {
                    this.refuse(Refusal::HeadTimeout);
                    continue;
                }
                // Idle for too long: as if the client had closed.
                return Poll::Ready(Ok(()));
            }
            if this.stop == Stop::Head || this.stop == Stop::Undecided {
                if this.stop == Stop::Undecided && this.held.len() >= MAX_BEHIND_UPGRADE {
                    return Poll::Pending;
                }
                let read = ready!(this.poll_transport(cx, usize::MAX, |this, bytes| {
                    this.held.extend_from_slice(bytes);
                }))?;
                if read == 0 {
                    return Poll::Ready(Ok(()));
                }
                this.inspect_held();
                continue;
            }
            let mut passed = 0;
            let read = ready!(this.poll_transport(cx, out.remaining(), |this, bytes| {
                let (free, stop) = this.framing.inspect(bytes);
                let (free, kept) = bytes.split_at(free);
                passed = free.len();
                out.put_slice(free);
                if matches!(stop, Stop::Head | Stop::Undecided) {
                    this.held.extend_from_slice(kept);
                }
                this.stopped(stop);
            }))?;
            if read == 0 || passed > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().transport).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().transport).poll_write_vectored(cx, slices)
    }
}
