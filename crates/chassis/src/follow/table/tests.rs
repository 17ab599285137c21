use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Node {
    name: String,
    pool: String,
    ready: bool,
}

impl Row for Node {
    fn name(&self) -> &str {
        &self.name
    }

    fn group(&self) -> Option<&str> {
        Some(&self.pool)
    }
}

fn node(name: &str, pool: &str, ready: bool) -> Node {
    Node { name: name.to_owned(), pool: pool.to_owned(), ready }
}

fn mark(synced: bool, reset: bool) -> Mark {
    Mark { resume_token: b"token".to_vec(), synced, reset, source_age: None }
}

fn message(changed: &[Node], removed: &[&str], synced: bool) -> Message<Node> {
    let removed = removed.iter().map(|name| (*name).to_owned()).collect();
    Message { changed: changed.to_vec(), removed, mark: Some(mark(synced, false)) }
}

fn names(table: &Table<Node>) -> Vec<&str> {
    table.rows().all().map(|node| node.name.as_str()).collect()
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn nothing_is_known_before_everything_was_told() {
    let (mut table, now) = (Table::default(), Instant::now());
    assert_eq!(table.begin(), Vec::<u8>::new());
    assert_eq!(table.take(message(&[node("a", "p", true)], &[], false), now), Ok(Taken::Partly));
    assert_eq!((table.age(now), table.rows().len()), (None, 0));
    assert_eq!(table.begin(), b"token", "goes on within what was not whole yet");
    assert_eq!(table.take(message(&[node("b", "p", true)], &[], true), now), Ok(Taken::Changed));
    assert_eq!((table.age(now + SECOND), names(&table)), (Some(SECOND), vec!["a", "b"]));
}

#[test]
fn an_empty_fleet_is_known_too() {
    let (mut table, now) = (Table::<Node>::default(), Instant::now());
    table.begin();
    assert_eq!(table.take(message(&[], &[], true), now), Ok(Taken::Changed));
    assert_eq!(table.age(now), Some(Duration::ZERO));
    assert_eq!(table.take(message(&[], &[], true), now + SECOND), Ok(Taken::Heard));
    assert_eq!(table.age(now + SECOND), Some(Duration::ZERO));
}

#[test]
fn a_reset_is_a_swap() {
    let (mut table, now) = (Table::default(), Instant::now());
    table.begin();
    table.take(message(&[node("a", "p", true), node("b", "p", true)], &[], true), now).unwrap();
    assert_eq!(table.begin(), b"token");
    let mut first = message(&[node("b", "p", false)], &[], false);
    first.mark = Some(mark(false, true));
    assert_eq!(table.take(first, now + SECOND), Ok(Taken::Partly));
    assert_eq!(names(&table), ["a", "b"], "still what was known");
    assert_eq!(table.age(now + SECOND), Some(SECOND), "and as old as it was");
    assert_eq!(table.take(message(&[node("c", "p", true)], &[], true), now + SECOND), Ok(Taken::Changed));
    assert_eq!(names(&table), ["b", "c"]);
    let mut same = message(&[node("b", "p", false), node("c", "p", true)], &[], true);
    same.mark = Some(mark(true, true));
    assert_eq!(table.take(same, now + SECOND), Ok(Taken::Heard), "nothing changed");
}

#[test]
fn a_lost_place_keeps_what_is_known() {
    let (mut table, now) = (Table::default(), Instant::now());
    table.begin();
    table.take(message(&[node("a", "p", true)], &[], true), now).unwrap();
    table.lose_place();
    assert_eq!((table.begin(), names(&table)), (Vec::new(), vec!["a"]));
    table.take(message(&[node("b", "p", true)], &[], true), now).unwrap();
    assert_eq!(names(&table), ["b"]);
}

#[test]
fn changes_before_the_last_message_count() {
    let (mut table, now) = (Table::default(), Instant::now());
    table.begin();
    table.take(message(&[node("a", "p", true)], &[], true), now).unwrap();
    assert_eq!(table.take(message(&[node("a", "p", false)], &[], false), now), Ok(Taken::Partly));
    assert_eq!(table.take(message(&[], &[], true), now), Ok(Taken::Changed));
    assert_eq!(table.take(message(&[], &[], true), now), Ok(Taken::Heard));
}

#[test]
fn groups_follow_their_members() {
    let (mut table, now) = (Table::default(), Instant::now());
    let of = |table: &Table<Node>, pool: &str| table.rows().of(pool).map(|node| node.name.clone()).collect::<Vec<_>>();
    table.begin();
    table.take(message(&[node("b", "p", true), node("a", "p", true)], &[], true), now).unwrap();
    assert_eq!(of(&table, "p"), ["a", "b"]);
    assert_eq!(table.take(message(&[node("a", "q", true)], &["unheard-of"], true), now), Ok(Taken::Changed));
    assert_eq!((of(&table, "p"), of(&table, "q")), (vec!["b".to_owned()], vec!["a".to_owned()]));
    assert_eq!(table.take(message(&[], &["a", "b"], true), now), Ok(Taken::Changed));
    assert!(of(&table, "p").is_empty() && of(&table, "q").is_empty() && table.rows().is_empty());
}

#[test]
fn the_servers_own_age_counts() {
    let (mut table, now) = (Table::<Node>::default(), Instant::now() + 100 * SECOND);
    table.begin();
    let mut heard = message(&[], &[], true);
    heard.mark.as_mut().unwrap().source_age = Some(40 * SECOND);
    table.take(heard, now).unwrap();
    assert_eq!(table.age(now + SECOND), Some(41 * SECOND));
}

#[test]
fn what_breaks_the_protocol_is_refused() {
    let (mut table, now) = (Table::<Node>::default(), Instant::now());
    table.begin();
    let mut bare = message(&[], &[], true);
    bare.mark = None;
    assert_eq!(table.take(bare, now), Err(Malformed::NoMark));
    let mut blank = message(&[], &[], true);
    blank.mark.as_mut().unwrap().resume_token.clear();
    assert_eq!(table.take(blank, now), Err(Malformed::NoToken));
    assert_eq!(table.age(now), None);
}
