// SPDX-License-Identifier: Apache-2.0
use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::{
    choose::Place,
    client::Busy,
    limits::{Deadlines, Passed},
    upstream::Sender,
};

/// A request's body on its way to an upstream. As long as it has not begun it can be sent again elsewhere.
#[derive(Debug)]
pub(crate) enum RequestBody {
    Empty,
    Stream(Arc<Upload>),
}

/// The body as the client sends it.
#[derive(Debug)]
pub(crate) struct Upload {
    incoming: Mutex<Incoming>,
    begun: AtomicBool,
    ended: AtomicBool,
    /// It ended wrongly: the client's fault.
    failed: AtomicBool,
    frames: AtomicU64,
}

impl Upload {
    pub(crate) fn new(incoming: Incoming) -> Arc<Self> {
        Arc::new(Self {
            ended: AtomicBool::new(incoming.is_end_stream()),
            incoming: Mutex::new(incoming),
            begun: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            frames: AtomicU64::new(0),
        })
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Acquire)
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.load(Acquire)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Acquire)
    }

    /// Frames so far.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.load(Relaxed)
    }

    fn incoming(&self) -> MutexGuard<'_, Incoming> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self::Stream(upload) = self.get_mut() else {
            return Poll::Ready(None);
        };
        let mut incoming = upload.incoming();
        // Asking hyper for the body is what sends `100 Continue`; only a byte that came cannot be sent again.
        let frame = ready!(Pin::new(&mut *incoming).poll_frame(cx));
        upload.begun.store(true, Release);
        match &frame {
            Some(Ok(_)) => {
                upload.frames.fetch_add(1, Relaxed);
                if incoming.is_end_stream() {
                    upload.ended.store(true, Release);
                }
            }
            Some(Err(_)) => upload.failed.store(true, Release),
            None => upload.ended.store(true, Release),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Stream(upload) => upload.incoming().is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Stream(upload) => upload.incoming().size_hint(),
        }
    }
}

/// A response's body on its way to the client. It holds the request's place until its last byte.
pub(crate) enum ResponseBody<P: Place> {
    Text(Option<Bytes>),
    Forwarded {
        incoming: Incoming,
        held: Option<Held<P>>,
    },
}

/// What a request holds until its response has ended.
pub(crate) struct Held<P: Place> {
    pub(crate) place: P,
    pub(crate) deadlines: Deadlines,
    pub(crate) upload: Option<Arc<Upload>>,
    pub(crate) upload_frames: u64,
    /// Goes back into the pool if all went well.
    pub(crate) sender: Sender,
    pub(crate) _busy: Busy,
}

/// A limit that passed after the response had begun: the response is cut off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the response was cut off: the {0:?} limit has passed")]
    Passed(Passed),
    #[error("the replica's response broke off")]
    Upstream(#[source] hyper::Error),
}

// Nothing in it is pinned in place.
impl<P: Place> Unpin for ResponseBody<P> {}

impl<P: Place> ResponseBody<P> {
    pub(crate) fn empty() -> Self {
        Self::Text(None)
    }
}

impl<P: Place> Held<P> {
    /// The response has ended well: the connection can serve another request if the upload has ended too.
    fn finish(self) {
        let Self {
            place,
            sender,
            upload,
            ..
        } = self;
        if upload.is_none_or(|upload| upload.has_ended()) {
            sender.give_back(place.upstream());
        }
    }
}

impl<P: Place> Body for ResponseBody<P> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let (incoming, held_slot) = match self.get_mut() {
            Self::Text(text) => return Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
            Self::Forwarded { incoming, held } => (incoming, held),
        };
        let Some(held) = held_slot.as_mut() else {
            return Poll::Ready(None);
        };
        match Pin::new(&mut *incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                held.deadlines.moved();
                if incoming.is_end_stream()
                    && let Some(held) = held_slot.take()
                {
                    held.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                *held_slot = None;
                Poll::Ready(Some(Err(BodyError::Upstream(error))))
            }
            Poll::Ready(None) => {
                if let Some(held) = held_slot.take() {
                    held.finish();
                }
                Poll::Ready(None)
            }
            Poll::Pending => {
                let Held {
                    deadlines,
                    upload,
                    upload_frames,
                    ..
                } = held;
                let passed = ready!(deadlines.poll_passed(cx, || {
                    let frames = upload.as_ref().map_or(0, |upload| upload.frames());
                    std::mem::replace(upload_frames, frames) != frames
                }));
                *held_slot = None;
                Poll::Ready(Some(Err(BodyError::Passed(passed))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text(text) => text.is_none(),
            Self::Forwarded { incoming, held } => held.is_none() || incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text(text) => SizeHint::with_exact(text.as_ref().map_or(0, Bytes::len) as u64),
            Self::Forwarded { incoming, .. } => incoming.size_hint(),
        }
    }
}

impl<P: Place> Drop for ResponseBody<P> {
    fn drop(&mut self) {
        // A response without a body (HEAD, 204) is dropped unread and has ended all the same.
        if let Self::Forwarded { incoming, held } = self
            && incoming.is_end_stream()
            && let Some(held) = held.take()
        {
            held.finish();
        }
    }
}
