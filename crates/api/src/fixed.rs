//! Fields that keep their first value.

use schemars::Schema;
use schemars::transform::Transform;
use serde_json::json;

/// Makes a field of a kind fixed: it is refused to change, for the reason given.
pub(crate) struct Fixed(pub(crate) &'static str);

impl Transform for Fixed {
    fn transform(&mut self, schema: &mut Schema) {
        let message = format!("cannot be changed: {}", self.0);
        schema.insert("x-kubernetes-validations".to_owned(), json!([{"rule": "self == oldSelf", "message": message}]));
    }
}
