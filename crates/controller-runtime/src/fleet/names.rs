//! Interned names: node, pool, revision and label texts recur by the thousand and are kept once.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use planner::fleet::Name;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Names that nothing refers to any more are dropped when the table has grown by this many.
const SWEEP_EVERY: usize = 4096;

thread_local! {
    static TABLE: RefCell<Table> = RefCell::default();
}

#[derive(Default)]
struct Table {
    names: HashSet<Name>,
    sweep_at: usize,
}

/// The interned name of this text. Tables are per thread; equal names of two threads are equal, but stored twice.
pub fn intern(text: &str) -> Name {
    TABLE.with_borrow_mut(|table| {
        if let Some(known) = table.names.get(text) {
            return known.clone();
        }
        if table.names.len() >= table.sweep_at {
            table.names.retain(|name| Arc::strong_count(name) > 1);
            table.sweep_at = table.names.len() + SWEEP_EVERY;
        }
        let name: Name = text.into();
        table.names.insert(name.clone());
        name
    })
}

/// A name that is interned while it is decoded, and encoded as the text it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Interned(pub Name);

impl Default for Interned {
    fn default() -> Self {
        Self(intern(""))
    }
}

impl<'de> Deserialize<'de> for Interned {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Interned;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Interned, E> {
                Ok(Interned(intern(text)))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_name_and_unused_ones_go() {
        let first = intern("pool-1");
        assert!(Arc::ptr_eq(&first, &intern("pool-1")));
        for i in 0..3 * SWEEP_EVERY {
            intern(&format!("passing-{i}"));
        }
        TABLE.with_borrow(|table| assert!(table.names.len() < 2 * SWEEP_EVERY, "{}", table.names.len()));
        assert!(Arc::ptr_eq(&first, &intern("pool-1")));
    }
}
