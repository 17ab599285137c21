//! gRPC messages, clients and servers of the interfaces in `proto/`.
//!
//! The code under `src/generated/` is made from the `.proto` files by `protox` and
//! `tonic_prost_build`, without `protoc` and without a build script, and is committed. After a
//! change to a `.proto` file, regenerate it with `UPDATE=1 cargo test -p proto`; without `UPDATE`
//! that test fails when the committed files are not what the `.proto` files say.

/// The administrative interface that every service has.
pub mod admin {
    /// Version 1: package `drover.admin.v1`.
    #[expect(
        missing_docs,
        clippy::allow_attributes_without_reason,
        clippy::default_trait_access,
        clippy::doc_markdown,
        clippy::too_many_lines,
        reason = "generated code: the generator decides its style"
    )]
    pub mod v1 {
        include!("generated/drover.admin.v1.rs");
    }
}

/// Which nodes are in which pool, who is reachable, and who leads.
pub mod topology {
    /// Version 1: package `drover.topology.v1`.
    #[expect(
        clippy::allow_attributes_without_reason,
        clippy::default_trait_access,
        clippy::doc_markdown,
        clippy::too_many_lines,
        reason = "generated code: the generator decides its style"
    )]
    pub mod v1 {
        include!("generated/drover.topology.v1.rs");
    }
}

/// How far rollouts are, and why they do not go on.
pub mod rollout {
    mod report;

    pub use report::shortened;

    /// Version 1: package `drover.rollout.v1`.
    #[expect(
        clippy::allow_attributes_without_reason,
        clippy::default_trait_access,
        clippy::doc_markdown,
        clippy::too_many_lines,
        reason = "generated code: the generator decides its style"
    )]
    pub mod v1 {
        include!("generated/drover.rollout.v1.rs");
    }
}

/// Descriptors of every `.proto` file of this crate and of what they import, with comments: what
/// the gRPC reflection service hands out.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/descriptors.bin");
