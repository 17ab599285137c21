//! Licences of everything that is built, by their SPDX expressions.

use cargo_metadata::Metadata;

/// Permissive licences, whose one demand is their notice.
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

pub(super) fn violations(metadata: &Metadata) -> Vec<String> {
    let mut found = Vec::new();
    for package in &metadata.packages {
        match &package.license {
            None => found.push(format!("{} {} names no licence", package.name, package.version)),
            Some(licence) if !allowed(licence) => {
                found.push(format!("{} {} has the licence {licence}", package.name, package.version));
            }
            Some(_) => {}
        }
    }
    found
}

/// Whether some choice that the expression offers is made of allowed licences only. `A/B` is what crates wrote for `A OR B`
/// before SPDX. An expression that cannot be read allows nothing.
fn allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    either(&mut words) == Some(true) && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

/// OR binds weakest.
fn either(words: &mut Words<'_>) -> Option<bool> {
    let mut allowed = both(words)?;
    while words.next_if_eq(&"OR").is_some() {
        allowed |= both(words)?;
    }
    Some(allowed)
}

fn both(words: &mut Words<'_>) -> Option<bool> {
    let mut allowed = one(words)?;
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words)?;
    }
    Some(allowed)
}

fn one(words: &mut Words<'_>) -> Option<bool> {
    let word = words.next()?;
    if word == "(" {
        let inner = either(words)?;
        return (words.next()? == ")").then_some(inner);
    }
    if words.next_if_eq(&"WITH").is_some() {
        let exception = words.next()?;
        return Some(ALLOWED.contains(&format!("{word} WITH {exception}").as_str()));
    }
    Some(ALLOWED.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::allowed;

    #[test]
    fn one_allowed_choice_is_enough() {
        for expression in [
            "MIT",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "GPL-3.0 OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "GPL-3.0 AND ISC OR MIT",
        ] {
            assert!(allowed(expression), "{expression}");
        }
    }

    #[test]
    fn every_part_of_a_choice_must_be_allowed() {
        for expression in
            ["GPL-3.0", "MIT AND GPL-3.0", "MIT AND (GPL-3.0 OR LGPL-2.1)", "MIT WITH strings", "MIT OR", "(MIT", ""]
        {
            assert!(!allowed(expression), "{expression}");
        }
    }
}
