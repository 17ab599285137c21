//! One version of what everything rests on, and one TLS backend.

use std::collections::BTreeSet;

use cargo_metadata::Metadata;

/// Two versions of one of these would not understand each other's types, or double the binaries.
const SINGLE: &[&str] = &[
    "axum",
    "hyper",
    "jiff",
    "k8s-openapi",
    "kube",
    "opentelemetry",
    "prost",
    "rustls",
    "schemars",
    "serde",
    "tokio",
    "tonic",
];

/// rustls with ring is the one TLS backend, jiff the one time library.
const ABSENT: &[&str] = &["aws-lc-rs", "aws-lc-sys", "openssl", "openssl-sys", "native-tls", "chrono"];

pub(super) fn violations(metadata: &Metadata) -> Vec<String> {
    judge(
        &metadata
            .packages
            .iter()
            .map(|package| (package.name.as_str(), package.version.to_string()))
            .collect::<Vec<_>>(),
    )
}

fn judge(packages: &[(&str, String)]) -> Vec<String> {
    let versions = |name: &str| -> BTreeSet<&str> {
        packages.iter().filter(|(package, _)| *package == name).map(|(_, version)| version.as_str()).collect()
    };
    let mut found = Vec::new();
    for name in SINGLE {
        let versions = versions(name);
        if versions.len() > 1 {
            let list: Vec<&str> = versions.into_iter().collect();
            found.push(format!(
                "{name} is there in {} versions: {} (cargo tree -i {name})",
                list.len(),
                list.join(", ")
            ));
        }
    }
    for name in ABSENT.iter().filter(|name| !versions(name).is_empty()) {
        found.push(format!("{name} must not be in the dependencies (cargo tree -i {name})"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_version_and_a_second_tls_backend_are_found() {
        let packages =
            [("tokio", "1.0.0"), ("tokio", "0.2.0"), ("syn", "1.0.0"), ("syn", "2.0.0"), ("openssl", "0.10.0")];
        let found = judge(&packages.map(|(name, version)| (name, version.to_owned())));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("tokio is there in 2 versions: 0.2.0, 1.0.0"));
        assert!(found[1].starts_with("openssl must not"));
    }
}
