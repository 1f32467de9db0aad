// SPDX-License-Identifier: Apache-2.0
use std::{future::Future, net::SocketAddr, sync::Arc};

use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// An app that does with each connection what the test says. It ends when it is dropped.
#[derive(Debug)]
pub struct Script {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Script {
    /// Runs `play` for each connection, with the connection's number from 0.
    pub async fn start<F, P>(play: F) -> Self
    where
        F: Fn(usize, TcpStream) -> P + Send + Sync + 'static,
        P: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let play = Arc::new(play);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                connections.spawn(play(number, stream));
            }
        });
        Self {
            address,
            _tasks: tasks,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Reads a request's head, byte by byte, and nothing behind it; empty if the connection ended.
pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}
