// SPDX-License-Identifier: Apache-2.0
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU8, AtomicU32,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    task::Waker,
};

use http::HeaderValue;

use crate::{framing::Refusal, headers::forwarded_element, limits::Timer, tunnel::Tunnel};

/// What is known of one client connection; shared by its socket, its task and its requests.
/// All of these run in one task (HTTP/1.1) or on one runtime, so the locks are never waited for.
pub(crate) struct Client {
    pub(crate) address: Option<SocketAddr>,
    /// Came over TLS.
    pub(crate) secure: bool,
    address_text: Option<HeaderValue>,
    /// The last `Host` and the `Forwarded` element made for it: mostly the same for a whole connection.
    forwarded: Mutex<Option<(Option<HeaderValue>, HeaderValue)>>,
    /// Requests handed to the service.
    calls: AtomicU32,
    /// The number of the request that stands for a refused head, and why; `u32::MAX`: none.
    refused_at: AtomicU32,
    refusal: AtomicU8,
    upgrade: AtomicU8,
    upgrade_waker: Mutex<Option<Waker>>,
    head_overdue: AtomicBool,
    inside_head: AtomicBool,
    /// Requests between their head and the end of their response.
    busy: AtomicU32,
    timer: Mutex<Option<Timer>>,
    tunnel: Mutex<Option<Tunnel>>,
}

/// While it lives, a request of the client is being served.
pub(crate) struct Busy {
    client: Arc<Client>,
}

impl Busy {
    pub(crate) fn new(client: &Arc<Client>) -> Self {
        client.busy.fetch_add(1, Relaxed);
        Self {
            client: Arc::clone(client),
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.client.busy.fetch_sub(1, Relaxed);
    }
}

/// Whether what follows an upgrade request is another protocol or the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upgrade {
    Undecided = 0,
    Switched = 1,
    Declined = 2,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Client {
    pub(crate) fn new(address: Option<SocketAddr>, secure: bool) -> Self {
        let address_text = address
            .and_then(|address| HeaderValue::from_maybe_shared(address.ip().to_string()).ok());
        Self {
            address,
            secure,
            address_text,
            forwarded: Mutex::new(None),
            calls: AtomicU32::new(0),
            refused_at: AtomicU32::new(u32::MAX),
            refusal: AtomicU8::new(0),
            upgrade: AtomicU8::new(0),
            upgrade_waker: Mutex::new(None),
            head_overdue: AtomicBool::new(false),
            inside_head: AtomicBool::new(false),
            busy: AtomicU32::new(0),
            timer: Mutex::new(None),
            tunnel: Mutex::new(None),
        }
    }

    pub(crate) fn address_text(&self) -> Option<HeaderValue> {
        self.address_text.clone()
    }

    pub(crate) fn forwarded(&self, host: Option<&HeaderValue>) -> HeaderValue {
        let mut last = lock(&self.forwarded);
        if let Some((last_host, element)) = &*last
            && last_host.as_ref() == host
        {
            return element.clone();
        }
        let element =
            forwarded_element(self.address.map(|address| address.ip()), host, self.secure);
        let element = HeaderValue::from_maybe_shared(element)
            .unwrap_or_else(|_| HeaderValue::from_static("for=unknown"));
        *last = Some((host.cloned(), element.clone()));
        element
    }

    /// A request has reached the service: `Some` if it only stands for one that was refused.
    pub(crate) fn call(&self) -> Option<Refusal> {
        let number = self.calls.fetch_add(1, Relaxed);
        (number == self.refused_at.load(Acquire))
            .then(|| Refusal::from_code(self.refusal.load(Acquire)))
    }

    /// The request after `heads` good ones stands for a refusal.
    pub(crate) fn refuse(&self, heads: u32, refusal: Refusal) {
        self.refusal.store(refusal as u8, Release);
        self.refused_at.store(heads, Release);
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.refused_at.load(Relaxed) != u32::MAX
    }

    /// The answer to an upgrade request is known: what its client sent behind it can go on.
    pub(crate) fn decide_upgrade(&self, upgrade: Upgrade) {
        self.upgrade.store(upgrade as u8, Release);
        let waker = lock(&self.upgrade_waker).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the decision, or remembers whom to wake.
    pub(crate) fn take_upgrade(&self, waker: &Waker) -> Upgrade {
        match self.upgrade.swap(Upgrade::Undecided as u8, Acquire) {
            1 => Upgrade::Switched,
            2 => Upgrade::Declined,
            _ => {
                *lock(&self.upgrade_waker) = Some(waker.clone());
                Upgrade::Undecided
            }
        }
    }

    /// The connection's time for a head is over: the next read says so.
    pub(crate) fn head_is_overdue(&self) {
        self.head_overdue.store(true, Release);
    }

    pub(crate) fn take_head_overdue(&self) -> bool {
        self.head_overdue.load(Relaxed) && self.head_overdue.swap(false, Acquire)
    }

    /// A head has begun and not ended.
    pub(crate) fn set_inside_head(&self, inside: bool) {
        self.inside_head.store(inside, Relaxed);
    }

    pub(crate) fn is_inside_head(&self) -> bool {
        self.inside_head.load(Relaxed)
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Relaxed) > 0
    }

    pub(crate) fn requests(&self) -> u32 {
        self.calls.load(Relaxed)
    }

    pub(crate) fn take_timer(&self) -> Option<Timer> {
        lock(&self.timer).take()
    }

    pub(crate) fn keep_timer(&self, timer: Timer) {
        *lock(&self.timer) = Some(timer);
    }

    pub(crate) fn set_tunnel(&self, tunnel: Tunnel) {
        *lock(&self.tunnel) = Some(tunnel);
    }

    pub(crate) fn take_tunnel(&self) -> Option<Tunnel> {
        lock(&self.tunnel).take()
    }
}
