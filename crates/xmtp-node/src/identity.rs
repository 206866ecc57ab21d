//! `xmtp.identity.api.v1.IdentityApi`: the identity logs.

mod publish;

use std::sync::Arc;

use chancery_xmtp_wire::{
    identity::{Identifier as Known, InboxId},
    proto::identity::{
        api::v1::{self as proto, get_identity_updates_response as updates, get_inbox_ids_response as inbox_ids},
        associations::IdentityUpdate,
    },
};
use prost::Message as _;
use tonic::{Request, Response, Status};

use crate::{
    api::IdentityApi,
    engine::Engine,
    error::{Refusal, defect},
    limits::{MAX_IDENTIFIER, MAX_INBOXES},
    mls::answer,
    store::{
        model::{Identifier, IdentifierKind, LoggedUpdate},
        queries::{InboxIds, InboxLogs},
    },
};

/// The service.
pub(crate) struct Identity {
    engine: Arc<Engine>,
    logs: publish::Logs,
}

impl Identity {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        let logs = publish::Logs::default();
        Self { engine, logs }
    }
}

#[tonic::async_trait]
impl IdentityApi for Identity {
    async fn publish_identity_update(
        &self,
        request: Request<proto::PublishIdentityUpdateRequest>,
    ) -> Result<Response<proto::PublishIdentityUpdateResponse>, Status> {
        let update = request.into_inner().identity_update.ok_or(Refusal::UpdateMissing)?;
        publish::publish(&self.engine, &self.logs, update).await?;
        Ok(Response::new(proto::PublishIdentityUpdateResponse {}))
    }

    async fn get_identity_updates(
        &self,
        request: Request<proto::GetIdentityUpdatesRequest>,
    ) -> Result<Response<proto::GetIdentityUpdatesResponse>, Status> {
        let requests = request.into_inner().requests;
        if requests.len() > MAX_INBOXES {
            return Err(Refusal::BatchTooLarge.into());
        }
        let after = requests
            .into_iter()
            .map(|one| {
                let inbox = one.inbox_id.parse::<InboxId>().map_err(|_| Refusal::InboxInvalid)?;
                Ok((inbox.to_string(), one.sequence_id))
            })
            .collect::<Result<Vec<_>, Refusal>>()?;
        let query = |bytes| InboxLogs {
            after: after.clone(),
            bytes,
        };
        let (found, place) = self.engine.find_sized(query, Option::is_some).await?;
        let found = found.ok_or(Refusal::AnswerTooLarge)?;
        let responses = after.into_iter().zip(found).map(|((inbox_id, _), log)| {
            let updates = log.into_iter().map(sent).collect::<Result<_, Status>>()?;
            Ok(updates::Response { inbox_id, updates })
        });
        let responses = responses.collect::<Result<_, Status>>()?;
        Ok(answer(proto::GetIdentityUpdatesResponse { responses }, place))
    }

    async fn get_inbox_ids(
        &self,
        request: Request<proto::GetInboxIdsRequest>,
    ) -> Result<Response<proto::GetInboxIdsResponse>, Status> {
        let requests = request.into_inner().requests;
        if requests.len() > MAX_INBOXES {
            return Err(Refusal::BatchTooLarge.into());
        }
        if requests.iter().any(|one| one.identifier.len() > MAX_IDENTIFIER) {
            return Err(Refusal::IdentifierInvalid.into());
        }
        // what is no identifier has no inbox: whoever asks whether somebody can be written to is answered, not refused
        let known: Vec<_> = requests
            .iter()
            .map(|one| Known::from_wire(&one.identifier, one.identifier_kind).ok())
            .collect();
        let identifiers = known.iter().flatten().map(identifier).collect();
        let mut found = self.engine.find(InboxIds { identifiers }).await?.into_iter();
        let responses = requests.into_iter().zip(known).map(|(one, known)| inbox_ids::Response {
            identifier: one.identifier,
            inbox_id: known.and_then(|_| found.next()).flatten(),
            identifier_kind: one.identifier_kind,
        });
        Ok(Response::new(proto::GetInboxIdsResponse {
            responses: responses.collect(),
        }))
    }

    async fn verify_smart_contract_wallet_signatures(
        &self,
        _: Request<proto::VerifySmartContractWalletSignaturesRequest>,
    ) -> Result<Response<proto::VerifySmartContractWalletSignaturesResponse>, Status> {
        Err(Refusal::NoChain.into())
    }
}

fn sent(logged: LoggedUpdate) -> Result<updates::IdentityUpdateLog, Status> {
    let update = IdentityUpdate::decode(logged.update)
        .map_err(|error| defect("an identity update of the log does not decode", &error))?;
    Ok(updates::IdentityUpdateLog {
        sequence_id: logged.sequence_id,
        server_timestamp_ns: logged.server_timestamp_ns,
        update: Some(update),
    })
}

/// As the address log keeps it.
fn identifier(known: &Known) -> Identifier {
    Identifier {
        kind: match known {
            Known::Ethereum(_) => IdentifierKind::Ethereum,
            Known::Passkey(_) => IdentifierKind::Passkey,
        },
        text: known.to_string(),
    }
}
