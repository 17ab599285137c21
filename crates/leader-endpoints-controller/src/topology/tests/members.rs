//! What follows from facts.

use super::source::names;
use super::*;
use crate::topology::index::Changes;

fn pool(changes: &Changes) -> proto::topology::v1::Pool {
    let (_, row) = changes.pools.first().unwrap();
    (*row.as_ref().unwrap().0).clone()
}

fn told<T>(changes: &[(planner::fleet::Name, Option<T>)]) -> Vec<(&str, bool)> {
    changes.iter().map(|(name, row)| (&**name, row.is_some())).collect()
}

#[test]
fn a_pool_counts_its_nodes_and_names_its_zones() {
    let (fake, mut index) = (Fake::default(), Index::default());
    fake.pool("p", ("region", "north"), &["a", "b", "c", "gone"]);
    fake.node("b", "p", true);
    fake.node("a", "p", true);
    fake.node("c", "p", false);
    fake.node("x", "other", true);
    let changes = index.refresh("p", &fake);
    let told_pool = pool(&changes);
    assert_eq!((told_pool.ready_nodes, told_pool.unready_nodes), (2, 1));
    assert_eq!(told_pool.zones, ["zone-a", "zone-b", "zone-c"]);
    let leaders: Vec<_> = told_pool.leaders.iter().map(|leader| leader.node.as_str()).collect();
    assert_eq!(leaders, ["a", "b"], "who is not Ready or not there is no leader that anybody could reach");
    assert_eq!(told(&changes.nodes), [("a", true), ("b", true), ("c", true)]);

    fake.node("b", "p", false);
    let changes = index.refresh("p", &fake);
    assert_eq!(told(&changes.nodes), [("b", true)], "only what changed");
    let leaders = pool(&changes).leaders;
    assert_eq!((pool(&changes).ready_nodes, leaders.len()), (1, 1));
}

#[test]
fn a_node_that_moves_is_at_no_time_nowhere() {
    for order in [["from", "to"], ["to", "from"]] {
        let (fake, mut index) = (Fake::default(), Index::default());
        fake.pool("from", ("region", "north"), &[]);
        fake.pool("to", ("region", "south"), &[]);
        fake.node("a", "from", true);
        index.refresh("from", &fake);
        index.refresh("to", &fake);
        fake.node("a", "to", true);
        let first = index.refresh(order[0], &fake);
        assert_eq!(told(&first.nodes), [("a", true)], "{order:?}");
        assert_eq!(names(first.pools.iter().map(|(name, _)| name)), ["from", "to"], "both count anew");
        let second = index.refresh(order[1], &fake);
        assert_eq!(told(&second.nodes), []);
        assert_eq!(index.pool_of("a").map(|pool| &**pool), Some("to"));
    }
}

#[test]
fn a_node_without_pool_is_known_and_one_that_is_deleted_is_not() {
    let (fake, mut index) = (Fake::default(), Index::default());
    fake.node("a", "", true);
    let changes = index.refresh("", &fake);
    assert_eq!((told(&changes.nodes), told(&changes.pools)), (vec![("a", true)], vec![("", false)]));
    fake.no_node("a");
    assert_eq!(told(&index.refresh("", &fake).nodes), [("a", false)]);
    assert_eq!(index.pool_of("a"), None);
}

#[test]
fn a_pool_that_is_deleted_leaves_its_nodes() {
    let (fake, mut index) = (Fake::default(), Index::default());
    fake.pool("p", ("region", "north"), &[]);
    fake.node("a", "p", true);
    index.refresh("p", &fake);
    fake.no_pool("p");
    let changes = index.refresh("p", &fake);
    assert_eq!(told(&changes.pools), [("p", false)]);
    assert_eq!(told(&changes.nodes), [("a", true)], "its pool has no labels any more");
    fake.pool("p", ("region", "south"), &[]);
    let changes = index.refresh("p", &fake);
    assert_eq!((told(&changes.pools), told(&changes.nodes)), (vec![("p", true)], vec![("a", true)]));
}
