// SPDX-License-Identifier: Apache-2.0
//! What was kept of the searches by libFuzzer, and what comes of each of it when a few bytes are other ones.
#![allow(clippy::unwrap_used)]
use std::{fs, path::PathBuf};

use cheerful_fuzz::PARSERS;

/// Each kept text is changed so often.
const CHANGES: u64 = 40;

#[test]
fn every_parser_stands_what_was_kept_and_what_is_like_it() {
    for (name, parser) in PARSERS {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(name);
        let mut files: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        assert!(!files.is_empty(), "{}: nothing is kept", folder.display());
        files.sort();
        for file in files {
            let kept = fs::read(&file).unwrap();
            parser(&kept);
            for seed in 0..CHANGES {
                parser(&changed(&kept, seed));
            }
        }
    }
}

/// With some bytes changed, left out or doubled, by chance.
fn changed(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut dice = |sides: usize| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 33) as usize % sides.max(1)
    };
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice(4) {
        let place = dice(bytes.len());
        match dice(4) {
            0 => bytes.truncate(place),
            1 => bytes.insert(place, dice(256) as u8),
            2 => bytes.extend_from_within(place..),
            _ => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = dice(256) as u8;
                }
            }
        }
    }
    bytes
}
