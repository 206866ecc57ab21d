//! Protobuf messages under the names that they have on the network: package `xmtp.mls.api.v1` is [`mls::api::v1`].
//!
//! Field numbers follow github.com/xmtp/proto. What a field means stands in `proto/`. Maps are ordered, so that the same
//! value is always the same bytes. Bytes of the MLS packages are [`bytes::Bytes`], slices of what was received: who keeps
//! a small one keeps the whole.

// generated: what is worth saying about a field stands beside it in its .proto file
#![allow(missing_docs, clippy::doc_markdown, clippy::large_enum_variant)]

/// Package `xmtp.identity`.
pub mod identity {
    include!(concat!(env!("OUT_DIR"), "/xmtp.identity.rs"));

    /// Package `xmtp.identity.associations`: the identity log.
    pub mod associations {
        include!(concat!(env!("OUT_DIR"), "/xmtp.identity.associations.rs"));
    }

    /// Service `xmtp.identity.api.v1.IdentityApi`.
    pub mod api {
        /// Package `xmtp.identity.api.v1`.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/xmtp.identity.api.v1.rs"));
        }
    }
}

/// Package `xmtp.message_contents`: keys of the network's second version.
pub mod message_contents {
    include!(concat!(env!("OUT_DIR"), "/xmtp.message_contents.rs"));
}

/// Packages of MLS.
pub mod mls {
    /// Service `xmtp.mls.api.v1.MlsApi`.
    pub mod api {
        /// Package `xmtp.mls.api.v1`.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/xmtp.mls.api.v1.rs"));
        }
    }

    /// Package `xmtp.mls.message_contents`: welcomes, the group's context, contents.
    pub mod message_contents {
        include!(concat!(env!("OUT_DIR"), "/xmtp.mls.message_contents.rs"));

        /// Package `xmtp.mls.message_contents.content_types`.
        pub mod content_types {
            include!(concat!(env!("OUT_DIR"), "/xmtp.mls.message_contents.content_types.rs"));
        }
    }
}
