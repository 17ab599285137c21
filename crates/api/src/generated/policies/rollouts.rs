//! Who may approve, and what may not change at once.

use super::{Policy, validation};
use crate::{names, rbac};

/// The policies about rollouts.
pub(super) fn policies() -> [Policy; 2] {
    [approvals(), placements()]
}

/// Approving is not editing: who sets a decision needs a verb of its own and signs with his own name. Requests without a
/// decision may be made and labelled by whoever has the verbs for that.
fn approvals() -> Policy {
    let group = names::GROUP;
    Policy {
        name: "approvals-by-approvers.drover.dev",
        group,
        resource: "approvalrequests",
        operations: &["CREATE", "UPDATE"],
        // A wave that waits longer does no harm; one that goes on without approval may.
        failure: "Fail",
        conditions: vec![(
            "decides",
            "has(object.spec.decision) && (oldObject == null || object.spec != oldObject.spec)".to_owned(),
        )],
        variables: vec![("approver", "has(object.spec.approver) ? object.spec.approver : ''".to_owned())],
        validations: vec![
            validation(
                "variables.approver == request.userInfo.username",
                "'spec.approver is \"' + variables.approver + '\", must be \"' + request.userInfo.username + '\": who sets \
                 spec.decision signs with his own name'",
                "Forbidden",
            ),
            validation(
                &format!(
                    "authorizer.group('{group}').resource('approvalrequests').namespace(request.namespace)\
                     .name(object.metadata.name).check('approve').allowed()"
                ),
                &format!(
                    "'spec.decision: user \"' + request.userInfo.username + '\" may not approve ' + object.metadata.name + ': \
                     that takes the RBAC verb approve on approvalrequests.{group} in namespace ' + request.namespace"
                ),
                "Forbidden",
            ),
        ],
    }
}

/// A strategy decides when a node gets new containers. Kubernetes starts them at once on a node that a new placement admits:
/// so one edit changes one of the two. The way back of a failed run is exempt: it brings a whole template back.
fn placements() -> Policy {
    let key = names::STRATEGY;
    let annotated =
        |object: &str| format!("(has({object}.metadata.annotations) && '{key}' in {object}.metadata.annotations)");
    let differs = |field: &str| {
        let (old, new) = ("oldObject.spec.template.spec", "object.spec.template.spec");
        format!(
            "(has({old}.{field}) != has({new}.{field}) || (has({old}.{field}) && {old}.{field} != {new}.{field}) ? \
             '{field}' : '')"
        )
    };
    let first = |fields: &[&str]| {
        let differing: Vec<_> = fields.iter().map(|field| differs(field)).collect();
        format!("[{}].filter(field, field != '')", differing.join(", "))
    };
    let updater = format!("system:serviceaccount:{}:{}", rbac::NAMESPACE, rbac::DAEMON_UPDATER.account);
    Policy {
        name: "daemonsets-moved-and-changed.drover.dev",
        group: "apps",
        resource: "daemonsets",
        operations: &["UPDATE"],
        // A release that starts too early on a new node is met by the run's own tests; a DaemonSet that nobody can update
        // is an outage.
        failure: "Ignore",
        conditions: vec![
            ("has-strategy", format!("{} || {}", annotated("object"), annotated("oldObject"))),
            ("is-no-rollback", format!("request.userInfo.username != '{updater}'")),
        ],
        variables: vec![
            ("moved", first(&["nodeSelector", "affinity", "tolerations"])),
            ("changed", first(&["containers", "initContainers"])),
        ],
        validations: vec![validation(
            "size(variables.moved) == 0 || size(variables.changed) == 0",
            &format!(
                "'spec.template.spec.' + variables.moved[0] + ' and spec.template.spec.' + variables.changed[0] + ' of \
                 DaemonSet ' + object.metadata.name + ' cannot be changed in one edit, because it has the annotation {key}: \
                 Kubernetes would start the new containers at once on nodes that become eligible, before their wave. Change \
                 one, and the other when the run is Completed'"
            ),
            "Invalid",
        )],
    }
}
