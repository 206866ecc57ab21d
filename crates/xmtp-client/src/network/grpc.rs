//! A node that is asked over gRPC.

use std::{fmt, net::SocketAddr, time::Duration};

use bytes::Bytes;
use chancery_xmtp_wire::{
    identity::{Identifier, IdentityUpdate, InboxId, InstallationKey},
    proto::{
        identity::api::v1 as identity,
        mls::api::v1::{self as mls, PagingInfo, SortDirection},
    },
};
use futures_util::StreamExt as _;
use openmls::group::GroupId;
use tonic::{
    Response, Status, Streaming,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint as Dialled, Uri},
};

use super::{
    BoxFuture, BoxStream, Endpoint, GroupEnvelope, LoggedUpdate, NodeApi, NodeError, Page, WelcomeEnvelope,
    WelcomeToSend, parse,
};
use generated::{identity::identity_api_client::IdentityApiClient, mls::mls_api_client::MlsApiClient};

/// Largest gRPC message in either direction, in bytes (xmtp spec 2.3.10).
const MAX_MESSAGE: usize = 25 << 20;
/// Entries of a page: as many as a node gives.
const PAGE: u32 = 100;
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take. Nodes give themselves 30 seconds.
const ANSWER: Duration = Duration::from_secs(40);
/// How often an open connection is asked whether it still is one, so that a stream that hangs ends.
const PING: Duration = Duration::from_secs(15);

mod generated {
    // generated: what a method means stands in the .proto files
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::missing_errors_doc)]

    pub(crate) mod identity {
        include!(concat!(env!("OUT_DIR"), "/xmtp.identity.api.v1.rs"));
    }

    pub(crate) mod mls {
        include!(concat!(env!("OUT_DIR"), "/xmtp.mls.api.v1.rs"));
    }
}

/// A node over gRPC, on one connection that is made when it is needed, and made again. Clones share it.
#[derive(Clone)]
pub struct Grpc {
    endpoint: Endpoint,
    mls: MlsApiClient<Channel>,
    identity: IdentityApiClient<Channel>,
}

impl Grpc {
    /// The node at `endpoint`. Nothing is sent yet. Must be called in a tokio runtime.
    ///
    /// # Errors
    /// [`NodeError::Refused`] when the roots that TLS believes cannot be had.
    pub fn new(endpoint: Endpoint) -> Result<Self, NodeError> {
        let tls = ClientTlsConfig::new().with_webpki_roots();
        Self::dialled(endpoint, None, tls)
    }

    /// The node at `endpoint`, which is reached at `at` whatever its name resolves to, and believed if an authority of
    /// `authorities` (PEM) vouches for its name: for networks of one's own that stand for the public ones. Otherwise as
    /// [`new`](Self::new).
    ///
    /// # Errors
    /// [`NodeError::Refused`] when `authorities` holds no certificate.
    pub fn reached_at(endpoint: Endpoint, at: SocketAddr, authorities: &str) -> Result<Self, NodeError> {
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(authorities))
            .domain_name(endpoint.host());
        Self::dialled(endpoint, Some(at), tls)
    }

    fn dialled(endpoint: Endpoint, at: Option<SocketAddr>, tls: ClientTlsConfig) -> Result<Self, NodeError> {
        let refused = |error: tonic::transport::Error| NodeError::Refused(error.to_string());
        let scheme = if endpoint.is_tls() { "https" } else { "http" };
        let place = at.map_or_else(|| endpoint.as_str().to_owned(), |at| format!("{scheme}://{at}"));
        let mut dialled = Dialled::from_shared(place)
            .map_err(refused)?
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(PING)
            .keep_alive_while_idle(false);
        if at.is_some() {
            let origin = endpoint.as_str().parse::<Uri>();
            dialled = dialled.origin(origin.map_err(|error| NodeError::Refused(error.to_string()))?);
        }
        if endpoint.is_tls() {
            dialled = dialled.tls_config(tls).map_err(refused)?;
        }
        let channel = dialled.connect_lazy();
        Ok(Self {
            endpoint,
            mls: MlsApiClient::new(channel.clone())
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE),
            identity: IdentityApiClient::new(channel)
                .max_decoding_message_size(MAX_MESSAGE)
                .max_encoding_message_size(MAX_MESSAGE),
        })
    }
}

/// Waits for an answer, but not for ever.
async fn answer<T>(asked: impl Future<Output = Result<Response<T>, Status>> + Send) -> Result<T, NodeError> {
    match tokio::time::timeout(ANSWER, asked).await {
        Ok(answered) => Ok(answered?.into_inner()),
        Err(_) => Err(NodeError::Unavailable("no answer in time".into())),
    }
}

fn page_after(id: u64) -> Option<PagingInfo> {
    Some(PagingInfo {
        direction: SortDirection::Ascending.into(),
        limit: PAGE,
        id_cursor: id,
    })
}

/// A page whose ids rise from `after` on, so that whoever follows it gets ahead.
fn page<Wire, T>(
    found: Vec<Wire>,
    paging: Option<PagingInfo>,
    after: u64,
    parse: impl Fn(Wire) -> Result<T, NodeError>,
    id: impl Fn(&T) -> u64,
) -> Result<Page<T>, NodeError> {
    let entries = found.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    if !entries.iter().map(&id).is_sorted_by(|one, next| one < next) || entries.first().is_some_and(|e| id(e) <= after)
    {
        return Err(NodeError::Malformed("a page out of order"));
    }
    let more = paging.is_some_and(|paging| paging.id_cursor != 0);
    let next = entries.last().map(&id).filter(|_| more);
    Ok(Page { entries, next })
}

fn aligned<T>(asked: usize, answered: Vec<T>) -> Result<Vec<T>, NodeError> {
    if answered.len() == asked {
        Ok(answered)
    } else {
        Err(NodeError::Malformed("not one answer for each that was asked for"))
    }
}

fn stream<Wire: Send + 'static, T: Send + 'static>(
    from: Streaming<Wire>,
    parse: fn(Wire) -> Result<T, NodeError>,
) -> BoxStream<T> {
    let parsed = from.map(move |item| parse(item?));
    // what follows an error is in an order that nobody knows
    Box::pin(parsed.scan(false, |failed, item| {
        let go_on = !*failed;
        *failed = item.is_err();
        std::future::ready(go_on.then_some(item))
    }))
}

impl NodeApi for Grpc {
    fn publish_identity_update<'a>(&'a self, update: &'a IdentityUpdate) -> BoxFuture<'a, ()> {
        let request = identity::PublishIdentityUpdateRequest {
            identity_update: Some(update.into()),
        };
        let mut client = self.identity.clone();
        Box::pin(async move {
            answer(client.publish_identity_update(request)).await?;
            Ok(())
        })
    }

    fn identity_updates<'a>(&'a self, after: &'a [(InboxId, u64)]) -> BoxFuture<'a, Vec<Vec<LoggedUpdate>>> {
        let requests = after
            .iter()
            .map(|(inbox, sequence_id)| identity::get_identity_updates_request::Request {
                inbox_id: inbox.to_string(),
                sequence_id: *sequence_id,
            });
        let request = identity::GetIdentityUpdatesRequest {
            requests: requests.collect(),
        };
        let mut client = self.identity.clone();
        Box::pin(async move {
            let answered = answer(client.get_identity_updates(request)).await?;
            let logs = aligned(after.len(), answered.responses)?.into_iter().zip(after);
            logs.map(|(log, (inbox, _))| {
                if log.inbox_id != inbox.to_string() {
                    return Err(NodeError::Malformed("the log of another inbox"));
                }
                log.updates.into_iter().map(parse::logged_update).collect()
            })
            .collect()
        })
    }

    fn inbox_ids<'a>(&'a self, identifiers: &'a [Identifier]) -> BoxFuture<'a, Vec<Option<InboxId>>> {
        let requests = identifiers
            .iter()
            .map(|identifier| identity::get_inbox_ids_request::Request {
                identifier: identifier.to_string(),
                identifier_kind: identifier.wire_kind().into(),
            });
        let request = identity::GetInboxIdsRequest {
            requests: requests.collect(),
        };
        let mut client = self.identity.clone();
        Box::pin(async move {
            let answered = answer(client.get_inbox_ids(request)).await?;
            let found = aligned(identifiers.len(), answered.responses)?.into_iter();
            found
                .map(|found| found.inbox_id.map(|id| id.parse()).transpose())
                .collect::<Result<_, _>>()
                .map_err(|_| NodeError::Malformed("an inbox id that is none"))
        })
    }

    fn upload_key_package(&self, key_package: Bytes) -> BoxFuture<'_, ()> {
        let request = mls::UploadKeyPackageRequest {
            key_package: Some(mls::KeyPackageUpload {
                key_package_tls_serialized: key_package,
            }),
            is_inbox_id_credential: true,
        };
        let mut client = self.mls.clone();
        Box::pin(async move { answer(client.upload_key_package(request)).await })
    }

    fn key_packages<'a>(&'a self, installations: &'a [InstallationKey]) -> BoxFuture<'a, Vec<Option<Bytes>>> {
        let keys = installations.iter().map(|key| Bytes::copy_from_slice(key.as_bytes()));
        let request = mls::FetchKeyPackagesRequest {
            installation_keys: keys.collect(),
        };
        let mut client = self.mls.clone();
        Box::pin(async move {
            let answered = answer(client.fetch_key_packages(request)).await?;
            let found = aligned(installations.len(), answered.key_packages)?.into_iter();
            let found = found.map(|found| found.key_package_tls_serialized);
            Ok(found
                .map(|bytes| Some(bytes).filter(|bytes| !bytes.is_empty()))
                .collect())
        })
    }

    fn send_group_messages(&self, messages: Vec<(Bytes, Bytes)>) -> BoxFuture<'_, ()> {
        let input = |(data, sender_hmac)| mls::GroupMessageInput {
            version: Some(mls::group_message_input::Version::V1(mls::group_message_input::V1 {
                data,
                sender_hmac,
                should_push: true,
            })),
        };
        let request = mls::SendGroupMessagesRequest {
            messages: messages.into_iter().map(input).collect(),
        };
        let mut client = self.mls.clone();
        Box::pin(async move { answer(client.send_group_messages(request)).await })
    }

    fn group_messages<'a>(&'a self, group: &'a GroupId, after: u64) -> BoxFuture<'a, Page<GroupEnvelope>> {
        let request = mls::QueryGroupMessagesRequest {
            group_id: Bytes::copy_from_slice(group.as_slice()),
            paging_info: page_after(after),
        };
        let mut client = self.mls.clone();
        Box::pin(async move {
            let found = answer(client.query_group_messages(request)).await?;
            let page = page(found.messages, found.paging_info, after, parse::group_message, |e| e.id)?;
            if page.entries.iter().any(|entry| entry.group != *group) {
                return Err(NodeError::Malformed("a message of another group"));
            }
            Ok(page)
        })
    }

    fn send_welcomes(&self, welcomes: Vec<WelcomeToSend>) -> BoxFuture<'_, ()> {
        let request = mls::SendWelcomeMessagesRequest {
            messages: welcomes.into_iter().map(parse::welcome_input).collect(),
        };
        let mut client = self.mls.clone();
        Box::pin(async move { answer(client.send_welcome_messages(request)).await })
    }

    fn welcomes(&self, destination: [u8; 32], after: u64) -> BoxFuture<'_, Page<WelcomeEnvelope>> {
        let request = mls::QueryWelcomeMessagesRequest {
            installation_key: destination.to_vec().into(),
            paging_info: page_after(after),
        };
        let mut client = self.mls.clone();
        Box::pin(async move {
            let found = answer(client.query_welcome_messages(request)).await?;
            page(found.messages, found.paging_info, after, parse::welcome, |entry| {
                entry.id
            })
        })
    }

    fn follow_groups<'a>(&'a self, after: &'a [(GroupId, u64)]) -> BoxFuture<'a, BoxStream<GroupEnvelope>> {
        let filters = after
            .iter()
            .map(|(group, id)| mls::subscribe_group_messages_request::Filter {
                group_id: Bytes::copy_from_slice(group.as_slice()),
                id_cursor: *id,
            });
        let request = mls::SubscribeGroupMessagesRequest {
            filters: filters.collect(),
        };
        let mut client = self.mls.clone();
        Box::pin(async move {
            Ok(stream(
                answer(client.subscribe_group_messages(request)).await?,
                parse::group_message,
            ))
        })
    }

    fn follow_welcomes(&self, destination: [u8; 32], after: u64) -> BoxFuture<'_, BoxStream<WelcomeEnvelope>> {
        let request = mls::SubscribeWelcomeMessagesRequest {
            filters: vec![mls::subscribe_welcome_messages_request::Filter {
                installation_key: destination.to_vec().into(),
                id_cursor: after,
            }],
        };
        let mut client = self.mls.clone();
        Box::pin(async move {
            Ok(stream(
                answer(client.subscribe_welcome_messages(request)).await?,
                parse::welcome,
            ))
        })
    }
}

impl fmt::Debug for Grpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grpc")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paged(ids: &[u64], cursor: u64, after: u64) -> Result<Page<u64>, NodeError> {
        let paging = PagingInfo {
            id_cursor: cursor,
            ..PagingInfo::default()
        };
        page(ids.to_vec(), Some(paging), after, Ok, |id| *id)
    }

    #[test]
    fn a_page_that_is_not_the_last_tells_where_to_go_on() {
        assert_eq!(paged(&[4, 6], 6, 3).map(|page| page.next), Ok(Some(6)));
        assert_eq!(paged(&[4, 6], 0, 3).map(|page| page.next), Ok(None));
        assert_eq!(paged(&[], 0, 3).map(|page| page.next), Ok(None));
    }

    #[test]
    fn a_page_that_leads_back_is_refused() {
        for ids in [&[3_u64][..], &[5, 4], &[4, 4]] {
            assert!(matches!(paged(ids, 0, 3), Err(NodeError::Malformed(_))), "{ids:?}");
        }
        // a cursor that is none of the entries' leads nowhere
        assert_eq!(paged(&[], 9, 3).map(|page| page.next), Ok(None));
    }

    #[test]
    fn an_answer_that_misses_one_is_refused() {
        assert_eq!(aligned(2, vec![1, 2]), Ok(vec![1, 2]));
        assert!(matches!(aligned(2, vec![1]), Err(NodeError::Malformed(_))));
    }

    #[tokio::test]
    async fn a_node_that_is_away_is_tried_again() {
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = nobody.map(|address| format!("http://{address}")).unwrap_or_default();
        let node = address.parse().ok().and_then(|endpoint| Grpc::new(endpoint).ok());
        let away = match node {
            Some(node) => node.welcomes([0; 32], 0).await.err(),
            None => None,
        };
        assert!(away.is_some_and(|error| error.is_retryable()));
    }
}
