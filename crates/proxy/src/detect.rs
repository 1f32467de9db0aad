// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// The client's side of an HTTP/2 connection's beginning (RFC 9113, 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const EMPTY_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// An HTTP/2 server answers the preface at once; one that takes so long is taken for HTTP/1.1.
const PATIENCE: Duration = Duration::from_secs(1);

/// What an app speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    Unknown = 0,
    Http1Only = 1,
    /// HTTP/2 with prior knowledge, and as far as is known HTTP/1.1 too.
    Both = 2,
    /// HTTP/1.1 was tried and not understood.
    Http2Only = 3,
}

impl Speaks {
    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Http1Only,
            2 => Self::Both,
            3 => Self::Http2Only,
            _ => Self::Unknown,
        }
    }
}

/// Asks on a connection of its own, which is closed afterwards.
pub(crate) async fn detect(mut stream: TcpStream) -> Speaks {
    let ask = async {
        stream.write_all(PREFACE).await?;
        stream.write_all(EMPTY_SETTINGS).await?;
        let mut frame = [0; 9];
        stream.read_exact(&mut frame).await?;
        Ok::<_, std::io::Error>(frame)
    };
    match timeout(PATIENCE, ask).await {
        // A SETTINGS frame of the connection: whole settings of 6 bytes, stream 0.
        Ok(Ok([_, high, low, 4, _, 0, 0, 0, 0])) if u16::from_be_bytes([high, low]) % 6 == 0 => {
            Speaks::Both
        }
        _ => Speaks::Http1Only,
    }
}
