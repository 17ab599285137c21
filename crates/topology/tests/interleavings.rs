//! A server's feed and a client's table: whatever changes and whenever the stream breaks, the view ends as the set, and it
//! never shows a thing that stays as missing.

use std::collections::BTreeMap;
use std::time::Instant;

use chassis::feed::{Batch, Cursor, Entry, Feed, Selection, Settings, TokenError};
use chassis::follow::table::{Mark, Message, Table};
use proptest::prelude::*;
use topology::Node;

#[derive(Clone, Debug, PartialEq)]
struct Row(Node);

impl Entry for Row {
    fn group(&self) -> Option<&str> {
        self.0.pool.as_deref()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set {
        name: usize,
        pool: usize,
        ready: bool,
    },
    Remove {
        name: usize,
    },
    /// The client reads a message of at most so many changes.
    Read {
        limit: usize,
    },
    /// The stream breaks and is resumed.
    Break,
    /// The server is another one, with the same set.
    Restart,
}

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "stays"];
const POOLS: [Option<&str>; 3] = [Some("p"), Some("q"), None];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = 0..NAMES.len() - 1;
    let step = prop_oneof![
        4 => (name.clone(), 0..POOLS.len(), any::<bool>()).prop_map(|(name, pool, ready)| Step::Set { name, pool, ready }),
        2 => name.prop_map(|name| Step::Remove { name }),
        6 => (1_usize..4).prop_map(|limit| Step::Read { limit }),
        1 => Just(Step::Break),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..100)
}

fn message(batch: Batch<Row>) -> Message<Node> {
    let Batch { reset, changed, removed, synced, token } = batch;
    Message {
        changed: changed.into_iter().map(|(_, row)| row.0).collect(),
        removed: removed.into_iter().map(|name| name.to_string()).collect(),
        mark: Some(Mark { resume_token: token.encode(), synced, reset: reset.is_some(), source_age: None }),
    }
}

fn feed(set: &BTreeMap<&str, Node>, gone: usize) -> Feed<Row> {
    let feed = Feed::new(Settings { gone });
    feed.apply(set.iter().map(|(name, node)| (*name, Some(Row(node.clone())))));
    feed
}

/// The stream that the client asks for next.
fn ask(feed: &Feed<Row>, table: &mut Table<Node>, selection: &Selection<Row>) -> Result<Cursor<Row>, TokenError> {
    feed.follow(selection.clone(), &table.begin())
}

fn node(name: &str, pool: Option<&str>, ready: bool) -> Node {
    Node { name: name.to_owned(), pool: pool.map(str::to_owned), ready, since: None }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn every_view_ends_as_the_set(steps in steps(), gone in 0_usize..6, one_pool in any::<bool>()) {
        let selection = if one_pool { Selection::all().in_groups(["p"]) } else { Selection::all() };
        let mut set = BTreeMap::from([("stays", node("stays", Some("p"), true))]);
        let mut feed_now = feed(&set, gone);
        let mut table = Table::default();
        let mut cursor = ask(&feed_now, &mut table, &selection).unwrap();
        let now = Instant::now();
        for step in steps {
            match step {
                Step::Set { name, pool, ready } => {
                    let node = node(NAMES[name], POOLS[pool], ready);
                    set.insert(NAMES[name], node.clone());
                    feed_now.set(NAMES[name], Some(Row(node)));
                }
                Step::Remove { name } => {
                    set.remove(NAMES[name]);
                    feed_now.set(NAMES[name], None);
                }
                Step::Read { limit } => {
                    table.take(message(cursor.pull(limit)), now).unwrap();
                }
                Step::Break => cursor = ask(&feed_now, &mut table, &selection).unwrap(),
                Step::Restart => {
                    feed_now = feed(&set, gone);
                    cursor = ask(&feed_now, &mut table, &selection).unwrap();
                }
            }
            prop_assert!(table.age(now).is_none() || table.rows().get("stays").is_some());
        }
        loop {
            let batch = cursor.pull(2);
            let synced = batch.synced;
            table.take(message(batch), now).unwrap();
            if synced {
                break;
            }
        }
        let chosen = set.values().filter(|node| !one_pool || node.pool.as_deref() == Some("p"));
        prop_assert_eq!(table.rows().all().collect::<Vec<_>>(), chosen.collect::<Vec<_>>());
        prop_assert!(table.age(now).is_some());
    }
}
