//! How far a target is, from what is known of its rollouts.

use chassis::follow::table::Rows;
use planner::fleet::Name;
use planner::rollout::{Met, Progress};

use crate::model::{Target, Thing, What, pools_of};

/// How far the newest rollout of a target is. A target without any is unknown: whoever drives it gives it one. So are its
/// pools while the view has not all of them, between a new rollout and its last pool; where it has no pool, there is nothing
/// to wait for, unless nobody knows whether its newest rollout is the one that counts.
pub(crate) fn progress(things: &Rows<Thing>, target: &Target) -> Progress {
    let group = target.group();
    let rollouts = things.of(&group).filter_map(|thing| match thing.what {
        What::Rollout { revision, met, pools } => Some((revision, thing.key(), met, pools)),
        What::Pool { .. } => None,
    });
    let Some((_, key, everywhere, Some(expected))) = rollouts.max_by_key(|(revision, ..)| *revision) else {
        return unknown();
    };
    let mut pools: Vec<(Name, Met)> = things.of(&pools_of(key)).filter_map(pool).collect();
    if everywhere == Met::Unknown || pools.len() != expected {
        return unknown();
    }
    pools.sort_by(|(a, _), (b, _)| a.cmp(b));
    Progress { everywhere, pools, elsewhere: Met::Yes }
}

/// Nothing is known.
pub(crate) fn unknown() -> Progress {
    Progress { everywhere: Met::Unknown, pools: Vec::new(), elsewhere: Met::Unknown }
}

fn pool(thing: &Thing) -> Option<(Name, Met)> {
    match &thing.what {
        What::Pool { name, met } => Some((name.as_str().into(), *met)),
        What::Rollout { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use chassis::follow::table::{Mark, Message, Table};
    use proto::rollout::v1::{self as messages, UpToDate};

    use super::*;

    fn rollout(revision: i64, up_to_date: UpToDate, pools: Option<u32>) -> Thing {
        Thing::from(messages::Rollout {
            namespace: "shops".to_owned(),
            name: format!("till-r{revision}"),
            target: Some(messages::Target {
                kind: "YurtAppSet".to_owned(),
                name: "till".to_owned(),
                ..Default::default()
            }),
            revision: Some(messages::Revision { number: revision, ..Default::default() }),
            up_to_date: up_to_date.into(),
            pools,
            ..Default::default()
        })
    }

    fn pool(revision: i64, name: &str, up_to_date: UpToDate) -> Thing {
        Thing::from(messages::Pool {
            namespace: "shops".to_owned(),
            rollout: format!("till-r{revision}"),
            name: name.to_owned(),
            up_to_date: up_to_date.into(),
            ..Default::default()
        })
    }

    fn asked(things: Vec<Thing>) -> Progress {
        let mut table = Table::default();
        table.begin();
        let mark = Mark { resume_token: vec![1], synced: true, ..Mark::default() };
        table.take(Message { changed: things, removed: Vec::new(), mark: Some(mark) }, Instant::now()).unwrap();
        progress(table.rows(), &Target::new("shops", "YurtAppSet", "till"))
    }

    #[test]
    fn the_newest_rollout_counts() {
        let (yes, no) = (UpToDate::Yes, UpToDate::No);
        let told = asked(vec![
            rollout(1, yes, None),
            rollout(2, no, Some(2)),
            pool(2, "b", no),
            pool(2, "a", yes),
            pool(1, "c", no),
        ]);
        let pools = vec![("a".into(), Met::Yes), ("b".into(), Met::No)];
        assert_eq!(told, Progress { everywhere: Met::No, pools, elsewhere: Met::Yes });
    }

    #[test]
    fn what_is_not_whole_is_unknown() {
        let (yes, unspecified) = (UpToDate::Yes, UpToDate::Unspecified);
        assert_eq!(asked(vec![]), unknown(), "no rollout");
        assert_eq!(asked(vec![rollout(1, yes, None)]), unknown(), "a stand-by's");
        assert_eq!(asked(vec![rollout(1, yes, Some(2)), pool(1, "a", yes)]), unknown(), "a pool is missing");
        assert_eq!(asked(vec![rollout(1, unspecified, Some(0))]), unknown(), "its revision may not be the newest");
        assert_eq!(asked(vec![rollout(1, yes, Some(0))]).elsewhere, Met::Yes);
    }
}
