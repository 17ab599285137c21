//! Approving is not editing.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use xtask::cluster::Cluster;

use super::{await_right, cluster, create, patch, read, refusal, request, run, says};

/// A namespace of its own with a request, and users with these verbs on requests in it.
struct Office {
    cluster: &'static Cluster,
    namespace: &'static str,
}

impl Office {
    async fn open(namespace: &'static str, users: &[(&str, &str)]) -> Result<Self> {
        let office = Self { cluster: cluster().await?, namespace };
        office.cluster.namespace(namespace).await?;
        create(office.cluster, &request(namespace, "canary", &json!({}))).await?;
        for (user, verbs) in users {
            office.admin(&["create", "role", user, "--verb", verbs, "--resource=approvalrequests.drover.dev"]).await?;
            office.admin(&["create", "rolebinding", user, "--role", user, "--user", user]).await?;
            let verb = verbs.split(',').next_back().unwrap_or_default();
            await_right(office.cluster, namespace, user, &[verb, "approvalrequests.drover.dev"]).await?;
        }
        Ok(office)
    }

    async fn admin(&self, args: &[&str]) -> Result<String> {
        self.cluster.kubectl(&[&["--namespace", self.namespace], args].concat()).await
    }

    /// A user changes the request's spec.
    async fn decide(&self, user: &str, spec: Value) -> Result<()> {
        let patch = json!({ "spec": spec }).to_string();
        let args = ["patch", "approvalrequest", "canary", "--as", user, "--type=merge", "-p", &patch];
        self.admin(&args).await.map(drop)
    }

    async fn make(&self, user: &str, name: &str, spec: Value) -> Result<()> {
        let object = request(self.namespace, name, &spec).to_string();
        self.cluster.kubectl_with_input(&["create", "--as", user, "-f", "-"], &object).await.map(drop)
    }

    async fn spec(&self) -> Result<Value> {
        let text = self.admin(&["get", "ar", "canary", "--output=json"]).await?;
        Ok(serde_json::from_str::<Value>(&text).context(text)?["spec"].clone())
    }
}

const EDITS: &str = "get,create,update,patch";
const APPROVES: &str = "get,patch,approve";

#[tokio::test]
async fn who_may_approve_decides_once_and_in_his_own_name() -> Result<()> {
    let office = Office::open("decides", &[("alice", APPROVES), ("bob", APPROVES), ("eve", EDITS)]).await?;
    let approved = |by: &str| json!({"decision": "Approved", "approver": by, "comment": "looks good"});
    for (user, spec, words) in [
        ("eve", approved("eve"), ["spec.decision: user \"eve\" may not approve canary", "RBAC verb approve"]),
        ("eve", approved("alice"), ["spec.approver is \"alice\", must be \"eve\"", "his own name"]),
        ("alice", approved("bob"), ["spec.approver is \"bob\", must be \"alice\"", "his own name"]),
        ("alice", json!({"decision": "Approved"}), ["spec.approver", "together with decision"]),
        ("alice", json!({"approver": "alice"}), ["spec.approver", "and only then"]),
        ("alice", json!({"comment": "hm"}), ["spec.comment", "together with decision only"]),
        ("alice", json!({"decision": "Maybe", "approver": "alice"}), ["spec.decision", "\"Approved\", \"Rejected\""]),
    ] {
        let said = refusal(office.decide(user, spec.clone()).await).with_context(|| format!("{user}: {spec}"))?;
        says(&said, &words);
    }
    assert!(office.spec().await?.get("decision").is_none(), "nothing is decided yet");

    office.decide("alice", approved("alice")).await?;
    let decided = office.spec().await?;
    assert_eq!((&decided["decision"], &decided["approver"]), (&json!("Approved"), &json!("alice")));
    for (user, spec, words) in [
        ("alice", json!({"decision": "Rejected"}), ["spec.decision", "a decision is made once"]),
        ("alice", json!({"decision": null, "approver": null}), ["spec.decision", "a decision is made once"]),
        ("alice", json!({"comment": "or not"}), ["spec.comment", "it belongs to the decision"]),
        ("alice", json!({"comment": null}), ["spec.comment", "it belongs to the decision"]),
        ("bob", json!({"approver": "bob"}), ["spec.approver", "it names who decided"]),
        ("eve", json!({"decision": "Rejected", "approver": "eve"}), ["spec.decision", "a decision is made once"]),
    ] {
        let said = refusal(office.decide(user, spec.clone()).await).with_context(|| format!("{user}: {spec}"))?;
        says(&said, &words);
    }
    assert_eq!(office.spec().await?, decided);
    // What is not the decision stays editable by whoever may edit.
    office.admin(&["label", "ar", "canary", "seen=yes", "--as", "eve"]).await.map(drop)
}

#[tokio::test]
async fn who_may_approve_need_not_be_able_to_edit_anything_else() -> Result<()> {
    let office = Office::open("rejects", &[("alice", APPROVES)]).await?;
    let mut object = run("agent-1", &json!({"strategy": {}}));
    object["metadata"]["namespace"] = json!(office.namespace);
    create(office.cluster, &object).await?;
    let paused = json!({"spec": {"desiredState": "Paused"}}).to_string();
    let edited = office.admin(&["patch", "fr", "agent-1", "--as", "alice", "--type=merge", "-p", &paused]).await;
    says(&refusal(edited)?, &["Forbidden", "fleetrollouts"]);
    says(&refusal(office.make("alice", "own", json!({})).await)?, &["Forbidden", "approvalrequests"]);
    office.decide("alice", json!({"decision": "Rejected", "approver": "alice"})).await?;
    assert_eq!(office.spec().await?["decision"], "Rejected");
    Ok(())
}

/// The roles that are deployed for people.
#[tokio::test]
async fn the_roles_for_people_keep_editing_and_approving_apart() -> Result<()> {
    let office = Office::open("roles", &[]).await?;
    let mut object = run("agent-1", &json!({"strategy": {}}));
    object["metadata"]["namespace"] = json!(office.namespace);
    create(office.cluster, &object).await?;
    let approvals = "approvalrequests.drover.dev";
    for (user, role, right) in [
        ("vera", "view", ["get", approvals]),
        ("eve", "edit", ["patch", "fleetrollouts.drover.dev"]),
        ("alice", "drover-approver", ["approve", approvals]),
    ] {
        office.admin(&["create", "rolebinding", user, "--clusterrole", role, "--user", user]).await?;
        // The rules of view and edit are gathered by the controller-manager.
        await_right(office.cluster, office.namespace, user, &right).await?;
    }
    let paused = json!({"spec": {"desiredState": "Paused"}}).to_string();
    let pause = |user| ["patch", "fr", "agent-1", "--type=merge", "-p", paused.as_str(), "--as", user];
    let signed = |by: &str| json!({"decision": "Approved", "approver": by});
    for user in ["vera", "alice"] {
        says(&refusal(office.admin(&pause(user)).await)?, &["Forbidden", "fleetrollouts", user]);
    }
    for user in ["vera", "eve"] {
        says(&refusal(office.decide(user, signed(user)).await)?, &["Forbidden", "approvalrequests", user]);
    }
    office.admin(&pause("eve")).await?;
    office.decide("alice", signed("alice")).await
}

#[tokio::test]
async fn a_request_is_made_without_a_decision_unless_its_maker_may_approve() -> Result<()> {
    let office = Office::open("makes", &[("updater", EDITS), ("boss", "create,approve")]).await?;
    office.make("updater", "plain", json!({})).await?;
    let signed = |by: &str| json!({"decision": "Approved", "approver": by});
    says(&refusal(office.make("updater", "signed", signed("updater")).await)?, &["may not approve signed"]);
    says(&refusal(office.make("boss", "signed", signed("updater")).await)?, &["must be \"boss\""]);
    office.make("boss", "signed", signed("boss")).await
}

#[tokio::test]
async fn approving_can_be_granted_for_one_request_or_one_namespace() -> Result<()> {
    let office = Office::open("granted", &[("eve", EDITS), ("carol", "get,patch")]).await?;
    let one = ["create", "role", "one", "--verb=approve", "--resource=approvalrequests.drover.dev"];
    office.admin(&[&one[..], &["--resource-name=other"]].concat()).await?;
    office.admin(&["create", "rolebinding", "one", "--role=one", "--user=carol"]).await?;
    let carol = json!({"decision": "Approved", "approver": "carol"});
    says(&refusal(office.decide("carol", carol.clone()).await)?, &["may not approve canary", "namespace granted"]);
    office
        .admin(&[
            "create",
            "role",
            "two",
            "--verb=approve",
            "--resource=approvalrequests.drover.dev",
            "--resource-name=canary",
        ])
        .await?;
    office.admin(&["create", "rolebinding", "two", "--role=two", "--user=carol"]).await?;
    let approve = ["approve", "approvalrequests.drover.dev/canary"];
    await_right(office.cluster, office.namespace, "carol", &approve).await?;
    office.decide("carol", carol).await
}

#[tokio::test]
async fn what_a_request_is_about_it_stays_about() -> Result<()> {
    let cluster = cluster().await?;
    create(cluster, &request("default", "fixed", &json!({}))).await?;
    for (spec, words) in [
        (json!({"rolloutRef": {"uid": "2"}}), ["spec.rolloutRef", "cannot be changed: a request is about one run"]),
        (json!({"wave": "second"}), ["spec.wave", "cannot be changed: a request is about one wave"]),
        (json!({"point": "AfterWave"}), ["spec.point", "cannot be changed: a request is about one point"]),
        (json!({"point": "Whenever"}), ["spec.point", "\"BeforeWave\", \"AfterWave\""]),
    ] {
        says(&refusal(patch(cluster, "ar/fixed", &json!({"spec": spec})).await)?, &words);
    }
    assert_eq!(read(cluster, "ar/fixed").await?["spec"]["wave"], "canary");
    Ok(())
}
