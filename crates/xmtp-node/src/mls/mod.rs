//! `xmtp.mls.api.v1.MlsApi`: one file for each thing that it carries.

mod commit_log;
mod groups;
mod key_packages;
mod page;
mod welcomes;

use std::sync::Arc;

use bytes::Bytes;
use chancery_xmtp_wire::{mls::message::MAX_GROUP_ID, proto::mls::api::v1 as proto};
use futures_util::stream::Empty;
use tonic::{Request, Response, Status};

use crate::{api::MlsApi, engine::Engine, error::Refusal, gate::LargeAnswer, store::model::Installation};

/// The service.
pub(crate) struct Mls {
    pub(crate) engine: Arc<Engine>,
}

#[tonic::async_trait]
impl MlsApi for Mls {
    type SubscribeGroupMessagesStream = Empty<Result<proto::GroupMessage, Status>>;
    type SubscribeWelcomeMessagesStream = Empty<Result<proto::WelcomeMessage, Status>>;

    async fn send_group_messages(
        &self,
        request: Request<proto::SendGroupMessagesRequest>,
    ) -> Result<Response<()>, Status> {
        groups::send(&self.engine, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn send_welcome_messages(
        &self,
        request: Request<proto::SendWelcomeMessagesRequest>,
    ) -> Result<Response<()>, Status> {
        welcomes::send(&self.engine, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn register_installation(
        &self,
        request: Request<proto::RegisterInstallationRequest>,
    ) -> Result<Response<proto::RegisterInstallationResponse>, Status> {
        let request = request.into_inner();
        let installation = key_packages::upload(&self.engine, request.key_package);
        Ok(Response::new(proto::RegisterInstallationResponse {
            installation_key: Bytes::copy_from_slice(&installation.await?.0),
        }))
    }

    async fn upload_key_package(
        &self,
        request: Request<proto::UploadKeyPackageRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        key_packages::upload(&self.engine, request.key_package).await?;
        Ok(Response::new(()))
    }

    async fn fetch_key_packages(
        &self,
        request: Request<proto::FetchKeyPackagesRequest>,
    ) -> Result<Response<proto::FetchKeyPackagesResponse>, Status> {
        key_packages::fetch(&self.engine, request.into_inner()).await
    }

    async fn revoke_installation(&self, _: Request<proto::RevokeInstallationRequest>) -> Result<Response<()>, Status> {
        // the reference serves neither this nor the next one: both are the identity log's now
        Err(Refusal::NotServed.into())
    }

    async fn get_identity_updates(
        &self,
        _: Request<proto::GetIdentityUpdatesRequest>,
    ) -> Result<Response<proto::GetIdentityUpdatesResponse>, Status> {
        Err(Refusal::NotServed.into())
    }

    async fn query_group_messages(
        &self,
        request: Request<proto::QueryGroupMessagesRequest>,
    ) -> Result<Response<proto::QueryGroupMessagesResponse>, Status> {
        groups::query(&self.engine, request.into_inner()).await
    }

    async fn query_welcome_messages(
        &self,
        request: Request<proto::QueryWelcomeMessagesRequest>,
    ) -> Result<Response<proto::QueryWelcomeMessagesResponse>, Status> {
        welcomes::query(&self.engine, request.into_inner()).await
    }

    async fn subscribe_group_messages(
        &self,
        _: Request<proto::SubscribeGroupMessagesRequest>,
    ) -> Result<Response<Self::SubscribeGroupMessagesStream>, Status> {
        // the router sends this and the next one to `stream`
        Err(Refusal::NotServed.into())
    }

    async fn subscribe_welcome_messages(
        &self,
        _: Request<proto::SubscribeWelcomeMessagesRequest>,
    ) -> Result<Response<Self::SubscribeWelcomeMessagesStream>, Status> {
        Err(Refusal::NotServed.into())
    }

    async fn batch_publish_commit_log(
        &self,
        request: Request<proto::BatchPublishCommitLogRequest>,
    ) -> Result<Response<()>, Status> {
        commit_log::publish(&self.engine, request.into_inner())
            .await
            .map(Response::new)
    }

    async fn batch_query_commit_log(
        &self,
        request: Request<proto::BatchQueryCommitLogRequest>,
    ) -> Result<Response<proto::BatchQueryCommitLogResponse>, Status> {
        commit_log::query(&self.engine, request.into_inner()).await
    }

    async fn get_newest_group_message(
        &self,
        request: Request<proto::GetNewestGroupMessageRequest>,
    ) -> Result<Response<proto::GetNewestGroupMessageResponse>, Status> {
        groups::newest(&self.engine, request.into_inner()).await
    }
}

/// An answer, and what is held until it was read.
pub(crate) fn answer<T>(body: T, place: Option<LargeAnswer>) -> Response<T> {
    let mut response = Response::new(body);
    if let Some(place) = place {
        response.extensions_mut().insert(place);
    }
    response
}

pub(crate) fn group_id(bytes: Bytes) -> Result<Bytes, Refusal> {
    if bytes.is_empty() || bytes.len() > MAX_GROUP_ID {
        return Err(Refusal::GroupIdInvalid);
    }
    Ok(bytes)
}

pub(crate) fn installation(bytes: &[u8]) -> Result<Installation, Refusal> {
    Installation::from_slice(bytes).ok_or(Refusal::InstallationInvalid)
}
