// SPDX-License-Identifier: Apache-2.0
use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A client that sends what it is told to, byte for byte.
#[derive(Debug)]
pub struct Peer {
    /// The socket.
    pub stream: TcpStream,
    unread: Vec<u8>,
}

/// A response as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status, 0 if there was no response.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// The body, chunks put together.
    pub body: String,
    /// The body ended as it should.
    pub whole: bool,
}

/// Longer than anything that a test waits for on purpose.
const PATIENCE: Duration = Duration::from_secs(20);

impl Peer {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.unwrap(),
            unread: Vec::new(),
        }
    }

    /// Connects, sends, reads one reply.
    pub async fn ask(address: SocketAddr, request: &str) -> Reply {
        let mut peer = Self::connect(address).await;
        peer.send(request).await;
        peer.reply().await
    }

    /// Sends.
    pub async fn send(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// Reads the next response, 1xx ones too.
    pub async fn reply(&mut self) -> Reply {
        self.reply_to(true).await
    }

    /// Reads the next response; `body` false: to a HEAD request.
    pub async fn reply_to(&mut self, body: bool) -> Reply {
        timeout(PATIENCE, self.read_reply(body))
            .await
            .expect("no reply in time")
    }

    /// Reads until the other side closes.
    pub async fn rest(&mut self) -> String {
        timeout(PATIENCE, async { while self.more().await {} })
            .await
            .expect("not closed in time");
        String::from_utf8_lossy(&std::mem::take(&mut self.unread)).into_owned()
    }

    /// Reads exactly so many bytes; fewer if the other side closes.
    pub async fn bytes(&mut self, count: usize) -> String {
        timeout(PATIENCE, async {
            while self.unread.len() < count && self.more().await {}
        })
        .await
        .expect("bytes did not come in time");
        let count = count.min(self.unread.len());
        String::from_utf8_lossy(&self.unread.drain(..count).collect::<Vec<_>>()).into_owned()
    }

    /// True when the other side has closed and nothing is unread.
    pub async fn is_closed(&mut self) -> bool {
        timeout(PATIENCE, self.more()).await.is_ok_and(|more| !more) && self.unread.is_empty()
    }

    async fn more(&mut self) -> bool {
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece).await {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                self.unread.extend_from_slice(&piece[..count]);
                true
            }
        }
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn read_reply(&mut self, with_body: bool) -> Reply {
        let mut reply = Reply {
            status: 0,
            head: String::new(),
            body: String::new(),
            whole: false,
        };
        while let Some(line) = self.line().await {
            if line.is_empty() {
                reply.whole = true;
                break;
            }
            reply.head.push_str(&line);
            reply.head.push('\n');
        }
        if !reply.whole {
            return reply;
        }
        reply.status = reply
            .head
            .split(' ')
            .nth(1)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        if !with_body || reply.status < 200 || reply.status == 204 || reply.status == 304 {
            return reply;
        }
        if let Some(length) = reply.header("content-length") {
            let length = length.parse().unwrap();
            reply.body = self.bytes(length).await;
            reply.whole = reply.body.len() == length;
        } else if reply.header("transfer-encoding").is_some() {
            reply.whole = self.chunks(&mut reply.body).await.is_some();
        } else {
            reply.body = self.rest().await;
        }
        reply
    }

    async fn chunks(&mut self, body: &mut String) -> Option<()> {
        loop {
            let size = usize::from_str_radix(&self.line().await?, 16).ok()?;
            if size == 0 {
                // Trailers go to the body's end, for the test to see.
                loop {
                    let line = self.line().await?;
                    if line.is_empty() {
                        return Some(());
                    }
                    body.push_str(&line);
                }
            }
            let data = self.bytes(size).await;
            body.push_str(&data);
            if data.len() < size || !self.line().await?.is_empty() {
                return None;
            }
        }
    }
}

impl Reply {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}
