//! Whatever changes, however slowly clients read and how often they come back: their view ends as the set.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Sheep {
    flock: Option<&'static str>,
    black: bool,
    weight: u8,
}

impl Entry for Sheep {
    fn group(&self) -> Option<&str> {
        self.flock
    }

    fn matches_like(&self, older: &Self) -> bool {
        self.black == older.black
    }
}

/// A client: what it was told, and how it goes on.
struct Client {
    selection: Selection<Sheep>,
    cursor: Cursor<Sheep>,
    token: Vec<u8>,
    view: BTreeMap<String, Sheep>,
    resets: usize,
}

impl Client {
    fn new(feed: &Feed<Sheep>, selection: Selection<Sheep>) -> Self {
        let cursor = feed.follow(selection.clone(), &[]).unwrap();
        Self { selection, cursor, token: Vec::new(), view: BTreeMap::new(), resets: 0 }
    }

    fn pull(&mut self, limit: usize) -> Batch<Sheep> {
        let batch = self.cursor.pull(limit);
        if batch.reset.is_some() {
            self.view.clear();
            self.resets += 1;
        }
        for (key, sheep) in &batch.changed {
            self.view.insert(key.to_string(), sheep.clone());
        }
        for key in &batch.removed {
            self.view.remove(&**key);
        }
        self.token = batch.token.encode();
        batch
    }

    fn come_back(&mut self, feed: &Feed<Sheep>) {
        self.cursor = feed.follow(self.selection.clone(), &self.token).unwrap();
        if self.token.is_empty() {
            self.view.clear();
        }
    }
}

fn sheep(flock: &'static str, weight: u8) -> Sheep {
    Sheep { flock: Some(flock), black: false, weight }
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const FLOCKS: [Option<&str>; 4] = [None, Some("hill"), Some("dale"), Some("moor")];

fn selections() -> Vec<Selection<Sheep>> {
    let black = |selection: Selection<Sheep>| selection.matching("black".to_owned(), |sheep: &Sheep| sheep.black);
    vec![
        Selection::all(),
        Selection::all().in_groups(["hill"]),
        Selection::all().in_groups(["hill", "dale"]),
        Selection::all().of_keys(["a", "b", "none"]),
        Selection::all().of_keys(["a", "c"]).in_groups(["hill", "moor"]),
        black(Selection::all()),
        black(Selection::all().in_groups(["dale", "moor"])),
        black(Selection::all().of_keys(["a", "d"])),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Set { name: usize, sheep: Sheep },
    Remove { name: usize },
    Pull { client: usize, limit: usize },
    ComeBack { client: usize },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let name = 0..NAMES.len();
    let client = 0..selections().len();
    let sheep = (0..FLOCKS.len(), any::<bool>(), 0_u8..3);
    let sheep = sheep.prop_map(|(flock, black, weight)| Sheep { flock: FLOCKS[flock], black, weight });
    let step = prop_oneof![
        4 => (name.clone(), sheep).prop_map(|(name, sheep)| Step::Set { name, sheep }),
        2 => name.prop_map(|name| Step::Remove { name }),
        4 => (client.clone(), 0_usize..5).prop_map(|(client, limit)| Step::Pull { client, limit }),
        2 => client.prop_map(|client| Step::ComeBack { client }),
    ];
    proptest::collection::vec(step, 1..120)
}

fn chosen(set: &BTreeMap<String, Sheep>, selection: &Selection<Sheep>) -> BTreeMap<String, Sheep> {
    let chosen = set.iter().filter(|(name, sheep)| selection.names(name) && selection.chooses(sheep));
    chosen.map(|(name, sheep)| (name.clone(), sheep.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_view_ends_as_the_set(steps in steps(), gone in 0_usize..8) {
        let feed = Feed::new(Settings { gone });
        let mut set = BTreeMap::new();
        let mut clients: Vec<_> = selections().into_iter().map(|selection| Client::new(&feed, selection)).collect();
        for step in steps {
            match step {
                Step::Set { name, sheep } => {
                    let news = set.insert(NAMES[name].to_owned(), sheep.clone()) != Some(sheep.clone());
                    prop_assert_eq!(feed.set(NAMES[name], Some(sheep)), news);
                }
                Step::Remove { name } => {
                    prop_assert_eq!(feed.set(NAMES[name], None), set.remove(NAMES[name]).is_some());
                }
                Step::Pull { client, limit } => {
                    let client = &mut clients[client];
                    if client.pull(limit).synced {
                        prop_assert_eq!(&client.view, &chosen(&set, &client.selection), "{:?}", client.selection);
                    }
                }
                Step::ComeBack { client } => clients[client].come_back(&feed),
            }
            prop_assert_eq!(feed.len(), set.len());
        }
        for client in &mut clients {
            while !client.pull(3).synced {}
            let wanted = chosen(&set, &client.selection);
            prop_assert_eq!(&client.view, &wanted, "{:?}", client.selection);
            let read: BTreeMap<_, _> =
                feed.read(&client.selection).into_iter().map(|(key, sheep)| (key.to_string(), sheep)).collect();
            prop_assert_eq!(read, wanted);
            prop_assert!(client.cursor.pull(3).is_empty());
        }
        let most_gone = feed.shared.lock().gone_len();
        prop_assert!(most_gone <= gone, "{most_gone} remembered");
        drop(clients);
        prop_assert_eq!(feed.cursors(), 0);
    }

    #[test]
    fn without_forgetting_exactly_what_was_missed_is_told(steps in steps()) {
        let feed = Feed::new(Settings::default());
        let mut client = Client::new(&feed, Selection::all());
        for name in NAMES {
            feed.set(name, Some(sheep("hill", 9)));
        }
        client.pull(100);
        let before = client.view.clone();
        let mut touched = BTreeSet::new();
        for step in steps {
            match step {
                Step::Set { name, sheep } if feed.set(NAMES[name], Some(sheep.clone())) => touched.insert(NAMES[name]),
                Step::Remove { name } if feed.set(NAMES[name], None) => touched.insert(NAMES[name]),
                Step::Set { .. } | Step::Remove { .. } | Step::Pull { .. } | Step::ComeBack { .. } => false,
            };
        }
        client.come_back(&feed);
        let batch = client.pull(100);
        prop_assert_eq!(batch.reset, None);
        prop_assert!(batch.synced);
        let mut told: Vec<_> = batch.changed.iter().map(|(key, _)| &**key).collect();
        told.extend(batch.removed.iter().map(|key| &**key));
        told.sort_unstable();
        prop_assert_eq!(told, touched.iter().copied().collect::<Vec<_>>(), "each once, nothing else");
        let untouched = before.iter().filter(|(key, _)| !touched.contains(key.as_str()));
        for (key, value) in untouched {
            prop_assert_eq!(client.view.get(key), Some(value));
        }
    }
}

#[test]
fn a_client_is_told_why_it_begins_anew() {
    let feed = Feed::new(Settings { gone: 4 });
    for name in NAMES {
        feed.set(name, Some(sheep("hill", 1)));
    }
    let mut client = Client::new(&feed, Selection::all());
    client.pull(100);
    let reset = |feed: &Feed<Sheep>, selection, token: &[u8]| feed.follow(selection, token).unwrap().pull(100).reset;
    assert_eq!(reset(&feed, Selection::all(), &client.token), None);
    assert_eq!(reset(&feed, Selection::all().in_groups(["hill"]), &client.token), Some(Reset::OtherSelection));

    let restarted = Feed::new(Settings::default());
    assert_eq!(reset(&restarted, Selection::all(), &client.token), Some(Reset::OtherEpoch));

    let mut ahead = Token::decode(&client.token).unwrap();
    ahead.position.at += 1;
    assert_eq!(reset(&feed, Selection::all(), &ahead.encode()), Some(Reset::Ahead));

    // Two with a group are four places to remember, three are too many.
    feed.set("a", None);
    feed.set("b", None);
    assert_eq!(reset(&feed, Selection::all(), &client.token), None);
    feed.set("c", None);
    assert_eq!(reset(&feed, Selection::all(), &client.token), Some(Reset::TooOld));
    client.come_back(&feed);
    let batch = client.pull(100);
    assert!(batch.synced && batch.changed.len() == 3 && batch.removed.is_empty(), "{batch:?}");

    assert_eq!(feed.follow(Selection::all(), b"guess").unwrap_err(), TokenError::Format(b'g'));
}

#[test]
fn a_new_stream_is_not_told_of_what_is_gone() {
    let feed = Feed::new(Settings::default());
    for name in NAMES {
        feed.set(name, Some(sheep("hill", 1)));
    }
    feed.set("a", None);
    feed.set("b", Some(sheep("dale", 1)));
    for selection in selections() {
        let batch = feed.follow(selection, &[]).unwrap().pull(100);
        assert_eq!(batch.removed, Vec::<Arc<str>>::new());
    }
}

#[test]
fn a_slow_client_gets_each_key_once() {
    let feed = Feed::new(Settings::default());
    let mut client = Client::new(&feed, Selection::all());
    client.pull(100);
    for round in 0..200 {
        for name in NAMES {
            feed.set(name, Some(sheep("hill", round)));
        }
    }
    let batch = client.pull(100);
    assert_eq!(batch.changed.len(), NAMES.len());
    assert!(batch.changed.iter().all(|(_, sheep)| sheep.weight == 199));
}

#[tokio::test]
async fn only_those_concerned_are_woken() {
    let feed = Feed::new(Settings::default());
    let woken = |cursor: &Cursor<Sheep>| futures::FutureExt::now_or_never(cursor.changed()).is_some();
    let follow = |selection| feed.follow(selection, &[]).unwrap();
    let all = follow(Selection::all());
    let hill = follow(Selection::all().in_groups(["hill"]));
    let dale = follow(Selection::all().in_groups(["dale"]));
    let named = follow(Selection::all().of_keys(["b"]));
    let who = || [&all, &hill, &dale, &named].map(woken);

    feed.set("a", Some(sheep("hill", 1)));
    assert_eq!(who(), [true, true, false, false]);
    assert_eq!(who(), [false; 4], "once");
    feed.set("a", Some(sheep("hill", 1)));
    assert_eq!(who(), [false; 4], "nothing changed");
    feed.set("a", Some(sheep("dale", 1)));
    assert_eq!(who(), [true, true, true, false], "left one, entered the other");
    feed.set("b", Some(sheep("moor", 1)));
    assert_eq!(who(), [true, false, false, true]);
}
