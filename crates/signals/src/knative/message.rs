// SPDX-License-Identifier: Apache-2.0
use prost::Message;

use super::Stat;
use crate::Unread;

/// What an activator sends in one frame: one message for each revision that it has requests of.
#[derive(Clone, PartialEq, Message)]
pub struct WireStatMessages {
    /// One for each revision.
    #[prost(message, repeated, tag = "1")]
    pub messages: Vec<WireStatMessage>,
}

/// What it has of one revision.
#[derive(Clone, PartialEq, Message)]
pub struct WireStatMessage {
    /// The revision's namespace.
    #[prost(string, tag = "1")]
    pub namespace: String,
    /// The revision's name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// What it counted.
    #[prost(message, optional, tag = "3")]
    pub stat: Option<Stat>,
}

impl WireStatMessages {
    /// Longest frame that is read: some 30,000 revisions.
    pub const MAX_BYTES: usize = 4 * 1024 * 1024;

    /// Reads a frame.
    ///
    /// # Errors
    /// Says why it tells nothing.
    pub fn read(frame: &[u8]) -> Result<Self, Unread> {
        if frame.len() > Self::MAX_BYTES {
            return Err(Unread::TooLong(Self::MAX_BYTES));
        }
        Self::decode(frame).map_err(|error| Unread::Malformed(format!("WireStatMessages: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_survives_the_way() {
        let sent = WireStatMessages {
            messages: vec![WireStatMessage {
                namespace: "default".to_owned(),
                name: "hello-00001".to_owned(),
                stat: Some(Stat {
                    pod_name: "activator-5f8".to_owned(),
                    average_concurrent_requests: 1.0,
                    request_count: 1.0,
                    ..Stat::default()
                }),
            }],
        };
        assert_eq!(WireStatMessages::read(&sent.encode_to_vec()), Ok(sent));
        assert_eq!(
            WireStatMessages::read(&[0x0a, 9, 1]).unwrap_err().name(),
            "malformed"
        );
    }
}
