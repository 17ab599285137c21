//! Stories of a YurtAppSet in three pools, as the audit log tells them; in each, one thing is wrong.

mod order;
mod story;

use serde_json::{Value, json};

use self::story::{Story, US, child, soaked, workload};
use super::*;

#[test]
fn a_write_at_what_is_not_a_yurt_app_sets_is_seen() {
    let after = |write: fn(&mut Story)| {
        let mut story = soaked();
        write(&mut story);
        story.breaches()
    };
    let other = || json!({"metadata": {"uid": "other"}, "spec": {"replicas": 1}});
    assert_eq!(after(|story| story.told(US, "create", "configmaps", "web", json!({}))), [SetRule::NotOurs]);
    let spec = |story: &mut Story, user, resource| {
        let set = story.changed("yurtappsets", "web", "/spec/paused", json!(true));
        story.told(user, "patch", resource, "web", set);
    };
    let mut story = soaked();
    spec(&mut story, "admin", "yurtappsets");
    spec(&mut story, US, "yurtappsets/status");
    assert_eq!(story.breaches(), []);
    spec(&mut story, US, "yurtappsets");
    assert_eq!(story.breaches(), [SetRule::NotOurs], "the spec is its user's");
    let mut story = soaked();
    story.told("admin", "create", "deployments", "shop", other());
    assert_eq!(story.breaches(), []);
    story.told(US, "patch", "deployments", "shop", other());
    assert_eq!(story.breaches(), [SetRule::NotOurs]);
}

#[test]
fn a_write_that_would_hit_whatever_has_the_name_is_seen() {
    let mut story = soaked();
    story.start("b", 1);
    assert_eq!(story.breaches(), []);
    story.deeds.last_mut().unwrap().request = json!({"metadata": {"name": "web-b"}});
    assert_eq!(story.breaches(), [SetRule::NoUid]);
    // What is made has none yet.
    story.deeds.last_mut().unwrap().code = 201;
    assert_eq!(story.breaches(), []);
}

#[test]
fn a_second_workload_in_a_pool_is_seen() {
    let mut story = soaked();
    let other = child("web-other", "a", 1, 1, 2);
    story.told(US, "create", "deployments", "web-other", other);
    assert_eq!(story.breaches(), [SetRule::OneChild]);
}

#[test]
fn a_workload_deleted_though_its_pool_is_chosen_is_seen() {
    let delete = |story: &mut Story| {
        story.second += 5;
        let gone = json!({"kind": "Status", "metadata": {}});
        story.told(US, "delete", "deployments", "web-a", gone);
    };
    let mut story = soaked();
    delete(&mut story);
    assert_eq!(story.breaches(), [SetRule::Deleted, SetRule::NoUid]);
    let mut story = soaked();
    let spec = json!({"pools": ["b", "c"], "workload": workload(1, 1)});
    story.told("admin", "update", "yurtappsets", "web", json!({"metadata": {"uid": "set"}, "spec": spec}));
    delete(&mut story);
    assert_eq!(story.breaches(), [SetRule::NoUid], "it was told without UID");
}

#[test]
fn pods_replaced_for_nothing_are_seen() {
    let mut story = soaked();
    story.ask(2);
    let same = story.deeds.iter_mut().filter(|deed| deed.resource == "controllerrevisions");
    // The second revision says the same about pods as the first.
    same.for_each(|deed| deed.answer["data"]["spec"]["workload"] = workload(1, 1 + u32::from(deed.name == "web-2")));
    let asked = story.deeds.iter_mut().filter(|deed| deed.resource == "yurtappsets");
    asked.last().unwrap().answer["spec"]["workload"] = workload(1, 2);
    let name = "web-a";
    story.told(US, "patch", "deployments", name, child(name, "a", 2, 1, 0));
    assert_eq!(story.breaches(), [], "its label alone changed");
    story.told(US, "patch", "deployments", name, child(name, "a", 2, 77, 0));
    assert_eq!(story.breaches(), [SetRule::NeedlessRestart]);
}
