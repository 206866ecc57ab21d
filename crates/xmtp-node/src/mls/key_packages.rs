//! Key packages.
//!
//! Whether an installation is one of the inbox that its key package names is decided by the inbox's identity log, and
//! clients upload the key package of a new installation before they publish the update that adds it, also to an inbox that
//! exists. So an upload is taken as long as no other inbox has the installation, and a key package is handed out only while
//! the log has the installation in that inbox: from the update that adds it on, until the one that revokes it.
//!
//! Anybody can read a key package and send it later. One that was superseded stays so: its private half is gone, and whoever
//! brought it back would keep the installation out of every new group.

use bytes::Bytes;
use chancery_xmtp_wire::{mls::ValidatedKeyPackage, proto::mls::api::v1 as proto};
use tonic::{Response, Status};

use super::{answer, installation};
use crate::{
    engine::Engine,
    error::{Refusal, refused, store_failed},
    limits::MAX_FETCHED_KEY_PACKAGES,
    store::{
        Failure,
        commands::{PutKeyPackage, Superseded},
        model::Installation,
        queries::{InboxOf, KeyPackages},
    },
};

/// Checks and keeps a key package in place of an older one; answers with its installation.
pub(super) async fn upload(engine: &Engine, upload: Option<proto::KeyPackageUpload>) -> Result<Installation, Status> {
    let bytes = upload.ok_or(Refusal::KeyPackageMissing)?.key_package_tls_serialized;
    let valid = ValidatedKeyPackage::parse(&bytes, engine.clock.now()).map_err(|error| refused(&error))?;
    let installation = Installation(valid.installation().to_bytes());
    let inbox = valid.inbox_id().to_string();
    let owner = engine.find(InboxOf { installation }).await?;
    if owner.is_some_and(|owner| owner != inbox) {
        return Err(Refusal::InstallationForeign.into());
    }
    let step = PutKeyPackage {
        installation,
        inbox,
        init_key: *valid.init_key(),
        key_package: bytes,
        now_ns: engine.now_ns(),
    };
    match engine.store.run(step).await {
        Ok(()) => Ok(installation),
        Err(Failure::Refused(Superseded)) => Err(Refusal::KeyPackageSuperseded.into()),
        Err(Failure::Store(error)) => Err(store_failed(&error)),
    }
}

/// One key package for each installation, in their order; empty where there is none that counts.
pub(super) async fn fetch(
    engine: &Engine,
    request: proto::FetchKeyPackagesRequest,
) -> Result<Response<proto::FetchKeyPackagesResponse>, Status> {
    if request.installation_keys.len() > MAX_FETCHED_KEY_PACKAGES {
        return Err(Refusal::BatchTooLarge.into());
    }
    let installations = request.installation_keys.iter().map(|key| installation(key));
    let installations = installations.collect::<Result<Vec<_>, _>>()?;
    let query = |bytes| KeyPackages {
        installations: installations.clone(),
        bytes,
    };
    let (found, place) = engine.find_sized(query, Option::is_some).await?;
    let found = found.ok_or(Refusal::AnswerTooLarge)?;
    let key_package = |bytes: Option<Bytes>| proto::fetch_key_packages_response::KeyPackage {
        key_package_tls_serialized: bytes.unwrap_or_default(),
    };
    let response = proto::FetchKeyPackagesResponse {
        key_packages: found.into_iter().map(key_package).collect(),
    };
    Ok(answer(response, place))
}
