// SPDX-License-Identifier: Apache-2.0
use std::marker::PhantomData;

use prost::Message;
use tonic::{
    Status,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// A report takes about a hundred bytes: 8 KiB for each direction of each stream, as is usual, would be for nothing.
const BUFFER_BYTES: usize = 128;
/// Beyond it nothing more is put into one frame.
const YIELD_BYTES: usize = 8 * 1024;

/// Protobuf in gRPC with small buffers, and with a mark on what cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct WireCodec<Out, In>(PhantomData<(Out, In)>);

impl<Out, In> Default for WireCodec<Out, In> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<Out, In> Codec for WireCodec<Out, In>
where
    Out: Message + Send + 'static,
    In: Message + Default + Send + 'static,
{
    type Encode = Out;
    type Decode = In;
    type Encoder = WireEncoder<Out>;
    type Decoder = WireDecoder<In>;

    fn encoder(&mut self) -> Self::Encoder {
        WireEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        WireDecoder(PhantomData)
    }
}

#[derive(Debug)]
pub(crate) struct WireEncoder<T>(PhantomData<T>);

impl<T: Message> Encoder for WireEncoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer)
            .map_err(|error| Status::internal(error.to_string()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
    }
}

#[derive(Debug)]
pub(crate) struct WireDecoder<T>(PhantomData<T>);

impl<T: Message + Default> Decoder for WireDecoder<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        // `DataLoss` is the mark: nothing else in a stream gives it.
        T::decode(buffer)
            .map(Some)
            .map_err(|error| Status::data_loss(error.to_string()))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
    }
}
