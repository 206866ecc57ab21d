//! `xmtp.mls.api.v1.MlsApi`: one file for each thing that it carries.

mod commit_log;
mod groups;
mod key_packages;
mod page;
mod welcomes;

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use bytes::Bytes;
use chancery_serve::ClientAddr;
use chancery_xmtp_wire::{mls::message::MAX_GROUP_ID, proto::mls::api::v1 as proto};
use tonic::{Request, Response, Status, metadata::MetadataValue};

use crate::{
    api::MlsApi,
    engine::Engine,
    error::Refusal,
    store::model::Installation,
    stream::{self, Answers, GroupFeed, WelcomeFeed},
};

/// The service.
pub(crate) struct Mls {
    pub(crate) engine: Arc<Engine>,
}

#[tonic::async_trait]
impl MlsApi for Mls {
    type SubscribeGroupMessagesStream = Answers<proto::GroupMessage>;
    type SubscribeWelcomeMessagesStream = Answers<proto::WelcomeMessage>;

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
        let installation = key_packages::upload(&self.engine, request.key_package, request.is_inbox_id_credential);
        Ok(Response::new(proto::RegisterInstallationResponse {
            installation_key: Bytes::copy_from_slice(&installation.await?.0),
        }))
    }

    async fn upload_key_package(
        &self,
        request: Request<proto::UploadKeyPackageRequest>,
    ) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        key_packages::upload(&self.engine, request.key_package, request.is_inbox_id_credential).await?;
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
        request: Request<proto::SubscribeGroupMessagesRequest>,
    ) -> Result<Response<Self::SubscribeGroupMessagesStream>, Status> {
        let address = address_of(&request);
        let filters = request.into_inner().filters;
        self.check_filters(filters.len())?;
        let filters = filters
            .into_iter()
            .map(|filter| Ok((group_id(filter.group_id)?, filter.id_cursor)))
            .collect::<Result<Vec<_>, Refusal>>()?;
        let seat = self.engine.seats.take(address, filters.len())?;
        Ok(subscribed(stream::open::<GroupFeed>(
            Arc::clone(&self.engine),
            filters,
            seat,
        )))
    }

    async fn subscribe_welcome_messages(
        &self,
        request: Request<proto::SubscribeWelcomeMessagesRequest>,
    ) -> Result<Response<Self::SubscribeWelcomeMessagesStream>, Status> {
        let address = address_of(&request);
        let filters = request.into_inner().filters;
        if filters.is_empty() {
            return Err(Refusal::NoFilters.into());
        }
        self.check_filters(filters.len())?;
        let filters = filters
            .into_iter()
            .map(|filter| Ok((installation(&filter.installation_key)?, filter.id_cursor)))
            .collect::<Result<Vec<_>, Refusal>>()?;
        let seat = self.engine.seats.take(address, filters.len())?;
        Ok(subscribed(stream::open::<WelcomeFeed>(
            Arc::clone(&self.engine),
            filters,
            seat,
        )))
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

impl Mls {
    fn check_filters(&self, filters: usize) -> Result<(), Refusal> {
        let most = self.engine.settings.limits.filters_per_stream;
        if filters > most {
            Err(Refusal::TooManyFilters)
        } else {
            Ok(())
        }
    }
}

/// The answer to a subscription. Its headers go out at once: clients wait for them before they read.
fn subscribed<T>(answers: Answers<T>) -> Response<Answers<T>> {
    let mut response = Response::new(answers);
    response
        .metadata_mut()
        .insert("subscribed", MetadataValue::from_static("true"));
    response
}

/// Whose request it is; without a server everybody is one.
fn address_of<T>(request: &Request<T>) -> IpAddr {
    let client = request.extensions().get::<ClientAddr>();
    client.map_or(Ipv6Addr::UNSPECIFIED.into(), |client| client.network())
}

fn group_id(bytes: Bytes) -> Result<Bytes, Refusal> {
    if bytes.is_empty() || bytes.len() > MAX_GROUP_ID {
        return Err(Refusal::GroupIdInvalid);
    }
    Ok(bytes)
}

fn installation(bytes: &[u8]) -> Result<Installation, Refusal> {
    Installation::from_slice(bytes).ok_or(Refusal::InstallationInvalid)
}
