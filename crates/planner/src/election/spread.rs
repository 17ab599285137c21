//! Leaders over zones.

use std::collections::{BTreeMap, BTreeSet};

use super::rank::rank;
use super::{Able, Leader};

/// At most `wanted` of the nodes that can lead, by name: those that lead already as far as there is room, the rest from the
/// zones with the fewest leaders. Choosing one after the other from the emptiest zone gives the most even spread there is.
pub(super) fn choose(pool: &str, able: &[Able<'_>], before: &BTreeSet<&Leader>, wanted: usize) -> Vec<Leader> {
    let leads = |node: &Able<'_>| before.iter().any(|at| at.name == node.name && at.address == node.address);
    let mut drawn: Vec<_> = able.iter().map(|node| (rank(pool, node.name), node)).collect();
    drawn.sort_unstable();
    let (mut chosen, mut others): (Vec<_>, Vec<_>) = drawn.into_iter().partition(|(_, node)| leads(node));
    let mut zones = BTreeMap::<_, usize>::new();
    for (_, node) in &chosen {
        *zones.entry(node.zone).or_default() += 1;
    }
    let led = |zones: &BTreeMap<_, usize>, node: &Able<'_>| zones.get(&node.zone).copied().unwrap_or(0);
    while chosen.len() > wanted {
        // Of the fullest zone, who was drawn last.
        let Some(surplus) = (0..chosen.len()).max_by_key(|at| (led(&zones, chosen[*at].1), *at)) else { break };
        let (_, node) = chosen.remove(surplus);
        zones.entry(node.zone).and_modify(|led| *led -= 1);
    }
    while chosen.len() < wanted {
        // Of the emptiest zone, who was drawn first.
        let Some(next) = (0..others.len()).min_by_key(|at| (led(&zones, others[*at].1), *at)) else { break };
        let (draw, node) = others.remove(next);
        *zones.entry(node.zone).or_default() += 1;
        chosen.push((draw, node));
    }
    let mut leaders: Vec<_> =
        chosen.iter().map(|(_, node)| Leader { name: node.name.to_owned(), address: node.address }).collect();
    leaders.sort_unstable();
    leaders
}
