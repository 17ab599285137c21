//! The `ValidatingAdmissionPolicy`s: what OpenYurt's webhooks refuse beyond what a schema can, judged by the API server
//! itself, so that it holds while nothing of ours runs.

use k8s_openapi::api::admissionregistration::v1::{
    MatchResources, NamedRuleWithOperations, ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpec, ValidatingAdmissionPolicySpec, Validation, Variable,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::names::pool;

/// A policy with its binding.
struct Policy {
    name: &'static str,
    group: &'static str,
    resource: &'static str,
    operation: &'static str,
    /// What becomes of a request if an expression fails, which no expression here can: each field is looked for before it
    /// is read, and prices are far below the limit.
    failure: &'static str,
    variables: Vec<(&'static str, String)>,
    validations: Vec<Validation>,
}

/// All policies with their bindings.
pub(super) fn documents() -> serde_json::Result<Vec<Value>> {
    let mut documents = Vec::new();
    for policy in [deleted_pools(), moved_nodes()] {
        let (policy, binding) = policy.objects();
        documents.push(serde_json::to_value(policy)?);
        documents.push(serde_json::to_value(binding)?);
    }
    Ok(documents)
}

/// A pool that has nodes is not deleted: they would keep its label and what it gave them, and lose their leaders.
fn deleted_pools() -> Policy {
    let count =
        |field: &str| format!("has(oldObject.status) && has(oldObject.status.{field}) ? oldObject.status.{field} : 0");
    Policy {
        name: "nodepools-with-nodes.drover.dev",
        group: "apps.openyurt.io",
        resource: "nodepools",
        operation: "DELETE",
        // A deletion cannot be taken back, and can wait.
        failure: "Fail",
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
        operation: "UPDATE",
        // A label in the wrong pool can be put right; nodes that nobody can update are an outage.
        failure: "Ignore",
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

impl Policy {
    fn objects(self) -> (ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding) {
        let owned = |text: &str| Some(vec![text.to_owned()]);
        let metadata = ObjectMeta { name: Some(self.name.to_owned()), ..ObjectMeta::default() };
        let rule = NamedRuleWithOperations {
            api_groups: owned(self.group),
            // Every version has these fields.
            api_versions: owned("*"),
            operations: owned(self.operation),
            resources: owned(self.resource),
            ..NamedRuleWithOperations::default()
        };
        let variable = |(name, expression): (&str, String)| Variable { name: name.to_owned(), expression };
        let spec = ValidatingAdmissionPolicySpec {
            failure_policy: Some(self.failure.to_owned()),
            match_constraints: Some(MatchResources { resource_rules: Some(vec![rule]), ..MatchResources::default() }),
            variables: Some(self.variables.into_iter().map(variable).collect()),
            validations: Some(self.validations),
            ..ValidatingAdmissionPolicySpec::default()
        };
        let binding = ValidatingAdmissionPolicyBindingSpec {
            policy_name: self.name.to_owned(),
            validation_actions: vec!["Deny".to_owned()],
            ..ValidatingAdmissionPolicyBindingSpec::default()
        };
        let policy = ValidatingAdmissionPolicy { metadata: metadata.clone(), spec: Some(spec), status: None };
        (policy, ValidatingAdmissionPolicyBinding { metadata, spec: binding })
    }
}

/// What must hold, and what is said where it does not: an expression too, so that it names values.
fn validation(expression: &str, message: &str, reason: &str) -> Validation {
    Validation {
        expression: expression.to_owned(),
        message_expression: Some(message.to_owned()),
        reason: Some(reason.to_owned()),
        message: None,
    }
}
