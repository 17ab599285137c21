//! Lists of names, short.

use planner::fleet::Name;

/// Names in order, three or more that count up as a range: `a1–a3, b7`.
pub fn list(names: &[Name]) -> String {
    let mut sorted: Vec<&Name> = names.iter().collect();
    sorted.sort();
    let mut parts = Vec::new();
    let mut rest = &sorted[..];
    while let Some(first) = rest.first() {
        let run = 1 + rest.windows(2).take_while(|pair| follows(pair[0], pair[1])).count();
        if run >= 3 {
            parts.push(format!("{first}–{}", rest[run - 1]));
            rest = &rest[run..];
        } else {
            parts.push(first.to_string());
            rest = &rest[1..];
        }
    }
    parts.join(", ")
}

/// Splits `a07` into `a` and 7.
pub(crate) fn split(name: &str) -> Option<(&str, u32, usize)> {
    let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (stem, number) = name.split_at(name.len() - digits);
    Some((stem, number.parse().ok()?, digits))
}

fn follows(a: &str, b: &str) -> bool {
    matches!((split(a), split(b)), (Some(a), Some(b)) if a.0 == b.0 && a.1 + 1 == b.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_up_is_a_range() {
        let list_of = |names: &[&str]| list(&names.iter().map(|name| Name::from(*name)).collect::<Vec<_>>());
        assert_eq!(list_of(&["a3", "a1", "a2", "b1", "b2", "c"]), "a1–a3, b1, b2, c");
        assert_eq!(list_of(&["n09", "n10", "n11"]), "n09–n11");
        assert_eq!(list_of(&[]), "");
    }
}
