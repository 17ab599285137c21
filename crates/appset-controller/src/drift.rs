//! What others changed: whether everything that is wanted is in an object as the API server has it.
//!
//! The API server writes more than it was given (defaults) and some of it otherwise (`0.5` of a CPU as `500m`; what is empty not at
//! all), and others may have fields of their own. None of that is a difference. A difference that applying does not remove must not
//! be applied for ever: the planner is told which ones an apply left, and of what is there instead, so that another value is drift
//! again.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use serde_json::{Map, Value};

use crate::canonical::{self, Quantity};

/// By which fields the items of Kubernetes' lists are told apart, by the name of the list. Items of others are told apart by their
/// place.
const KEYS: [(&str, &[&str]); 13] = [
    ("containers", &["name"]),
    ("initContainers", &["name"]),
    ("ephemeralContainers", &["name"]),
    ("volumes", &["name"]),
    ("env", &["name"]),
    ("imagePullSecrets", &["name"]),
    ("resourceClaims", &["name"]),
    ("ports", &["containerPort", "protocol"]),
    ("volumeMounts", &["mountPath"]),
    ("volumeDevices", &["devicePath"]),
    ("hostAliases", &["ip"]),
    ("topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("ownerReferences", &["uid"]),
];

/// A place at which something that is wanted is not there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Difference {
    /// Where, as a path.
    pub path: String,
    /// The hash of what is there instead.
    pub live: u64,
}

impl Difference {
    fn at(path: &[String], live: impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        live.hash(&mut hasher);
        Self { path: path.concat(), live: hasher.finish() }
    }
}

/// The places at which something that is wanted is not there, in the order of what is wanted. `path` is where both stand.
pub fn differences(path: &str, wanted: &Value, live: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut path = path.split('.').filter(|part| !part.is_empty()).fold(Vec::new(), |mut path: Vec<String>, part| {
        path.push(format!("{}{part}", if path.is_empty() { "" } else { "." }));
        path
    });
    look(wanted, Some(live), &mut path, &mut found);
    found
}

fn look(wanted: &Value, live: Option<&Value>, path: &mut Vec<String>, found: &mut Vec<Difference>) {
    match (wanted, live) {
        (wanted, None | Some(Value::Null)) if is_empty(wanted) => {}
        (Value::Object(wanted), Some(Value::Object(live))) => {
            for (key, value) in wanted {
                path.push(format!("{}{key}", if path.is_empty() { "" } else { "." }));
                look(value, live.get(key), path, found);
                path.pop();
            }
        }
        (Value::Array(wanted), Some(Value::Array(live))) => look_at_list(wanted, live, path, found),
        (wanted, Some(live)) if same(path, wanted, live) => {}
        (_, live) => found.push(Difference::at(path, live)),
    }
}

fn look_at_list(wanted: &[Value], live: &[Value], path: &mut Vec<String>, found: &mut Vec<Difference>) {
    let list = path.last().map_or("", |part| part.trim_start_matches('.'));
    let keys = KEYS.iter().find(|(name, _)| *name == list).map(|(_, keys)| *keys);
    let keyed = keys.filter(|_| wanted.iter().chain(live).all(Value::is_object));
    if keyed.is_none() && wanted.len() != live.len() {
        found.push(Difference::at(path, live));
        return;
    }
    for (index, item) in wanted.iter().enumerate() {
        let counterpart = match keyed {
            Some(keys) => live.iter().find(|live| keys.iter().all(|key| key_of(item, key) == key_of(live, key))),
            None => live.get(index),
        };
        path.push(format!("[{index}]"));
        match counterpart {
            Some(counterpart) => look(item, Some(counterpart), path, found),
            // Not even an empty item is there by being left out.
            None => found.push(Difference::at(path, ())),
        }
        path.pop();
    }
}

/// The part of an item's key; a port without protocol is one of TCP.
fn key_of<'a>(item: &'a Value, key: &str) -> Option<&'a Value> {
    let of = |fields: &'a Map<String, Value>| fields.get(key).filter(|value| key != "protocol" || **value != "TCP");
    item.as_object().and_then(of)
}

/// Whether Go's types leave such a value out.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(bool) => !bool,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
    }
}

fn same(path: &[String], wanted: &Value, live: &Value) -> bool {
    let key = |back: usize| path.iter().nth_back(back).map_or("", |part| part.trim_start_matches('.'));
    let quantity = |value: &Value| Quantity::at(key(1), key(0), value);
    canonical::same(wanted, live) || quantity(wanted).is_some_and(|wanted| quantity(live) == Some(wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Where they differ.
    fn differences(path: &str, wanted: &Value, live: &Value) -> Vec<String> {
        super::differences(path, wanted, live).into_iter().map(|difference| difference.path).collect()
    }

    fn pod(container: &Value) -> Value {
        json!({"spec": {"template": {"spec": {"containers": [container]}}}})
    }

    #[test]
    fn what_the_api_server_writes_of_its_own_is_no_difference() {
        let wanted = pod(&json!({
            "name": "c", "image": "c:1", "args": ["a"], "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}},
            "env": [{"name": "A", "value": ""}], "ports": [{"containerPort": 80}], "tty": false, "securityContext": {},
        }));
        let live = pod(&json!({
            "name": "c", "image": "c:1", "args": ["a"], "imagePullPolicy": "IfNotPresent",
            "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
            "env": [{"name": "A"}], "ports": [{"containerPort": 80, "protocol": "TCP"}],
        }));
        assert_eq!(differences("", &wanted, &live), Vec::<String>::new());
        let mut more = live.clone();
        let containers = more.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut).unwrap();
        containers.insert(0, json!({"name": "injected", "image": "x"}));
        assert_eq!(differences("", &wanted, &more), Vec::<String>::new(), "others may add a container of their own");
    }

    #[test]
    fn what_is_not_as_wanted_is_named_with_its_path() {
        let wanted =
            pod(&json!({"name": "c", "image": "c:1", "args": ["a", "b"], "env": [{"name": "A", "value": "1"}]}));
        let live = |change: fn(&mut Value)| {
            let mut live = wanted.clone();
            change(&mut live["spec"]["template"]["spec"]["containers"][0]);
            differences("", &wanted, &live).concat()
        };
        let at = |path: &str| format!("spec.template.spec.containers[0]{path}");
        assert_eq!(live(|container| container["image"] = json!("c:2")), at(".image"));
        assert_eq!(live(|container| container["args"] = json!(["a"])), at(".args"));
        assert_eq!(live(|container| container["args"] = json!(["b", "a"])), at(".args[0]") + &at(".args[1]"));
        assert_eq!(live(|container| container["env"] = json!([{"name": "B", "value": "1"}])), at(".env[0]"));
        assert_eq!(live(|container| container["name"] = json!("d")), at(""));
        assert_eq!(differences("", &wanted, &json!({})), ["spec"]);
        assert_eq!(
            differences("", &json!({"b": 0, "a": "1", "c": [1]}), &json!({"b": 1, "a": "2", "c": []})),
            ["a", "b", "c"]
        );
    }

    #[test]
    fn a_quantity_is_compared_as_one_only_where_quantities_are() {
        let env = |value: &str| pod(&json!({"name": "c", "env": [{"name": "A", "value": value}], "args": [value]}));
        let at = |part: &str| format!("spec.template.spec.containers[0]{part}");
        assert_eq!(differences("", &env("1"), &env("1.0")), [at(".args[0]"), at(".env[0].value")]);
        let noted = |value: &str| json!({"limits": value, "annotations": {"limits": value, "storage": value}});
        assert_eq!(
            differences("", &noted("1Gi"), &noted("1024Mi")),
            ["annotations.limits", "annotations.storage", "limits"]
        );
        let volumes = |limit: Value, divisor: &str| {
            let field = json!({"resourceFieldRef": {"resource": "limits.cpu", "divisor": divisor}});
            let claim = json!({"spec": {"resources": {"requests": {"storage": limit}}}});
            json!({
                "volumeClaimTemplates": [claim],
                "template": {"spec": {
                    "overhead": {"memory": limit}, "volumes": [{"name": "v", "emptyDir": {"sizeLimit": limit}}],
                    "containers": [{"name": "c", "env": [{"name": "A", "valueFrom": field}]}],
                }},
            })
        };
        let none = Vec::<String>::new();
        assert_eq!(differences("", &volumes(json!("1024Mi"), "1.0"), &volumes(json!("1Gi"), "1")), none);
        assert_eq!(differences("", &volumes(json!(1_024), "1"), &volumes(json!("1Ki"), "1")), none);
        assert_eq!(differences("", &volumes(json!("1Gi"), "1"), &volumes(json!("2Gi"), "2")).len(), 4);
    }

    #[test]
    fn another_value_at_the_same_place_is_another_difference() {
        let at = |live: Value| super::differences("", &json!({"image": "a"}), &live).remove(0);
        assert_eq!(at(json!({"image": "b"})), at(json!({"image": "b"})));
        assert_eq!(at(json!({"image": "b"})).path, at(json!({"image": "c"})).path);
        assert_ne!(at(json!({"image": "b"})), at(json!({"image": "c"})));
        assert_ne!(at(json!({"image": "b"})), at(json!({})));
    }
}
