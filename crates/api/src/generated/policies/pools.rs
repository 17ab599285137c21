//! NodePools and the nodes in them: what OpenYurt's webhooks refuse beyond what a schema can.

use super::{Policy, validation};
use crate::names::pool;

/// The policies about pools.
pub(super) fn policies() -> [Policy; 2] {
    [deleted_pools(), moved_nodes()]
}

/// A pool that has nodes is not deleted: they would keep its label and what it gave them, and lose their leaders.
fn deleted_pools() -> Policy {
    let count =
        |field: &str| format!("has(oldObject.status) && has(oldObject.status.{field}) ? oldObject.status.{field} : 0");
    Policy {
        name: "nodepools-with-nodes.drover.dev",
        group: "apps.openyurt.io",
        resource: "nodepools",
        operations: &["DELETE"],
        // A deletion cannot be taken back, and can wait.
        failure: "Fail",
        conditions: Vec::new(),
        variables: vec![("ready", count("readyNodeNum")), ("unready", count("unreadyNodeNum"))],
        validations: vec![validation(
            "variables.ready + variables.unready == 0",
            &format!(
                "'NodePool ' + oldObject.metadata.name + ' has nodes: status.readyNodeNum is ' + string(variables.ready) + \
                 ', status.unreadyNodeNum is ' + string(variables.unready) + '; both must be 0. Remove the label {} from its \
                 nodes first: kubectl label nodes -l {}=' + oldObject.metadata.name + ' {}-'",
                pool::POOL,
                pool::POOL,
                pool::POOL
            ),
            "Forbidden",
        )],
    }
}

/// A node leaves one pool before it joins another, so that what the one gave it is gone before the other gives its own;
/// and keeps the network that its pods were started with.
fn moved_nodes() -> Policy {
    let label = |object: &str, key: &str| {
        format!(
            "has({object}.metadata.labels) && '{key}' in {object}.metadata.labels ? {object}.metadata.labels['{key}'] : ''"
        )
    };
    Policy {
        name: "nodes-between-nodepools.drover.dev",
        group: "",
        resource: "nodes",
        operations: &["UPDATE"],
        // A label in the wrong pool can be put right; nodes that nobody can update are an outage.
        failure: "Ignore",
        conditions: Vec::new(),
        variables: vec![
            ("fromPool", label("oldObject", pool::POOL)),
            ("toPool", label("object", pool::POOL)),
            ("fromNetwork", label("oldObject", pool::HOST_NETWORK)),
            ("toNetwork", label("object", pool::HOST_NETWORK)),
        ],
        validations: vec![
            validation(
                "variables.fromPool == '' || variables.toPool == '' || variables.fromPool == variables.toPool",
                &format!(
                    "'metadata.labels[{}] of node ' + oldObject.metadata.name + ' cannot be changed from ' + variables.fromPool + ' to ' \
                     + variables.toPool + ' in place: remove it, then add it with the new value'",
                    pool::POOL
                ),
                "Invalid",
            ),
            validation(
                "variables.fromNetwork == '' || variables.fromNetwork == variables.toNetwork",
                &format!(
                    "'metadata.labels[{}] of node ' + oldObject.metadata.name + ' cannot be changed from ' + variables.fromNetwork + \
                     ' to ' + (variables.toNetwork == '' ? 'nothing' : variables.toNetwork) + ': its pods run on the network \
                     that they were started with. Delete the Node and let it register again'",
                    pool::HOST_NETWORK
                ),
                "Invalid",
            ),
        ],
    }
}
