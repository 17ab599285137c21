//! The methods a process serves, by the path of a call.

use std::collections::HashMap;

use prost::Message;
use prost_types::FileDescriptorSet;

use super::reflection::DESCRIPTORS;

/// Every method that may be called. What is not among them gets no label of its own, so that
/// callers cannot make labels up.
#[derive(Debug)]
pub(super) struct Methods(HashMap<String, Method>);

/// The name of a method in metrics and traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Method {
    /// Its service with the package, as in `drover.admin.v1.AdminService`.
    pub(super) service: String,
    /// Its own name.
    pub(super) method: String,
}

impl Methods {
    /// The methods of the services named.
    ///
    /// # Errors
    /// When the descriptors in the program are not valid.
    pub(super) fn of(names: &[&str]) -> Result<Self, prost::DecodeError> {
        let mut methods = HashMap::new();
        for encoded in DESCRIPTORS {
            for file in FileDescriptorSet::decode(encoded)?.file {
                for service in &file.service {
                    let full = format!("{}.{}", file.package(), service.name());
                    if !names.contains(&full.as_str()) {
                        continue;
                    }
                    methods.extend(service.method.iter().map(|method| {
                        let path = format!("/{full}/{}", method.name());
                        (path, Method::new(&full, method.name()))
                    }));
                }
            }
        }
        Ok(Self(methods))
    }

    /// Whether this service is served, and has this method.
    pub(super) fn has(&self, service: &str, method: Option<&str>) -> bool {
        self.0.values().any(|served| served.service == service && method.is_none_or(|method| served.method == method))
    }

    /// The method at a path, or the one that stands for all others.
    pub(super) fn at(&self, path: &str) -> Method {
        self.0.get(path).cloned().unwrap_or_else(|| Method::new("unknown", "unknown"))
    }
}

impl Method {
    fn new(service: &str, method: &str) -> Self {
        Self { service: service.to_owned(), method: method.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_served_methods_have_names() {
        let methods = Methods::of(&["drover.admin.v1.AdminService"]).unwrap();
        let known = methods.at("/drover.admin.v1.AdminService/GetInfo");
        assert_eq!(known, Method::new("drover.admin.v1.AdminService", "GetInfo"));
        for path in ["/drover.admin.v1.AdminService/Guess", "/grpc.health.v1.Health/Check", "/", ""] {
            assert_eq!(methods.at(path), Method::new("unknown", "unknown"));
        }
    }
}
