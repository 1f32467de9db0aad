// SPDX-License-Identifier: Apache-2.0

/// Datagrams that the kernel dropped of one socket because its buffer was full, from the text of `/proc/net/udp` or
/// `/proc/net/udp6`.
pub(super) fn dropped(table: &str, inode: u64) -> Option<u64> {
    const INODE: usize = 9;
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let is_it = fields.nth(INODE)?.parse() == Ok(inode);
        is_it.then(|| fields.next_back()?.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  512: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 43121 2 0000000000000000 17
 4711: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12345 2 0000000000000000 0
";

    #[test]
    fn the_drops_are_those_of_the_socket() {
        assert_eq!(dropped(TABLE, 43_121), Some(17));
        assert_eq!(dropped(TABLE, 12_345), Some(0));
        assert_eq!(dropped(TABLE, 1), None);
        assert_eq!(dropped("", 1), None);
    }
}
