// SPDX-License-Identifier: Apache-2.0
use std::{fs, net::SocketAddr};

/// Who is at the other end of a connection over loopback, as far as the kernel knows: `user 1000`.
pub(super) fn name(peer: Option<SocketAddr>) -> String {
    let user = peer.and_then(|peer| {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
        let texts = tables
            .iter()
            .filter_map(|table| fs::read_to_string(table).ok());
        texts
            .into_iter()
            .find_map(|text| user_of(&text, peer.port()))
    });
    match user {
        Some(user) => format!("user {user}"),
        None => "somebody on this machine".to_owned(),
    }
}

/// The user of the socket whose own end has this port. Among those that are connected over loopback it is the only one, for
/// the other end has the port that we listen on.
fn user_of(table: &str, port: u16) -> Option<u32> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (_, own_port) = fields.nth(1)?.rsplit_once(':')?;
        let _other = fields.next()?;
        let is_established = fields.next()? == "01";
        let user = fields.nth(3)?.parse().ok()?;
        (is_established && u16::from_str_radix(own_port, 16) == Ok(port)).then_some(user)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_a_connection() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2260 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1
   1: 0100007F:2260 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 12 1
   2: 0100007F:C350 0100007F:2260 01 00000000:00000000 00:00000000 00000000  1000        0 13 1
";
        assert_eq!(user_of(table, 50_000), Some(1000));
        assert_eq!(user_of(table, 50_001), None);
        assert_eq!(user_of("", 1), None);
    }
}
