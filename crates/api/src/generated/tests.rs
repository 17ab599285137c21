use std::path::Path;

use serde_json::Value;

use super::*;

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn committed_files_are_current() {
    for (path, contents) in files().unwrap() {
        let full = root().join(path);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(full.parent().unwrap()).unwrap();
            std::fs::write(&full, &contents).unwrap();
        }
        let committed = std::fs::read_to_string(&full).unwrap_or_default();
        assert!(committed == contents, "{path} is not what the types say: run `cargo xtask gen`");
    }
}

#[test]
fn files_read_back_as_what_they_were_made_of() {
    for (path, document) in [
        ("deploy/crds/approvalrequests.drover.dev.yaml", crd::approval_requests()),
        ("deploy/crds/fleetrollouts.drover.dev.yaml", crd::fleet_rollouts()),
        ("deploy/crds/rolloutstrategies.drover.dev.yaml", crd::rollout_strategies()),
    ] {
        let (_, text) = files().unwrap().into_iter().find(|(known, _)| *known == path).unwrap();
        let read: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(read, document.unwrap().remove(0).whole(), "{path}");
    }
}

/// Every number in the schema is bounded, every list and text too, and every property is described.
#[test]
fn schemas_leave_nothing_open() {
    let mut open = Vec::new();
    for definition in [crd::approval_requests(), crd::fleet_rollouts(), crd::rollout_strategies()] {
        let definition = definition.unwrap().remove(0);
        let kind = &definition["spec"]["names"]["kind"];
        let properties = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"];
        for (part, schema) in properties.as_object().unwrap() {
            look(&format!("{}.{part}", kind.as_str().unwrap()), schema, &mut open);
        }
    }
    assert_eq!(open, Vec::<String>::new());
}

/// `kubectl explain` has a word on every field of a NodePool. Bounds are the API server's business here: OpenYurt has none.
#[test]
fn every_field_of_a_node_pool_is_described() {
    let definition = crd::node_pools().unwrap().remove(0);
    let mut open = Vec::new();
    for part in ["spec", "status"] {
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][part];
        look(part, schema, &mut open);
    }
    open.retain(|lack| !lack.ends_with("no bound"));
    assert_eq!(open, Vec::<String>::new());
}

/// `kubectl explain` has a word on every field of a YurtAppSet, and all but what is its user's own has bounds, so that the API
/// server can price the rules.
#[test]
fn a_yurt_app_set_is_open_only_where_its_user_writes_a_workload() {
    let definition = crd::yurt_app_sets().unwrap().remove(0);
    let mut open = Vec::new();
    for part in ["spec", "status"] {
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][part];
        look(part, schema, &mut open);
    }
    let patch =
        definition.pointer(&format!("/spec/versions/0/schema/openAPIV3Schema/properties{}", crd::PATCH)).unwrap();
    assert_eq!(patch["oneOf"][0]["not"], serde_json::json!({"required": ["value"]}), "remove takes no value");
    let users = [
        "deploymentTemplate.metadata",
        "deploymentTemplate.spec",
        "statefulSetTemplate.metadata",
        "statefulSetTemplate.spec",
    ];
    open.retain(|lack| {
        let path = lack.trim_end_matches(" has no bound");
        !users.iter().any(|open| path.ends_with(open))
            && !path.ends_with("patches[].value")
            && !path.ends_with("matchLabels")
    });
    assert_eq!(open, Vec::<String>::new());
}

fn look(path: &str, schema: &Value, open: &mut Vec<String>) {
    let has = |key: &str| schema.get(key).is_some();
    // meta/v1 Condition is Kubernetes' own.
    if path.ends_with("conditions[]") {
        return;
    }
    let bounded = match schema["type"].as_str() {
        Some("integer") => has("minimum") && (has("maximum") || schema["format"] == "int64"),
        Some("string") => has("maxLength") || has("enum") || has("format") || has("pattern"),
        Some("array") => has("maxItems"),
        Some("object") => has("properties") || has("maxProperties"),
        Some("number" | "boolean") => true,
        _ => has("x-kubernetes-int-or-string") && has("x-kubernetes-validations"),
    };
    if !bounded {
        open.push(format!("{path} has no bound"));
    }
    if !has("description") && !path.ends_with("[]") {
        open.push(format!("{path} has no description"));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        look(&format!("{path}.{name}"), property, open);
    }
    if let Some(items) = schema.get("items") {
        look(&format!("{path}[]"), items, open);
    }
}

trait Whole {
    /// With whole floats as integers, as YAML has them.
    fn whole(self) -> Value;
}

impl Whole for Value {
    fn whole(self) -> Value {
        match self {
            Self::Number(number) => match number.as_f64() {
                #[expect(clippy::cast_possible_truncation, reason = "bounds are small")]
                Some(float) if float.fract() == 0.0 => Self::from(float as i64),
                _ => Self::Number(number),
            },
            Self::Array(values) => values.into_iter().map(Self::whole).collect(),
            Self::Object(map) => Self::Object(map.into_iter().map(|(key, value)| (key, value.whole())).collect()),
            other => other,
        }
    }
}
