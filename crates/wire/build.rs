// SPDX-License-Identifier: Apache-2.0
//! Makes Rust of the protobuf file, without a `protoc`.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto/report.proto");
    let files = protox::compile(["proto/report.proto"], ["proto"])?;
    tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::codec::WireCodec")
        .compile_fds(files)?;
    Ok(())
}
