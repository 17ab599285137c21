use super::*;

fn labels(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn leader(name: &str, address: &str) -> Leader {
    Leader { name: name.to_owned(), address: address.parse().unwrap() }
}

fn member<'a>(name: &'a str, address: &str, labels: &'a BTreeMap<String, String>) -> Member<'a> {
    Member { name, ready: true, address: address.parse().ok(), labels }
}

fn random(replicas: u32) -> Settings {
    Settings::Enabled { strategy: Strategy::Random, replicas }
}

fn sentences(election: &Election) -> Vec<String> {
    election.changes.iter().map(Change::to_string).collect()
}

#[test]
fn readiness_that_swaps_moves_the_leader() {
    let none = labels(&[]);
    let (mut a, mut b) = (member("a", "10.0.0.1", &none), member("b", "10.0.0.2", &none));
    b.ready = false;
    let first = elect("p", &random(1), &[a, b], &[]);
    assert_eq!(
        (first.leaders.as_slice(), &first.standing),
        (&[leader("a", "10.0.0.1")][..], &Standing::Complete { leaders: 1 })
    );
    // As many are Ready as before: OpenYurt looks no further.
    (a.ready, b.ready) = (false, true);
    let second = elect("p", &random(1), &[a, b], &first.leaders);
    assert_eq!(second.leaders, [leader("b", "10.0.0.2")]);
    assert_eq!(sentences(&second), ["a (10.0.0.1) no longer leads: it is not Ready", "b (10.0.0.2) leads"]);
}

#[test]
fn every_loss_says_why() {
    let (none, marked) = (labels(&[]), labels(&[("leads", "yes")]));
    let mark = Settings::Enabled { strategy: Strategy::Mark(marked.clone()), replicas: 9 };
    let before = [
        leader("address", "10.0.0.1"),
        leader("gone", "10.0.0.2"),
        leader("homeless", "10.0.0.3"),
        leader("mark", "10.0.0.4"),
        leader("ready", "10.0.0.5"),
        leader("stays", "fd00::6"),
    ];
    let members = [
        member("address", "10.0.1.1", &marked),
        member("homeless", "", &marked),
        member("mark", "10.0.0.4", &none),
        Member { ready: false, ..member("ready", "10.0.0.5", &marked) },
        member("stays", "fd00:0:0::6", &marked),
    ];
    let election = elect("p", &mark, &members, &before);
    assert_eq!(election.leaders, [leader("address", "10.0.1.1"), leader("stays", "fd00::6")]);
    assert_eq!(
        sentences(&election),
        [
            "address (10.0.0.1) no longer leads: its InternalIP is 10.0.1.1 now",
            "address (10.0.1.1) leads",
            "gone (10.0.0.2) no longer leads: it is gone or in another pool",
            "homeless (10.0.0.3) no longer leads: it has no InternalIP",
            "mark (10.0.0.4) no longer leads: it does not bear the pool's mark",
            "ready (10.0.0.5) no longer leads: it is not Ready",
        ]
    );
    assert_eq!(
        election.standing.to_string(),
        "2 of 9 leaders: of 5 nodes, 1 unmarked, 1 not Ready, 1 without InternalIP"
    );
    let fewer = elect("p", &random(1), &members, &[leader("mark", "10.0.0.4"), leader("stays", "fd00::6")]);
    let [lost] = sentences(&fewer).try_into().unwrap();
    assert!(lost.ends_with("no longer leads: the pool wants fewer leaders"), "{lost}");
    for (settings, why) in [
        (Settings::Disabled, "leader election is disabled"),
        (Settings::Invalid("bad".to_owned()), "the pool's settings cannot be followed"),
    ] {
        let none = elect("p", &settings, &members, &before[5..]);
        assert_eq!(
            (none.leaders.as_slice(), sentences(&none)),
            (&[][..], vec![format!("stays (fd00::6) no longer leads: {why}")])
        );
    }
}

#[test]
fn nobody_leads_and_the_standing_says_why() {
    let none = labels(&[]);
    let down = Member { ready: false, ..member("a", "10.0.0.1", &none) };
    let mark = |mark| Settings::Enabled { strategy: Strategy::Mark(mark), replicas: 1 };
    for (settings, members, reason, sentence) in [
        (random(1), vec![], "NoCandidate", "no node can lead: the pool has no nodes"),
        (random(1), vec![down], "NoCandidate", "no node can lead: of 1 node, 1 not Ready"),
        (mark(labels(&[("a", "b")])), vec![down], "NoCandidate", "no node can lead: of 1 node, 1 unmarked"),
        (random(0), vec![down], "NoneWanted", "leaderReplicas asks for no leader: at least 1 is needed"),
        (
            mark(labels(&[])),
            vec![member("a", "10.0.0.1", &none)],
            "NoMark",
            "leaderElectionStrategy is mark, and leaderNodeLabelSelector names no label: no node is marked",
        ),
        (Settings::Disabled, vec![member("a", "10.0.0.1", &none)], "Disabled", "enableLeaderElection is false"),
        (Settings::Invalid("why".to_owned()), vec![down], "InvalidElection", "why"),
    ] {
        let election = elect("p", &settings, &members, &[]);
        assert_eq!((election.leaders.len(), election.changes.len()), (0, 0));
        assert_eq!((election.standing.as_str(), election.standing.to_string().as_str()), (reason, sentence));
        assert!(!election.standing.is_led());
    }
}

#[test]
fn leaders_spread_over_zones_and_shrink_from_the_fullest() {
    let (east, west) = (labels(&[(ZONE, "east")]), labels(&[(ZONE, "west")]));
    let members = [
        member("e1", "10.0.0.1", &east),
        member("e2", "10.0.0.2", &east),
        member("e3", "10.0.0.3", &east),
        member("w1", "10.0.1.1", &west),
    ];
    for pool in ["p", "q", "r", "s"] {
        let two = elect(pool, &random(2), &members, &[]).leaders;
        assert!(two.iter().any(|leader| leader.name == "w1") && two.len() == 2, "{two:?}");
        let four = elect(pool, &random(4), &members, &two).leaders;
        assert_eq!(four.len(), 4);
        let again = elect(pool, &random(2), &members, &four).leaders;
        assert!(again.iter().any(|leader| leader.name == "w1") && again.len() == 2, "{again:?}");
    }
}

#[test]
fn pools_with_the_same_nodes_choose_different_leaders() {
    let none = labels(&[]);
    let names: Vec<_> = (0..5).map(|i| format!("node-{i}")).collect();
    let members: Vec<_> = names.iter().map(|name| member(name, "10.0.0.1", &none)).collect();
    let first = |pool: u32| elect(&format!("pool-{pool}"), &random(1), &members, &[]).leaders.remove(0).name;
    let chosen: BTreeSet<_> = (0..100).map(first).collect();
    assert_eq!(chosen.len(), 5, "each leads somewhere: {chosen:?}");
}
