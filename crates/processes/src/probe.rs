// SPDX-License-Identifier: Apache-2.0
use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::Probe;

/// The longest that one try takes.
const LIMIT: Duration = Duration::from_secs(1);

/// Tries once whether a replica is ready. Takes at most a second.
pub(crate) async fn is_ready(probe: &Probe, address: SocketAddr) -> bool {
    let answered = async {
        let mut connection = TcpStream::connect(address).await?;
        // A connection to a free port can meet itself: then nobody else is there.
        if connection.local_addr()? == address {
            return Ok(false);
        }
        match probe {
            Probe::Tcp => Ok(true),
            Probe::Http(path) => get(&mut connection, path, address).await,
        }
    };
    matches!(timeout(LIMIT, answered).await, Ok(Ok(true)))
}

/// Whether a GET answers 2xx or 3xx; only the status line is read.
async fn get(connection: &mut TcpStream, path: &str, address: SocketAddr) -> io::Result<bool> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: cheerful-probe\r\n\
         Accept: */*\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).await?;
    let mut status_line = [0; "HTTP/1.1 200".len()];
    connection.read_exact(&mut status_line).await?;
    let is_http = status_line.starts_with(b"HTTP/1.");
    let class = status_line.get(9);
    Ok(is_http && status_line.get(8) == Some(&b' ') && matches!(class, Some(b'2' | b'3')))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What an HTTP probe says to this answer.
    async fn answered(answer: &'static [u8]) -> bool {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 1000];
            let length = connection.read(&mut request).await.unwrap();
            assert!(request[..length].starts_with(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:"));
            connection.write_all(answer).await.unwrap();
        };
        let probe = Probe::Http("/health".into());
        tokio::join!(is_ready(&probe, address), serve).0
    }

    #[tokio::test]
    async fn status_2xx_and_3xx_is_ready() {
        assert!(answered(b"HTTP/1.1 200 OK\r\n\r\n").await);
        assert!(answered(b"HTTP/1.0 302 Found\r\n\r\n").await);
        for bad in [
            b"HTTP/1.1 503 Service Unavailable\r\n\r\n".as_slice(),
            b"HTTP/1.1 404 Not Found\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.6 and more\r\n",
            b"HTTP/1.1",
            b"",
        ] {
            assert!(!answered(bad).await, "{}", String::from_utf8_lossy(bad));
        }
    }

    #[tokio::test]
    async fn ready_is_who_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert!(is_ready(&Probe::Tcp, address).await);
        // Bound, so that nobody else takes it, but nobody listens.
        let bound = tokio::net::TcpSocket::new_v4().unwrap();
        bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(!is_ready(&Probe::Tcp, bound.local_addr().unwrap()).await);
    }

    #[tokio::test]
    async fn who_never_answers_is_not_ready_after_a_second() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert!(!is_ready(&Probe::Http("/".into()), address).await);
    }
}
