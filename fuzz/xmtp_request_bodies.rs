// What the fuzz target `xmtp_node_request` does with its bytes: a request to the node, from its gRPC prefix on. A short loop
// over it runs in the ordinary tests, too (crates/xmtp-node/tests/api/any_bytes.rs).

use std::sync::{Arc, LazyLock};

use axum::{body::Body, http::Request};
use bytes::Bytes;
use chancery_base::{Clock, Millis};
use chancery_xmtp_node::{Node, Settings, Store};
use http_body_util::BodyExt as _;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

/// Every method; what comes after a stream's headers waits for others and is not read.
pub(crate) const METHODS: [&str; 18] = [
    "xmtp.identity.api.v1.IdentityApi/PublishIdentityUpdate",
    "xmtp.identity.api.v1.IdentityApi/GetIdentityUpdates",
    "xmtp.identity.api.v1.IdentityApi/GetInboxIds",
    "xmtp.identity.api.v1.IdentityApi/VerifySmartContractWalletSignatures",
    "xmtp.mls.api.v1.MlsApi/SendGroupMessages",
    "xmtp.mls.api.v1.MlsApi/SendWelcomeMessages",
    "xmtp.mls.api.v1.MlsApi/RegisterInstallation",
    "xmtp.mls.api.v1.MlsApi/UploadKeyPackage",
    "xmtp.mls.api.v1.MlsApi/FetchKeyPackages",
    "xmtp.mls.api.v1.MlsApi/RevokeInstallation",
    "xmtp.mls.api.v1.MlsApi/GetIdentityUpdates",
    "xmtp.mls.api.v1.MlsApi/QueryGroupMessages",
    "xmtp.mls.api.v1.MlsApi/QueryWelcomeMessages",
    "xmtp.mls.api.v1.MlsApi/BatchPublishCommitLog",
    "xmtp.mls.api.v1.MlsApi/BatchQueryCommitLog",
    "xmtp.mls.api.v1.MlsApi/GetNewestGroupMessage",
    SUBSCRIPTIONS[0],
    SUBSCRIPTIONS[1],
];
const SUBSCRIPTIONS: [&str; 2] = [
    "xmtp.mls.api.v1.MlsApi/SubscribeGroupMessages",
    "xmtp.mls.api.v1.MlsApi/SubscribeWelcomeMessages",
];

/// 2025-01-01.
struct Still;

impl Clock for Still {
    fn now(&self) -> Millis {
        Millis(1_735_689_600_000)
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_current_thread().enable_all().build().unwrap());

/// The first byte chooses the method and, by its highest bit, whether the rest is a message or has a prefix of its own.
/// Whatever it is, it is answered with a status, and that is not a failure of the node's.
pub(crate) fn request(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let method = METHODS[usize::from(choice & 0x7f) % METHODS.len()];
    let length = u32::try_from(rest.len()).unwrap_or(u32::MAX).to_be_bytes();
    let body = if choice & 0x80 == 0 {
        [&[0], &length[..], rest].concat()
    } else {
        rest.to_vec()
    };
    RUNTIME.block_on(ask(method, body.into()));
}

async fn ask(method: &str, body: Bytes) {
    let node = Node::new(Settings::default(), Store::memory(), Arc::new(Still));
    let request = Request::post(format!("http://node/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::from(body))
        .unwrap();
    let answer = node.router().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200, "{method}");
    let (head, body) = answer.into_parts();
    let subscribed = SUBSCRIPTIONS.contains(&method) && head.headers.contains_key("subscribed");
    if subscribed {
        return;
    }
    let body = body.collect().await.unwrap();
    let trailer = body.trailers().and_then(|trailers| trailers.get("grpc-status"));
    let status = head.headers.get("grpc-status").or(trailer).unwrap();
    let said = head.headers.get("grpc-message").map(|message| message.as_bytes());
    assert!(
        status.to_str().is_ok_and(|status| status.parse::<u8>().is_ok()),
        "{method}"
    );
    assert_ne!(said, Some(b"internal%20error".as_slice()), "{method}");
}
