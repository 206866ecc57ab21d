//! Key packages: which are taken, and when they are handed out.

use std::time::Duration;

use bytes::Bytes;
use chancery_base::ed25519::SecretKey;
use chancery_xmtp_node::{Store, client::MlsApiClient};
use chancery_xmtp_wire::proto::mls::api::v1::{
    FetchKeyPackagesRequest, GetIdentityUpdatesRequest, RegisterInstallationRequest, RevokeInstallationRequest,
    UploadKeyPackageRequest,
};
use tonic::{Code, transport::Channel};

use crate::{
    identity::register,
    made::{KeyPackage, Person, add, basic, installation, key_of, publishing, revoke, uploading},
    node::{TestNode, refused},
};

fn key(installation: &SecretKey) -> Bytes {
    Bytes::copy_from_slice(&installation.public().to_bytes())
}

async fn fetch(mls: &mut MlsApiClient<Channel>, installations: &[&SecretKey]) -> Vec<Bytes> {
    let request = FetchKeyPackagesRequest {
        installation_keys: installations.iter().map(|installation| key(installation)).collect(),
    };
    let answer = mls.fetch_key_packages(request).await.unwrap().into_inner();
    answer
        .key_packages
        .into_iter()
        .map(|one| one.key_package_tls_serialized)
        .collect()
}

#[tokio::test]
async fn it_is_handed_out_from_the_update_that_adds_its_installation_to_the_one_that_revokes_it() {
    let node = TestNode::start().await;
    let (mut mls, mut identity) = (node.mls().await, node.identity().await);
    let (ada, first, second) = (Person::new(1), installation(1), installation(2));
    let key_package = KeyPackage::of(&ada.inbox.to_string());
    let (of_first, of_second) = (key_package.signed(&first), key_package.signed(&second));

    // in the order of official clients: the key package first
    mls.upload_key_package(uploading(of_first.clone())).await.unwrap();
    assert_eq!(fetch(&mut mls, &[&first]).await, [Bytes::new()]);
    register(&node, &ada, &first).await;
    assert_eq!(fetch(&mut mls, &[&first]).await, std::slice::from_ref(&of_first));

    // also to an inbox that exists
    mls.upload_key_package(uploading(of_second.clone())).await.unwrap();
    assert_eq!(
        fetch(&mut mls, &[&second, &first]).await,
        [Bytes::new(), of_first.clone()]
    );
    let adding = ada.signed(&ada.unsigned(2, vec![add(&second)]), &[&second]);
    identity.publish_identity_update(publishing(&adding)).await.unwrap();
    assert_eq!(fetch(&mut mls, &[&second, &first]).await, [of_second, of_first.clone()]);

    let revoking = ada.signed(&ada.unsigned(3, vec![revoke(key_of(&second))]), &[]);
    identity.publish_identity_update(publishing(&revoking)).await.unwrap();
    let unknown = installation(3);
    let found = fetch(&mut mls, &[&second, &unknown, &first, &first]).await;
    assert_eq!(found, [Bytes::new(), Bytes::new(), of_first.clone(), of_first]);
    node.stop().await;
}

#[tokio::test]
async fn a_newer_one_takes_its_place() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    let (ada, first) = (Person::new(1), installation(1));
    register(&node, &ada, &first).await;
    for init_key in [3, 4] {
        let mut key_package = KeyPackage::of(&ada.inbox.to_string());
        key_package.init_key = vec![init_key; 32];
        let bytes = key_package.signed(&first);
        mls.upload_key_package(uploading(bytes.clone())).await.unwrap();
        assert_eq!(fetch(&mut mls, &[&first]).await, [bytes]);
    }
    node.stop().await;
}

#[tokio::test]
async fn nobody_brings_an_old_one_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.sqlite3");
    let (ada, first) = (Person::new(1), installation(1));
    let made = |init_key: u8| {
        let mut key_package = KeyPackage::of(&ada.inbox.to_string());
        key_package.init_key = vec![init_key; 32];
        key_package
    };
    let (old, new) = (made(3).signed(&first), made(4).signed(&first));
    // the old one as it was, and signed anew around the same secret
    let mut renewed = made(3);
    renewed.lifetime.1 += 3600;
    let node = TestNode::on(Store::sqlite(&path).unwrap(), |_| {}).await;
    register(&node, &ada, &first).await;
    let mut mls = node.mls().await;
    mls.upload_key_package(uploading(old.clone())).await.unwrap();
    mls.upload_key_package(uploading(new.clone())).await.unwrap();
    node.stop().await;

    let node = TestNode::on(Store::sqlite(&path).unwrap(), |_| {}).await;
    let mut mls = node.mls().await;
    for superseded in [old, renewed.signed(&first)] {
        let result = mls.upload_key_package(uploading(superseded)).await;
        refused(result, Code::Aborted, "XMTP_NODE_KEY_PACKAGE_SUPERSEDED");
    }
    // who did not hear that it was taken sends it again
    mls.upload_key_package(uploading(new.clone())).await.unwrap();
    assert_eq!(fetch(&mut mls, &[&first]).await, [new]);
    node.stop().await;
}

#[tokio::test]
async fn nobody_speaks_for_an_installation_of_another_inbox() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    let (ada, bob, first) = (Person::new(1), Person::new(2), installation(1));
    let good = KeyPackage::of(&ada.inbox.to_string()).signed(&first);
    mls.upload_key_package(uploading(good.clone())).await.unwrap();
    register(&node, &ada, &first).await;
    let foreign = KeyPackage::of(&bob.inbox.to_string()).signed(&first);
    let result = mls.upload_key_package(uploading(foreign)).await;
    refused(result, Code::PermissionDenied, "XMTP_NODE_INSTALLATION_FOREIGN");
    assert_eq!(fetch(&mut mls, &[&first]).await, [good]);
    node.stop().await;
}

#[tokio::test]
async fn what_was_uploaded_for_another_inbox_before_is_not_handed_out() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    let (ada, bob, first) = (Person::new(1), Person::new(2), installation(1));
    let foreign = KeyPackage::of(&bob.inbox.to_string()).signed(&first);
    mls.upload_key_package(uploading(foreign)).await.unwrap();
    register(&node, &ada, &first).await;
    assert_eq!(fetch(&mut mls, &[&first]).await, [Bytes::new()]);
    node.stop().await;
}

#[tokio::test]
async fn each_rule_for_key_packages_refuses() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    let first = installation(1);
    let inbox = Person::new(1).inbox.to_string();
    let good = KeyPackage::of(&inbox);
    let changed = |change: &dyn Fn(&mut KeyPackage)| {
        let mut key_package = good.clone();
        change(&mut key_package);
        key_package.signed(&first)
    };
    let bytes = good.signed(&first);
    let flipped = |from_end: usize| {
        let mut bytes = bytes.to_vec();
        let at = bytes.len() - from_end;
        *bytes.get_mut(at).unwrap() ^= 1;
        Bytes::from(bytes)
    };
    let (begin, end) = good.lifetime;
    for (key_package, rule) in [
        (Bytes::new(), "XMTP_KEY_PACKAGE_MALFORMED"),
        (bytes.slice(..bytes.len() - 1), "XMTP_KEY_PACKAGE_MALFORMED"),
        (
            Bytes::from([&bytes[..], b"x"].concat()),
            "XMTP_KEY_PACKAGE_TRAILING_BYTES",
        ),
        (vec![0; (64 << 10) + 1].into(), "XMTP_KEY_PACKAGE_TOO_LARGE"),
        (changed(&|one| one.version = 2), "XMTP_KEY_PACKAGE_VERSION"),
        (changed(&|one| one.ciphersuite = 1), "XMTP_KEY_PACKAGE_CIPHERSUITE"),
        (flipped(1), "XMTP_KEY_PACKAGE_SIGNATURE"),
        (changed(&|one| one.init_key = vec![2; 32]), "XMTP_KEY_PACKAGE_SAME_KEYS"),
        (
            changed(&|one| one.credential = basic(b"\xff")),
            "XMTP_KEY_PACKAGE_CREDENTIAL",
        ),
        (KeyPackage::of("nobody").signed(&first), "XMTP_KEY_PACKAGE_INBOX_ID"),
        (
            changed(&|one| one.lifetime = (begin, begin + 1)),
            "XMTP_KEY_PACKAGE_EXPIRED",
        ),
        (
            changed(&|one| one.lifetime = (end, end + 1)),
            "XMTP_KEY_PACKAGE_NOT_YET_VALID",
        ),
    ] {
        let result = mls.upload_key_package(uploading(key_package)).await;
        refused(result, Code::InvalidArgument, rule);
    }
    let nothing = UploadKeyPackageRequest {
        key_package: None,
        is_inbox_id_credential: true,
    };
    let result = mls.upload_key_package(nothing).await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_KEY_PACKAGE_MISSING");
    mls.upload_key_package(uploading(bytes.clone())).await.unwrap();
    node.wait(Duration::from_secs(25 * 3600));
    let result = mls.upload_key_package(uploading(bytes)).await;
    refused(result, Code::InvalidArgument, "XMTP_KEY_PACKAGE_EXPIRED");
    node.stop().await;
}

#[tokio::test]
async fn what_old_clients_call_is_served_as_the_reference_does() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    let (ada, first) = (Person::new(1), installation(1));
    let upload = uploading(KeyPackage::of(&ada.inbox.to_string()).signed(&first));
    let request = RegisterInstallationRequest {
        key_package: upload.key_package,
        is_inbox_id_credential: true,
    };
    let answer = mls.register_installation(request).await.unwrap().into_inner();
    assert_eq!(answer.installation_key, key(&first));
    let result = mls.revoke_installation(RevokeInstallationRequest::default()).await;
    refused(result, Code::Unimplemented, "XMTP_NODE_NOT_SERVED");
    let result = mls.get_identity_updates(GetIdentityUpdatesRequest::default()).await;
    refused(result, Code::Unimplemented, "XMTP_NODE_NOT_SERVED");
    node.stop().await;
}

#[tokio::test]
async fn fetching_has_its_limits() {
    let node = TestNode::start().await;
    let mut mls = node.mls().await;
    for (installation_keys, rule) in [
        (vec![Bytes::from_static(&[1; 31])], "XMTP_NODE_INSTALLATION_INVALID"),
        (vec![Bytes::from_static(&[1; 32]); 4097], "XMTP_NODE_BATCH_TOO_LARGE"),
    ] {
        let result = mls
            .fetch_key_packages(FetchKeyPackagesRequest { installation_keys })
            .await;
        refused(result, Code::InvalidArgument, rule);
    }
    assert_eq!(fetch(&mut mls, &[]).await, Vec::<Bytes>::new());
    node.stop().await;
}
