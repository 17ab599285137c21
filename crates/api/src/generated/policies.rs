//! The `ValidatingAdmissionPolicy`s: what is refused beyond what a schema can, judged by the API server itself, so that it
//! holds while nothing of ours runs.

mod pools;
mod rollouts;

use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, MatchResources, NamedRuleWithOperations, ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding, ValidatingAdmissionPolicyBindingSpec, ValidatingAdmissionPolicySpec, Validation,
    Variable,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

/// A policy with its binding.
struct Policy {
    name: &'static str,
    group: &'static str,
    resource: &'static str,
    operations: &'static [&'static str],
    /// What becomes of a request if an expression fails, which no expression here can: each field is looked for before it
    /// is read, and prices are far below the limit.
    failure: &'static str,
    /// Requests for which one of these is false are none of the policy's business.
    conditions: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, String)>,
    validations: Vec<Validation>,
}

/// The policies about NodePools and their nodes, with their bindings.
pub(super) fn pools() -> serde_json::Result<Vec<Value>> {
    documents(pools::policies())
}

/// The policies about rollouts, with their bindings.
pub(super) fn rollouts() -> serde_json::Result<Vec<Value>> {
    documents(rollouts::policies())
}

fn documents(policies: impl IntoIterator<Item = Policy>) -> serde_json::Result<Vec<Value>> {
    let mut documents = Vec::new();
    for policy in policies {
        let (policy, binding) = policy.objects();
        documents.push(serde_json::to_value(policy)?);
        documents.push(serde_json::to_value(binding)?);
    }
    Ok(documents)
}

impl Policy {
    fn objects(self) -> (ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding) {
        let owned = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
        let metadata = ObjectMeta { name: Some(self.name.to_owned()), ..ObjectMeta::default() };
        let rule = NamedRuleWithOperations {
            api_groups: owned(&[self.group]),
            // Every version has these fields.
            api_versions: owned(&["*"]),
            operations: owned(self.operations),
            resources: owned(&[self.resource]),
            ..NamedRuleWithOperations::default()
        };
        let variable = |(name, expression): (&str, String)| Variable { name: name.to_owned(), expression };
        let condition = |(name, expression): (&str, String)| MatchCondition { name: name.to_owned(), expression };
        let conditions: Vec<_> = self.conditions.into_iter().map(condition).collect();
        let spec = ValidatingAdmissionPolicySpec {
            match_conditions: (!conditions.is_empty()).then_some(conditions),
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
