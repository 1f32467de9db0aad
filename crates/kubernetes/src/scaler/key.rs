// SPDX-License-Identifier: Apache-2.0
//! How a workload is called where it is one of many: `shop/cart`, `shop/autoscaler/cart`.
use cheerful_wire::{Workload, WorkloadKind};

/// The workload of a key; the other way is its `Display`.
pub(crate) fn workload(key: &str) -> Option<Workload> {
    let (namespace, rest) = key.split_once('/')?;
    let (kind, name) = match rest.split_once('/') {
        Some(("autoscaler", name)) => (WorkloadKind::Autoscaler, name),
        Some(_) => return None,
        None => (WorkloadKind::Revision, rest),
    };
    let is_whole = !namespace.is_empty() && !name.is_empty() && !name.contains('/');
    is_whole.then(|| Workload {
        namespace: namespace.to_owned(),
        kind,
        name: name.to_owned(),
    })
}

/// Which of the shards a workload is in. The same everywhere and always: FNV-1a over its key.
pub(crate) fn shard(workload: &Workload, shards: usize) -> usize {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in workload.to_string().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    usize::try_from(hash % shards.max(1) as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_the_way_there_and_back() {
        for key in ["shop/cart", "shop/autoscaler/cart", "shop/autoscaler"] {
            assert_eq!(workload(key).unwrap().to_string(), key);
        }
        for key in [
            "cart",
            "/cart",
            "shop/",
            "shop/x/cart",
            "shop/autoscaler/",
            "a/autoscaler/b/c",
        ] {
            assert_eq!(workload(key), None, "{key}");
        }
    }

    #[test]
    fn shards_are_even() {
        let mut counts = [0; 4];
        for number in 0..4000 {
            counts[shard(&workload(&format!("shop/cart-{number}")).unwrap(), 4)] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
    }
}
