//! Reflection, so that `grpcurl` can list, describe and call what a process serves.

use tonic_reflection::pb::{v1, v1alpha};
use tonic_reflection::server::Builder;

use super::{MAX_REQUEST_BYTES, Services};

/// Why the descriptors cannot be served.
pub type ReflectionError = tonic_reflection::server::Error;

/// Descriptors of everything a process may serve, encoded.
pub(super) const DESCRIPTORS: [&[u8]; 4] = [
    proto::FILE_DESCRIPTOR_SET,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    v1::FILE_DESCRIPTOR_SET,
    v1alpha::FILE_DESCRIPTOR_SET,
];

/// The reflection services themselves.
pub(super) const NAMES: [&str; 2] =
    [v1::server_reflection_server::SERVICE_NAME, v1alpha::server_reflection_server::SERVICE_NAME];

/// Adds reflection v1, and v1alpha for tools that know only that, listing the services there are.
pub(super) fn add(services: &mut Services) -> Result<(), ReflectionError> {
    let builder = || {
        let names = services.names.iter().copied().chain(NAMES);
        names.fold(
            DESCRIPTORS.into_iter().fold(
                Builder::configure().include_reflection_service(false),
                Builder::register_encoded_file_descriptor_set,
            ),
            Builder::with_service_name,
        )
    };
    let (current, alpha) = (builder().build_v1()?, builder().build_v1alpha()?);
    services.add(current.max_decoding_message_size(MAX_REQUEST_BYTES));
    services.add(alpha.max_decoding_message_size(MAX_REQUEST_BYTES));
    Ok(())
}
