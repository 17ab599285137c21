use serde::Deserialize;

use super::*;

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Thing {
    uid: u128,
    version: u64,
    owner: Option<String>,
    text: String,
    /// Versions since it was first seen.
    seen: u32,
}

impl Versioned for Thing {
    fn resource_version(&self) -> ResourceVersion {
        ResourceVersion(self.version)
    }
}

impl Mirrored for Thing {
    type Owner = String;

    fn uid(&self) -> Uid {
        Uid::from_u128(self.uid)
    }

    fn belongs_to(&self) -> Option<String> {
        self.owner.clone()
    }

    fn is_like(&self, older: &Self) -> bool {
        self.text == older.text
    }

    fn succeed(&mut self, older: &Self) {
        self.seen = older.seen + 1;
    }
}

fn thing(version: u64, owner: &str, text: &str) -> Thing {
    Thing { uid: 1, version, owner: Some(owner.to_owned()), text: text.to_owned(), seen: 0 }
}

/// Who is woken by these signals.
fn woken(mirror: &Mirror<Thing>, signals: Vec<WatchSignal<Thing>>) -> Vec<Option<String>> {
    let mut woken = Vec::new();
    signals.into_iter().for_each(|signal| mirror.take(signal, &mut |owner| woken.push(owner)));
    woken
}

#[test]
fn an_object_that_moves_wakes_both_owners_even_if_nothing_else_changed() {
    let mirror = Mirror::default();
    assert_eq!(woken(&mirror, vec![WatchSignal::Applied(thing(1, "a", "x"))]), [Some("a".to_owned())]);
    assert_eq!(woken(&mirror, vec![WatchSignal::Applied(thing(2, "a", "x"))]), []);
    assert_eq!(
        woken(&mirror, vec![WatchSignal::Applied(thing(3, "b", "x"))]),
        [Some("b".to_owned()), Some("a".to_owned())]
    );
    assert!(mirror.of("a").is_empty());
    assert_eq!((mirror.of("b")[0].seen, mirror.owners()), (2, vec!["b".to_owned()]));
}

#[test]
fn a_noted_write_is_seen_at_once_and_its_event_wakes_nobody() {
    let mirror = Mirror::default();
    woken(&mirror, vec![WatchSignal::Applied(thing(1, "a", "x"))]);
    mirror.note(thing(5, "a", "ours"));
    let overtaken = vec![WatchSignal::Applied(thing(3, "a", "theirs")), WatchSignal::Applied(thing(5, "a", "ours"))];
    assert_eq!(woken(&mirror, overtaken), []);
    assert_eq!(mirror.of("a")[0].text, "ours");
    assert_eq!(woken(&mirror, vec![WatchSignal::Applied(thing(6, "a", "theirs"))]), [Some("a".to_owned())]);
}

#[test]
fn what_a_full_list_does_not_name_is_gone_and_what_it_names_is_believed() {
    let mirror = Mirror::default();
    let list = |things: Vec<Thing>| {
        let listed = things.into_iter().map(WatchSignal::Applied);
        let (begin, end) = (WatchSignal::Restarted, WatchSignal::InitDone(ResourceVersion(9)));
        [begin].into_iter().chain(listed).chain([end]).collect()
    };
    assert_eq!(woken(&mirror, list(vec![thing(7, "a", "x")])), [Some("a".to_owned()), None]);
    assert_eq!(woken(&mirror, list(vec![thing(2, "a", "restored")])), [Some("a".to_owned()), None]);
    assert_eq!(mirror.of("a")[0].version, 2);
    assert_eq!(woken(&mirror, list(vec![])), [Some("a".to_owned()), None]);
    assert!(mirror.is_empty() && mirror.is_listed());
}
