// SPDX-License-Identifier: Apache-2.0
#![no_main]
#![allow(missing_docs)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| cheerful_fuzz::sidecar(data));
