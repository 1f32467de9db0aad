// SPDX-License-Identifier: Apache-2.0
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use cheerful_proxy::Tasks;
use tokio::sync::mpsc;
use tonic::Code;

/// One end of a stream, whatever carries it.
pub(crate) trait End: Send {
    type In: Send;
    type Out: Send;

    /// The next message; `None`: the other side has ended the stream. May be dropped and called again without losing one.
    fn receive(&mut self) -> impl Future<Output = Result<Option<Self::In>, Fault>> + Send;

    /// Sends a message; waits while the other side does not read.
    fn send(&mut self, message: Self::Out) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Called every few seconds: asks for a sign of life, where the carrier does not do so by itself.
    fn keep_alive(&mut self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Says goodbye, where the carrier has a word for it.
    fn close(&mut self) -> impl Future<Output = ()> + Send;
}

/// What ends a stream at once.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("a message is larger than is allowed: {0}")]
    TooLarge(String),
    #[error("not a message: {0}")]
    Garbage(String),
    #[error("the stream was lost: {0}")]
    Lost(String),
}

/// An end of a gRPC stream.
pub(crate) struct GrpcEnd<In, Out, Item> {
    pub(crate) incoming: tonic::Streaming<In>,
    /// Boxed: a channel keeps room for 32, whatever its bound.
    pub(crate) outgoing: mpsc::Sender<Box<Item>>,
    pub(crate) wrap: fn(Out) -> Item,
    /// What drives the connection below, if this owns it.
    pub(crate) _tasks: Option<Tasks>,
}

impl<In: Send + 'static, Out: Send, Item: Send> End for GrpcEnd<In, Out, Item> {
    type In = In;
    type Out = Out;

    async fn receive(&mut self) -> Result<Option<In>, Fault> {
        self.incoming.message().await.map_err(|status| {
            let text = status.message().to_owned();
            match status.code() {
                Code::OutOfRange | Code::ResourceExhausted => Fault::TooLarge(text),
                Code::DataLoss => Fault::Garbage(text),
                code => Fault::Lost(format!("{code:?} {text}")),
            }
        })
    }

    async fn send(&mut self, message: Out) -> Result<(), Fault> {
        let item = Box::new((self.wrap)(message));
        self.outgoing
            .send(item)
            .await
            .map_err(|_| Fault::Lost("it takes nothing more".to_owned()))
    }

    /// HTTP/2 asks by itself.
    async fn keep_alive(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    /// Ends with the channel, when this is dropped.
    async fn close(&mut self) {}
}

/// What was put into the channel, as a stream for tonic. A type with a name: through a boxed one the compiler cannot see
/// that the client's future may move between threads.
pub(crate) struct FromChannel<Item>(pub(crate) mpsc::Receiver<Box<Item>>);

impl<Item> futures_util::Stream for FromChannel<Item> {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item>> {
        self.0.poll_recv(context).map(|item| item.map(|item| *item))
    }
}
