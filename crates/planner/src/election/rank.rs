//! A draw that everybody repeats with the same result.

/// The place of a node in its pool's draw; the lowest wins. Equal for equal names on every machine and in every version:
/// another function would move the leaders of a whole fleet.
pub(super) fn rank(pool: &str, node: &str) -> u64 {
    // A byte that no UTF-8 text contains parts the two.
    let bytes = pool.bytes().chain([0xff]).chain(node.bytes());
    // FNV-1a with 64 bits, then the finaliser of MurmurHash3: FNV alone orders names that differ in their last letter by
    // that letter.
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_fair_to_nodes_with_similar_names() {
        let nodes: Vec<_> = (0..5).map(|i| format!("node-{i}")).collect();
        let mut won = [0_u32; 5];
        for pool in 0..1000 {
            let pool = format!("pool-{pool}");
            let winner = (0..5).min_by_key(|i| rank(&pool, &nodes[*i])).unwrap();
            won[winner] += 1;
        }
        assert!(won.iter().all(|won| (150..250).contains(won)), "{won:?}");
    }

    #[test]
    fn draws_never_change() {
        // Computed from the definitions of both functions by another program.
        assert_eq!(rank("hangzhou", "node-1"), 4_494_180_530_975_721_077);
        assert_ne!(rank("a", "bc"), rank("ab", "c"));
    }
}
