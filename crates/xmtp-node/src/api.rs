//! The two services as they are generated from the `.proto` files of `chancery-xmtp-wire`.

mod generated {
    // generated: what a method means stands in the .proto files
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::missing_errors_doc)]

    pub mod identity {
        tonic::include_proto!("xmtp.identity.api.v1");
    }

    pub mod mls {
        tonic::include_proto!("xmtp.mls.api.v1");
    }
}

pub(crate) use generated::{
    identity::identity_api_server::{IdentityApi, IdentityApiServer},
    mls::mls_api_server::{MlsApi, MlsApiServer},
};

/// Callers of the two services, for tests and benches.
pub mod client {
    pub use super::generated::{identity::identity_api_client::IdentityApiClient, mls::mls_api_client::MlsApiClient};
}
