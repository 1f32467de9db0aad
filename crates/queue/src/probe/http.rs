// SPDX-License-Identifier: Apache-2.0
use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::HttpProbe;

/// As much of an answer as is looked at.
const STATUS_LINE: usize = "HTTP/1.1 200".len();

impl HttpProbe {
    /// Whether a GET answers 2xx or 3xx; only the status line is read.
    pub(super) async fn get(
        &self,
        mut stream: TcpStream,
        address: SocketAddr,
    ) -> Result<(), String> {
        let read = async {
            stream.write_all(self.head(address).as_bytes()).await?;
            let mut line = [0; STATUS_LINE];
            stream.read_exact(&mut line).await?;
            Ok::<_, io::Error>(line)
        };
        let line = read.await.map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => "the connection ended without an answer".to_owned(),
            _ => error.to_string(),
        })?;
        status(&line)
    }

    /// The request, as the kubelet's.
    fn head(&self, address: SocketAddr) -> String {
        let path = &self.path;
        let mut head = format!("GET {path} HTTP/1.1\r\n");
        let given = |name: &str| {
            self.headers
                .iter()
                .any(|(given, _)| given.eq_ignore_ascii_case(name))
        };
        let port = address.port();
        for (name, value) in [
            ("Host", format!("127.0.0.1:{port}").as_str()),
            ("User-Agent", "cheerful-probe"),
            ("Accept", "*/*"),
        ] {
            if !given(name) {
                head.extend([name, ": ", value, "\r\n"]);
            }
        }
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("Connection: close\r\n\r\n");
        head
    }
}

fn status(line: &[u8; STATUS_LINE]) -> Result<(), String> {
    let text = String::from_utf8_lossy(line);
    let code = text
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split_once(' '))
        .map(|(_, code)| code);
    match code {
        Some(code) if code.starts_with(['2', '3']) => Ok(()),
        Some(code) => Err(format!("it answered {code}")),
        None => Err("what it answered is not HTTP/1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_headers_replace_ours() {
        let probe = HttpProbe {
            path: "/healthz?full".to_owned(),
            headers: vec![
                ("host".to_owned(), "shop.example".to_owned()),
                ("X-Key".to_owned(), "1".to_owned()),
            ],
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 8080));
        assert_eq!(
            probe.head(address),
            "GET /healthz?full HTTP/1.1\r\nUser-Agent: cheerful-probe\r\nAccept: */*\r\n\
             host: shop.example\r\nX-Key: 1\r\nConnection: close\r\n\r\n"
        );
    }

    #[test]
    fn what_is_between_200_and_399_is_an_answer() {
        assert_eq!(status(b"HTTP/1.1 204"), Ok(()));
        assert_eq!(status(b"HTTP/1.0 302"), Ok(()));
        assert_eq!(status(b"HTTP/1.1 503"), Err("it answered 503".to_owned()));
        assert!(status(b"SSH-2.0-Open").is_err());
    }
}
