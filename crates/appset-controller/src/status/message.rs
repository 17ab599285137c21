//! What conditions say about many pools, in a bounded text that is the same for the same pools.

use std::collections::BTreeMap;

/// As many names are said; of more, how many they are.
const NAMES: usize = 10;

/// As many different reasons are said.
const REASONS: usize = 3;

/// As long may a reason be. With the names (63 characters each) a message stays far below what a condition takes.
const LENGTH: usize = 1_024;

/// The message of `PoolFound`: OpenYurt's, but sorted and bounded.
pub(super) fn pools(names: &[&str], unknown: &[&str]) -> String {
    let (said, more) = names.split_at(names.len().min(NAMES));
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    format!("There are {} matched nodepools: [{}{more}]{}", names.len(), said.join(" "), missing(unknown))
}

/// The message of `PoolFound` without any pool.
pub(super) fn no_pools(unknown: &[&str]) -> String {
    format!("There are no matched nodepools for YurtAppSet{}", missing(unknown))
}

/// Each different reason, with whom it is about.
pub(super) fn by_reason<'a>(open: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    open.for_each(|(name, why)| reasons.entry(why).or_default().push(name));
    let others = reasons.len().saturating_sub(REASONS);
    let sentence = |(why, names): (&str, Vec<&str>)| format!("{}: {}", listed(&names), cut(why));
    let mut said: Vec<_> = reasons.into_iter().take(REASONS).map(sentence).collect();
    if others > 0 {
        said.push(format!("{others} more reasons"));
    }
    said.join("; ")
}

/// A message, and what is to be said beside it.
pub(super) fn with(message: &str, complaints: &[String]) -> String {
    let (said, more) = complaints.split_at(complaints.len().min(REASONS));
    let said = said.iter().map(|complaint| format!("; {}", cut(complaint)));
    let more = (!more.is_empty()).then(|| format!("; {} more complaints", more.len()));
    message.to_owned() + &said.chain(more).collect::<String>()
}

fn missing(unknown: &[&str]) -> String {
    if unknown.is_empty() { String::new() } else { format!("; spec.pools: there is no NodePool {}", listed(unknown)) }
}

fn listed(names: &[&str]) -> String {
    let (said, more) = names.split_at(names.len().min(NAMES));
    match more.len() {
        0 => said.join(", "),
        more => format!("{} and {more} more", said.join(", ")),
    }
}

/// As long as a reason may be.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= LENGTH {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(LENGTH)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_pools_are_said_as_openyurt_says_them_and_many_in_bounded_words() {
        assert_eq!(pools(&["a", "b"], &[]), "There are 2 matched nodepools: [a b]");
        assert_eq!(
            no_pools(&["x"]),
            "There are no matched nodepools for YurtAppSet; spec.pools: there is no NodePool x"
        );
        let names: Vec<_> = (0..10_000).map(|index| format!("{index:063}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let said = pools(&names, &names);
        assert!(said.len() < 2_000 && said.contains("10000 matched") && said.contains(" and 9990 more]"), "{said}");
    }

    #[test]
    fn those_with_the_same_reason_are_said_together() {
        let said = by_reason([("b", "no"), ("a", "no"), ("c", "so")].into_iter());
        assert_eq!(said, "b, a: no; c: so");
        let reasons: Vec<_> = (0..1_000).map(|index| format!("{index:04}{}", "é".repeat(1_000))).collect();
        let said = by_reason(reasons.iter().map(|why| ("pool", why.as_str())));
        assert!(said.len() < 4_000 && said.ends_with("…; 997 more reasons"), "{said}");
    }
}
