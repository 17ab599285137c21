//! What must hold of every election, whatever a pool and its nodes look like.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use planner::election::{Election, Leader, Member, Settings, Standing, Strategy, ZONE, elect, invariants};
use proptest::prelude::*;
use proptest::strategy::Strategy as Generator;

/// A node that may be in the pool or not: elections see only those that are.
#[derive(Debug, Clone)]
struct Node {
    name: String,
    in_pool: bool,
    ready: bool,
    address: Option<IpAddr>,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
struct World {
    pool: String,
    settings: Settings,
    nodes: Vec<Node>,
    current: Vec<Leader>,
}

impl World {
    fn members(&self) -> Vec<Member<'_>> {
        let members = self.nodes.iter().filter(|node| node.in_pool);
        members
            .map(|Node { name, ready, address, labels, .. }| Member { name, ready: *ready, address: *address, labels })
            .collect()
    }

    fn elect(&self) -> Election {
        elect(&self.pool, &self.settings, &self.members(), &self.current)
    }

    fn wanted(&self) -> usize {
        match self.settings {
            Settings::Enabled { replicas, .. } => usize::try_from(replicas).unwrap_or(usize::MAX),
            Settings::Disabled | Settings::Invalid(_) => 0,
        }
    }
}

fn address() -> impl Generator<Value = IpAddr> {
    prop_oneof![
        (0_u8..4).prop_map(|last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))),
        (0_u16..4).prop_map(|last| IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last))),
    ]
}

fn labels() -> impl Generator<Value = BTreeMap<String, String>> {
    let zone = proptest::option::weighted(0.8, "[abc]");
    let mark = proptest::option::weighted(0.7, "yes|no");
    (zone, mark).prop_map(|(zone, mark)| {
        let zone = zone.map(|zone| (ZONE.to_owned(), zone));
        zone.into_iter().chain(mark.map(|mark| ("leads".to_owned(), mark))).collect()
    })
}

fn node() -> impl Generator<Value = Node> {
    let address = proptest::option::weighted(0.9, address());
    (any::<bool>(), proptest::bool::weighted(0.8), address, labels())
        .prop_map(|(in_pool, ready, address, labels)| Node { name: String::new(), in_pool, ready, address, labels })
}

fn settings() -> impl Generator<Value = Settings> {
    let mark = |value: &str| Strategy::Mark([("leads".to_owned(), value.to_owned())].into());
    let strategy = prop_oneof![
        3 => Just(Strategy::Random),
        3 => Just(mark("yes")),
        1 => Just(Strategy::Mark(BTreeMap::new())),
    ];
    prop_oneof![
        8 => (strategy, 0_u32..6).prop_map(|(strategy, replicas)| Settings::Enabled { strategy, replicas }),
        1 => Just(Settings::Disabled),
        1 => Just(Settings::Invalid("spec.leaderElectionStrategy: \"x\" is not random or mark".to_owned())),
    ]
}

fn world() -> impl Generator<Value = World> {
    // Names that no node has, and addresses that nodes no longer have, are among the leaders.
    let leader = ("node-[0-9]", address()).prop_map(|(name, address)| Leader { name, address });
    let nodes = proptest::collection::vec(node(), 0..9);
    let current = proptest::collection::vec(leader, 0..6);
    // Leaders that are as they were published.
    let kept = proptest::collection::vec(any::<bool>(), 9);
    ("[a-d]", settings(), nodes, current, kept).prop_map(|(pool, settings, mut nodes, mut current, kept)| {
        for (index, node) in nodes.iter_mut().enumerate() {
            node.name = format!("node-{index}");
        }
        let kept = nodes.iter().zip(kept).filter(|(_, kept)| *kept);
        current.extend(kept.filter_map(|(node, _)| Some(Leader { name: node.name.clone(), address: node.address? })));
        World { pool, settings, nodes, current }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_election_keeps_the_invariants(world in world()) {
        let broken = invariants::check(&world.settings, &world.members(), &world.current, &world.elect());
        prop_assert_eq!(broken, Ok(()));
    }

    #[test]
    fn the_order_of_what_goes_in_does_not_matter(world in world(), other in any::<prop::sample::Index>()) {
        let mut turned = world.clone();
        turned.nodes.reverse();
        turned.current.reverse();
        if !turned.nodes.is_empty() {
            let by = other.index(turned.nodes.len());
            turned.nodes.rotate_left(by);
        }
        turned.current.extend(world.current.clone());
        prop_assert_eq!(turned.elect(), world.elect());
    }

    #[test]
    fn two_nodes_of_one_name_are_one(mut world in world(), into in any::<prop::sample::Index>()) {
        prop_assume!(!world.nodes.is_empty());
        // Debug builds check the invariants after every election.
        let (name, count) = (world.nodes[into.index(world.nodes.len())].name.clone(), world.nodes.len());
        world.nodes[count - 1].name = name;
        let elected = world.elect();
        world.nodes.reverse();
        prop_assert_eq!(elected, world.elect());
    }

    #[test]
    fn electing_again_changes_nothing(mut world in world()) {
        let first = world.elect();
        world.current.clone_from(&first.leaders);
        let second = world.elect();
        prop_assert_eq!(&second.leaders, &first.leaders);
        prop_assert_eq!(second.standing, first.standing);
        prop_assert!(second.changes.is_empty(), "{:?}", second.changes);
    }

    #[test]
    fn another_node_that_fails_moves_no_leader(mut world in world(), which in any::<prop::sample::Index>()) {
        prop_assume!(!world.nodes.is_empty());
        world.current = world.elect().leaders;
        let which = which.index(world.nodes.len());
        prop_assume!(world.current.iter().all(|leader| leader.name != world.nodes[which].name));
        world.nodes[which].ready = false;
        let after = world.elect();
        prop_assert_eq!(after.leaders, world.current);
    }

    #[test]
    fn nobody_leads_only_for_a_reason(world in world()) {
        let elected = world.elect();
        prop_assert_eq!(elected.standing.is_led(), !elected.leaders.is_empty());
        match (&elected.standing, elected.leaders.len()) {
            (Standing::Complete { leaders }, n) => prop_assert!(*leaders == n && n == world.wanted()),
            (Standing::Short { leaders, wanted, .. }, n) => {
                prop_assert!(*leaders == n && n < world.wanted() && world.wanted() == usize::try_from(*wanted).unwrap());
            }
            (Standing::Nobody(tally), _) => {
                prop_assert_eq!(tally.unmarked + tally.not_ready + tally.no_address, tally.nodes);
            }
            (Standing::NoneWanted, _) => prop_assert_eq!(world.wanted(), 0),
            (Standing::NoMark | Standing::Disabled | Standing::Invalid(_), _) => {}
        }
    }
}
