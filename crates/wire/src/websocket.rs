// SPDX-License-Identifier: Apache-2.0
use std::{marker::PhantomData, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Error, Message, protocol::WebSocketConfig},
};

use crate::end::{End, Fault};

/// Where a stream is asked for.
pub(crate) const PATH: &str = "/cheerful.wire.v1/stream";
/// Pings that may go unanswered; one is sent every 5 s.
const UNANSWERED: u8 = 2;
/// For a closing frame to go out.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// One end of a stream over WebSocket: each binary frame is one protobuf message.
pub(crate) struct Frames<S, In, Out> {
    socket: WebSocketStream<S>,
    /// Pings since the other side was last heard of.
    unanswered: u8,
    kind: PhantomData<fn(Out) -> In>,
}

impl<S, In, Out> Frames<S, In, Out> {
    pub(crate) fn new(socket: WebSocketStream<S>) -> Self {
        Self {
            socket,
            unanswered: 0,
            kind: PhantomData,
        }
    }
}

/// Small buffers: the usual 128 KiB for each direction would be a gigabyte for ten thousand streams.
pub(crate) fn settings(max_message_bytes: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(1024)
        .write_buffer_size(0)
        .max_write_buffer_size(2 * max_message_bytes.max(1024))
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes))
}

impl<S, In, Out> End for Frames<S, In, Out>
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
    In: prost::Message + Default,
    Out: prost::Message,
{
    type In = In;
    type Out = Out;

    async fn receive(&mut self) -> Result<Option<In>, Fault> {
        loop {
            let Some(message) = self.socket.next().await else {
                return Ok(None);
            };
            self.unanswered = 0;
            match message.map_err(fault)? {
                Message::Binary(bytes) => {
                    let message = In::decode(bytes).map_err(|e| Fault::Garbage(e.to_string()))?;
                    return Ok(Some(message));
                }
                Message::Text(_) => return Err(Fault::Garbage("a frame of text".to_owned())),
                Message::Close(_) => return Ok(None),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    async fn send(&mut self, message: Out) -> Result<(), Fault> {
        let bytes = Bytes::from(message.encode_to_vec());
        let sent = self.socket.send(Message::Binary(bytes)).await;
        sent.map_err(fault)
    }

    async fn keep_alive(&mut self) -> Result<(), Fault> {
        if self.unanswered >= UNANSWERED {
            return Err(Fault::Lost(format!("{UNANSWERED} pings went unanswered")));
        }
        self.unanswered += 1;
        let sent = self.socket.send(Message::Ping(Bytes::new())).await;
        sent.map_err(fault)
    }

    async fn close(&mut self) {
        let goodbye = self.socket.close(None);
        // The other side finds out by the connection's end if this does not reach it.
        drop(tokio::time::timeout(CLOSE_LIMIT, goodbye).await);
    }
}

fn fault(error: Error) -> Fault {
    match error {
        Error::Capacity(error) => Fault::TooLarge(error.to_string()),
        Error::Protocol(error) => match error {
            tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake => {
                Fault::Lost(error.to_string())
            }
            error => Fault::Garbage(error.to_string()),
        },
        Error::Utf8(error) => Fault::Garbage(error),
        error => Fault::Lost(error.to_string()),
    }
}
