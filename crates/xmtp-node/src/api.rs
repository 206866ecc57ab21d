//! The two services as they are generated from the `.proto` files of `chancery-xmtp-wire`.

mod generated {
    // generated: what a method means stands in the .proto files
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::missing_errors_doc)]

    pub(crate) mod server {
        pub mod identity {
            include!(concat!(env!("OUT_DIR"), "/server/xmtp.identity.api.v1.rs"));
        }

        pub mod mls {
            include!(concat!(env!("OUT_DIR"), "/server/xmtp.mls.api.v1.rs"));
        }
    }

    pub mod client {
        pub mod identity {
            include!(concat!(env!("OUT_DIR"), "/client/xmtp.identity.api.v1.rs"));
        }

        pub mod mls {
            include!(concat!(env!("OUT_DIR"), "/client/xmtp.mls.api.v1.rs"));
        }
    }
}

pub(crate) use generated::server::{
    identity::identity_api_server::{IdentityApi, IdentityApiServer},
    mls::mls_api_server::{MlsApi, MlsApiServer},
};

/// Callers of the two services, for tests and benches.
pub mod client {
    pub use super::generated::client::{
        identity::identity_api_client::IdentityApiClient, mls::mls_api_client::MlsApiClient,
    };
}
