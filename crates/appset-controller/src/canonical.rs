//! One text for JSON that means the same, and its hash.
//!
//! Invariant: the text of a value never changes with versions of Drover, or every YurtAppSet gets a new revision and every pool a
//! new template on the day of an upgrade. Golden hashes in the tests hold it.
//!
//! It is the user's JSON that is hashed, not a type's: no field that a later Kubernetes adds to a type is in it. What Go's types
//! write where nothing was said (null, and empty objects in a few places) is left out, so that the revisions of OpenYurt, which are
//! made of such types, read the same as what their users wrote.

mod quantity;
mod spelling;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use serde_json::{Number, Value};

pub(crate) use quantity::Quantity;

/// Empty objects under these keys say nothing; Go's types write them all the same.
const EMPTY_IN_GO: [&str; 5] = ["metadata", "resources", "status", "strategy", "updateStrategy"];

/// The hash of a canonical text: FNV-1a with 64 bits, as 16 hexadecimal digits. Whoever depends on two being different must bear
/// that once in a very long time they are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(u64);

impl Hash {
    /// The hash of a value.
    pub fn of(value: &Value) -> Self {
        Self::of_text(&text(value))
    }

    /// The hash of a text.
    pub fn of_text(text: &str) -> Self {
        let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(text.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
    }

    /// Its bits.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The half of it that is short enough for names: 8 hexadecimal digits. Collisions of these are to be expected.
    pub fn short(self) -> String {
        format!("{:08x}", (self.0 >> 32) ^ (self.0 & 0xffff_ffff))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A value as its canonical text: cheap to copy and to compare, and a tenth of the size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical(Arc<str>);

impl Canonical {
    /// A value, less what says nothing in it.
    pub fn of(value: &Value) -> Self {
        Self(text(value).into())
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The value.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// The canonical text of a value: keys sorted, whole numbers as integers, nothing that means the same as its absence.
pub fn text(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

/// The text of what an API server makes of a workload, or of a part of it: another spelling of the same has the same text. Quantities
/// are the same by their amount (`0.5` and `500m`), and what is empty is left out in more places. Of a value with neither it is
/// [`text`].
pub fn meaning(value: &Value) -> String {
    text(&spelling::normal(value))
}

/// Whether two values mean the same.
pub fn same(one: &Value, other: &Value) -> bool {
    text(one) == text(other)
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&value.to_string()),
        Value::Number(number) => write_number(number, text),
        Value::Array(items) => list(text, ['[', ']'], items, write),
        Value::Object(fields) => {
            // Sorted here: serde_json's map is, or is not, by a feature that any crate may turn on.
            let said: BTreeMap<_, _> = fields.iter().filter(|(key, value)| !is_silent(key, value)).collect();
            list(text, ['{', '}'], said, |(key, value), text| {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
            });
        }
    }
}

fn list<T>(
    text: &mut String,
    [open, close]: [char; 2],
    items: impl IntoIterator<Item = T>,
    write: impl Fn(T, &mut String),
) {
    text.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(item, text);
    }
    text.push(close);
}

fn is_silent(key: &str, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(fields) => EMPTY_IN_GO.contains(&key) && fields.iter().all(|(key, value)| is_silent(key, value)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
    }
}

/// `3.0` is `3`: the API server writes it so.
fn write_number(number: &Number, text: &mut String) {
    /// Up to here every whole float is an integer that is exactly it.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = number.as_f64().filter(|float| !number.is_i64() && float.fract() == 0.0 && float.abs() <= EXACT);
    // Writing to a String does not fail.
    let _ = match whole {
        Some(float) => write!(text, "{float:.0}"),
        None => write!(text, "{number}"),
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Just, any, prop_oneof, proptest};
    use proptest::strategy::Strategy;
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_and_hashes_are_the_same_for_ever() {
        let value =
            json!({"b": [1, 2.5, -3, true, null, "ü\n\"", 18_446_744_073_709_551_615_u64], "a": {"z": {}, "y": []}});
        assert_eq!(text(&value), r#"{"a":{"y":[],"z":{}},"b":[1,2.5,-3,true,null,"ü\n\"",18446744073709551615]}"#);
        assert_eq!(
            (Hash::of(&value).to_string().as_str(), Hash::of(&value).short().as_str()),
            ("ba02aa84a1310786", "1b33ad02")
        );
        // Test vectors of the FNV authors, draft-eastlake-fnv.
        assert_eq!(Hash::of_text("").to_string(), "cbf29ce484222325");
        assert_eq!(Hash::of_text("foobar").to_string(), "85944171f73967e8");
    }

    #[test]
    fn what_go_adds_says_nothing_and_what_a_user_means_stays() {
        let user =
            json!({"template": {"spec": {"containers": [{"name": "c"}], "volumes": [{"name": "v", "emptyDir": {}}]}}});
        let go = json!({
            "template": {
                "metadata": {"creationTimestamp": null},
                "spec": {"volumes": [{"name": "v", "emptyDir": {}}], "containers": [{"resources": {}, "name": "c"}]},
            },
            "strategy": {},
        });
        assert!(same(&user, &go));
        let other = json!({"template": {"spec": {"containers": [{"name": "c"}], "volumes": [{"name": "v"}]}}});
        assert!(!same(&user, &other), "emptyDir is what a user means");
        assert!(!same(&json!({"nodepoolSelector": {}}), &json!({})), "so is the selector of every pool");
        assert!(same(&json!({"replicas": 3.0}), &json!({"replicas": 3})) && !same(&json!([1.5]), &json!([1])));
        assert!(!same(&json!([null]), &json!([])), "lists keep their places");
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-d]|metadata", inner, 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_text_reads_back_as_what_means_the_same(value in json_value()) {
            let read: Value = serde_json::from_str(&text(&value)).unwrap();
            assert_eq!(text(&read), text(&value));
        }
    }
}
