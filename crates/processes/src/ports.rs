// SPDX-License-Identifier: Apache-2.0
use std::{
    collections::BTreeSet,
    io,
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
};

/// How often another port is asked for when the kernel names one that a replica was given already.
const TRIES: usize = 100;

/// The ports of 127.0.0.1 that were given to replicas.
///
/// The kernel names a free port, which is released again and told to the replica. Between release
/// and use somebody else may take it: then the replica says so and ends, and its restart gets
/// another port. Two replicas of this platform never get the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ports(Arc<Mutex<BTreeSet<u16>>>);

/// A port that is given to nobody else until this is dropped.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    ports: Ports,
}

impl Ports {
    /// A free port. Fails when the kernel has none, or no file descriptor, left.
    pub(crate) fn take(&self) -> io::Result<Port> {
        for _ in 0..TRIES {
            let number = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
                .local_addr()?
                .port();
            if self
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(number)
            {
                return Ok(Port {
                    number,
                    ports: self.clone(),
                });
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "all free ports are given to replicas",
        ))
    }
}

impl Port {
    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.ports
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_no_port_twice_until_it_is_dropped() {
        let ports = Ports::default();
        let taken: Vec<_> = (0..200).map(|_| ports.take().unwrap()).collect();
        let numbers: BTreeSet<_> = taken.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), 200);
        drop(taken);
        assert!(ports.0.lock().unwrap().is_empty());
    }
}
