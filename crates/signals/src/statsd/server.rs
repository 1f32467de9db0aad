// SPDX-License-Identifier: Apache-2.0
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use cheerful_scaling::Moment;
use rustix::{
    io::Errno,
    net::{RecvFlags, SocketAddrAny, recvfrom, sockopt},
};

use super::{Store, drops::dropped};

/// Listens for datagrams in a thread of its own, which ends when this is dropped.
#[derive(Debug)]
pub struct StatsdServer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    socket: UdpSocket,
    store: Mutex<Store>,
    origin: Instant,
    stop: AtomicBool,
    errors: AtomicU64,
    inode: u64,
}

/// What the kernel is asked to keep while the thread has no turn; it gives what it may.
const BUFFER_BYTES: usize = 8 * 1024 * 1024;
/// The longest datagram there can be.
const DATAGRAM_BYTES: usize = 65_536;
/// Datagrams for which the store is held at most.
const AT_ONCE: usize = 256;
/// Until a wait for the first one ends, to see whether to stop.
const WAIT: Duration = Duration::from_millis(200);
/// For more to come before the next look: to be woken for each one costs more than to take it.
const GATHER: Duration = Duration::from_millis(1);
/// After an error, before the next try.
const PAUSE: Duration = Duration::from_millis(50);

impl StatsdServer {
    /// Listens on an address; port 0: any free one.
    ///
    /// # Errors
    /// When it cannot.
    pub fn start(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        // Above the system's limit only who may.
        if sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER_BYTES).is_err() {
            sockopt::set_socket_recv_buffer_size(&socket, BUFFER_BYTES)?;
        }
        socket.set_read_timeout(Some(WAIT))?;
        let inode = rustix::fs::fstat(&socket)?.st_ino;
        let shared = Arc::new(Shared {
            socket,
            store: Mutex::default(),
            origin: now(),
            stop: AtomicBool::new(false),
            errors: AtomicU64::new(0),
            inode,
        });
        let listener = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("statsd".to_owned())
            .spawn(move || listener.listen())?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.shared.socket.local_addr()
    }

    /// What has come. Datagrams wait while it is held.
    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.shared.store()
    }

    /// The store's time.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.shared.now()
    }

    /// Datagrams that the kernel dropped because the thread was too slow; `None`: it does not say.
    #[must_use]
    pub fn dropped(&self) -> Option<u64> {
        let tables = ["/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"];
        let texts = tables
            .iter()
            .filter_map(|table| fs::read_to_string(table).ok());
        texts
            .into_iter()
            .find_map(|text| dropped(&text, self.shared.inode))
    }

    /// Errors of the socket.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.shared.errors.load(Relaxed)
    }
}

impl Drop for StatsdServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Shared {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        let micros = now().duration_since(self.origin).as_micros();
        Moment::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    fn listen(&self) {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        while !self.stop.load(Relaxed) {
            match self.receive(&mut buffer, RecvFlags::empty()) {
                Ok((length, from)) => {
                    let mut store = self.store();
                    let now = self.now();
                    self.give(&mut store, now, from, buffer.get(..length));
                    let mut is_empty = false;
                    for _ in 1..AT_ONCE {
                        // An error comes again, and is seen to then.
                        let more = self.receive(&mut buffer, RecvFlags::DONTWAIT);
                        let Ok((length, from)) = more else {
                            is_empty = true;
                            break;
                        };
                        self.give(&mut store, now, from, buffer.get(..length));
                    }
                    drop(store);
                    if is_empty {
                        std::thread::sleep(GATHER);
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => {
                    self.errors.fetch_add(1, Relaxed);
                    tracing::debug!(%error, "no datagram could be received");
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    fn receive(&self, buffer: &mut [u8], flags: RecvFlags) -> Result<(usize, IpAddr), Errno> {
        let (length, _, from) = recvfrom(&self.socket, buffer, flags)?;
        Ok((
            length,
            from.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address),
        ))
    }

    fn give(&self, store: &mut Store, now: Moment, from: IpAddr, datagram: Option<&[u8]>) {
        store.take(now, from, datagram.unwrap_or_default());
    }
}

/// An IPv4 address that came over a socket of both kinds is that address.
fn address(from: SocketAddrAny) -> IpAddr {
    SocketAddr::try_from(from).map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |from| {
        from.ip().to_canonical()
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the server reads the clock; the store takes time as an argument"
)]
fn now() -> Instant {
    Instant::now()
}
