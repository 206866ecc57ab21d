//! Identity logs.

use chancery_base::ed25519::SecretKey;
use chancery_xmtp_node::client::IdentityApiClient;
use chancery_xmtp_wire::{
    identity::{
        Action, EthereumAddress, Identifier, IdentityUpdate, MemberIdentifier, Nonce, Passkey, Signature,
        UnsignedUpdate, WalletKey,
    },
    proto::identity::{
        api::v1::{
            GetIdentityUpdatesRequest, GetInboxIdsRequest, PublishIdentityUpdateRequest,
            VerifySmartContractWalletSignaturesRequest, get_identity_updates_request, get_inbox_ids_request,
        },
        associations,
    },
};
use tonic::{Code, transport::Channel};

use crate::{
    made::{Person, add, installation, publishing, revoke},
    node::{TestNode, code, refused},
};

type Client = IdentityApiClient<Channel>;

async fn log(client: &mut Client, person: &Person, after: u64) -> Vec<(u64, associations::IdentityUpdate)> {
    let request = GetIdentityUpdatesRequest {
        requests: vec![get_identity_updates_request::Request {
            inbox_id: person.inbox.to_string(),
            sequence_id: after,
        }],
    };
    let mut responses = client
        .get_identity_updates(request)
        .await
        .unwrap()
        .into_inner()
        .responses;
    let response = responses.remove(0);
    assert_eq!(response.inbox_id, person.inbox.to_string());
    let updates = response.updates.into_iter();
    updates
        .map(|logged| (logged.sequence_id, logged.update.unwrap()))
        .collect()
}

async fn inbox_of(client: &mut Client, identifier: &str) -> Option<String> {
    let request = GetInboxIdsRequest {
        requests: vec![get_inbox_ids_request::Request {
            identifier: identifier.to_owned(),
            identifier_kind: 1,
        }],
    };
    let mut responses = client.get_inbox_ids(request).await.unwrap().into_inner().responses;
    assert_eq!(responses.len(), 1);
    let response = responses.remove(0);
    assert_eq!(
        (response.identifier.as_str(), response.identifier_kind),
        (identifier, 1)
    );
    response.inbox_id
}

async fn publish(client: &mut Client, update: &IdentityUpdate) {
    client.publish_identity_update(publishing(update)).await.unwrap();
}

fn link(wallet: &WalletKey) -> Action<()> {
    Action::Add {
        member: wallet.address().into(),
        existing: (),
        new: (),
    }
}

#[tokio::test]
async fn updates_come_back_after_a_sequence_id_in_the_order_of_the_requests() {
    let node = TestNode::start().await;
    let mut client = node.identity().await;
    let (ada, bob) = (Person::new(1), Person::new(2));
    let first = ada.registration(&installation(1));
    publish(&mut client, &first).await;
    publish(&mut client, &bob.registration(&installation(2))).await;
    let second = ada.signed(&ada.unsigned(2, vec![add(&installation(3))]), &[&installation(3)]);
    publish(&mut client, &second).await;

    let sent = |update: &IdentityUpdate| associations::IdentityUpdate::from(update);
    assert_eq!(log(&mut client, &ada, 0).await, [(1, sent(&first)), (3, sent(&second))]);
    assert_eq!(log(&mut client, &ada, 1).await, [(3, sent(&second))]);
    assert_eq!(log(&mut client, &ada, 3).await, []);
    assert_eq!(log(&mut client, &Person::new(9), 0).await, []);

    let request = |person: &Person| get_identity_updates_request::Request {
        inbox_id: person.inbox.to_string(),
        sequence_id: 0,
    };
    let requests = vec![request(&bob), request(&Person::new(9)), request(&ada)];
    let answer = client
        .get_identity_updates(GetIdentityUpdatesRequest { requests })
        .await
        .unwrap()
        .into_inner();
    let counts: Vec<_> = answer.responses.iter().map(|response| response.updates.len()).collect();
    assert_eq!(counts, [1, 0, 2]);
    node.stop().await;
}

#[tokio::test]
async fn an_address_leads_to_the_inbox_that_it_joined_last_and_has_not_left() {
    let node = TestNode::start().await;
    let mut client = node.identity().await;
    let (ada, bob) = (Person::new(1), Person::new(2));
    let wallet = WalletKey::from_bytes(&[7; 32]).unwrap();
    let address = wallet.address().to_string();
    publish(&mut client, &ada.registration(&installation(1))).await;
    publish(&mut client, &bob.registration(&installation(2))).await;
    assert_eq!(inbox_of(&mut client, &ada.address()).await, Some(ada.inbox.to_string()));
    assert_eq!(inbox_of(&mut client, &address).await, None);

    let linked =
        |person: &Person, time| person.signed_with(&person.unsigned(time, vec![link(&wallet)]), &[], &[&wallet]);
    publish(&mut client, &linked(&ada, 2)).await;
    assert_eq!(inbox_of(&mut client, &address).await, Some(ada.inbox.to_string()));
    publish(&mut client, &linked(&bob, 3)).await;
    assert_eq!(inbox_of(&mut client, &address).await, Some(bob.inbox.to_string()));
    let unlinked = bob.signed(&bob.unsigned(4, vec![revoke(wallet.address())]), &[]);
    publish(&mut client, &unlinked).await;
    assert_eq!(inbox_of(&mut client, &address).await, Some(ada.inbox.to_string()));
    // what is no address has no inbox
    assert_eq!(inbox_of(&mut client, "ada").await, None);
    node.stop().await;
}

#[tokio::test]
async fn an_update_that_is_sent_again_was_taken_once() {
    let node = TestNode::start().await;
    let mut client = node.identity().await;
    let ada = Person::new(1);
    let update = ada.registration(&installation(1));
    publish(&mut client, &update).await;
    publish(&mut client, &update).await;
    assert_eq!(log(&mut client, &ada, 0).await.len(), 1);
    node.stop().await;
}

/// What breaks one rule, on top of a log that has a registration and a second installation.
struct Broken {
    rule: &'static str,
    update: IdentityUpdate,
}

fn broken(ada: &Person) -> Vec<Broken> {
    let mallory = Person::new(66);
    let (first, second, third) = (installation(1), installation(2), installation(3));
    let unsigned = |actions| ada.unsigned(9, actions);
    let adding = unsigned(vec![add(&third)]);
    let replaced = |update: &UnsignedUpdate, sign: &dyn Fn(&str) -> [Signature; 2]| {
        let mut signatures = sign(&update.signing_text()).into_iter();
        let update = update.try_map(|_, ()| signatures.next().ok_or(()));
        update.unwrap()
    };
    let sign = chancery_xmtp_wire::identity::sign_as_installation;
    let rule = |rule, update| Broken { rule, update };
    vec![
        rule("XMTP_IDENTITY_EMPTY", ada.signed(&unsigned(vec![]), &[])),
        rule(
            "XMTP_IDENTITY_ALREADY_CREATED",
            ada.signed(&unsigned(vec![ada.create()]), &[]),
        ),
        rule("XMTP_IDENTITY_NOT_CREATED", {
            // of an inbox that has no log
            let nobody = UnsignedUpdate {
                inbox_id: mallory.inbox,
                ..adding.clone()
            };
            mallory.signed(&nobody, &[&third])
        }),
        rule("XMTP_IDENTITY_NOT_OWNER", {
            let creating = mallory.unsigned(9, vec![mallory.create()]);
            ada.signed(&creating, &[])
        }),
        rule("XMTP_IDENTITY_WRONG_INBOX", {
            let other = Action::CreateInbox {
                owner: Identifier::Ethereum(mallory.wallet.address()),
                nonce: Nonce(2),
                signature: (),
            };
            mallory.signed(&mallory.unsigned(9, vec![other]), &[])
        }),
        rule("XMTP_IDENTITY_NOT_A_MEMBER", mallory.signed(&adding, &[&third])),
        rule(
            "XMTP_IDENTITY_NEW_MEMBER_MISMATCH",
            replaced(&adding, &|text| [ada.wallet.sign(text), sign(&second, text).unwrap()]),
        ),
        rule(
            "XMTP_IDENTITY_INSTALLATION_ADDS_INSTALLATION",
            replaced(&adding, &|text| {
                [sign(&first, text).unwrap(), sign(&third, text).unwrap()]
            }),
        ),
        rule("XMTP_IDENTITY_ALREADY_MEMBER", {
            ada.signed(&unsigned(vec![add(&second)]), &[&second])
        }),
        rule("XMTP_IDENTITY_ADDS_ITSELF", {
            let itself = unsigned(vec![link(&ada.wallet)]);
            let update = itself.try_map(|_, ()| Ok::<_, ()>(ada.wallet.sign(&itself.signing_text())));
            update.unwrap()
        }),
        rule("XMTP_IDENTITY_NOT_RECOVERY", {
            let key = crate::made::key_of(&second);
            mallory.signed(&unsigned(vec![revoke(key)]), &[])
        }),
        rule("XMTP_IDENTITY_SIGNATURE", {
            let update = ada.signed(&adding, &[&third]);
            // the time is part of what was signed
            IdentityUpdate {
                client_timestamp_ns: 10_000_000_000,
                ..update
            }
        }),
        rule("XMTP_IDENTITY_CHAIN_UNAVAILABLE", {
            let contract = Signature::Erc6492 {
                account: "eip155:1:0x00000000000000000000000000000000000000aa".parse().unwrap(),
                block_number: 1,
                signature: vec![1; 70],
            };
            replaced(&adding, &|text| [contract.clone(), sign(&third, text).unwrap()])
        }),
    ]
}

#[tokio::test]
async fn each_rule_of_the_log_refuses_and_appends_nothing() {
    let node = TestNode::start().await;
    let mut client = node.identity().await;
    let ada = Person::new(1);
    publish(&mut client, &ada.registration(&installation(1))).await;
    let second = ada.signed(&ada.unsigned(2, vec![add(&installation(2))]), &[&installation(2)]);
    publish(&mut client, &second).await;
    for Broken { rule, update } in broken(&ada) {
        let status = client.publish_identity_update(publishing(&update)).await.unwrap_err();
        assert_eq!(code(&status), rule, "{status}");
        let expected = if rule == "XMTP_IDENTITY_CHAIN_UNAVAILABLE" {
            Code::Unimplemented
        } else {
            Code::InvalidArgument
        };
        assert_eq!(status.code(), expected, "{rule}");
    }
    assert_eq!(log(&mut client, &ada, 0).await.len(), 2);
    assert_eq!(log(&mut client, &Person::new(66), 0).await.len(), 0);
    node.stop().await;
}

#[tokio::test]
async fn a_signature_works_once() {
    let node = TestNode::start().await;
    let mut client = node.identity().await;
    let ada = Person::new(1);
    publish(&mut client, &ada.registration(&installation(1))).await;
    let key = crate::made::key_of(&installation(1));
    let revoking = ada.signed(&ada.unsigned(2, vec![revoke(key)]), &[]);
    publish(&mut client, &revoking).await;
    // the same statement under the other spelling of its signature's v
    let again = revoking.try_map(|_, signature| {
        let Signature::Erc191(mut bytes) = signature.clone() else {
            return Err(());
        };
        *bytes.last_mut().unwrap() -= 27;
        Ok(Signature::Erc191(bytes))
    });
    let result = client.publish_identity_update(publishing(&again.unwrap())).await;
    refused(result, Code::InvalidArgument, "XMTP_IDENTITY_REPLAY");
    node.stop().await;
}

#[tokio::test]
async fn an_inbox_has_ten_installations() {
    let node = TestNode::start().await;
    let mut client = node.identity().await;
    let ada = Person::new(1);
    publish(&mut client, &ada.registration(&installation(1))).await;
    for n in 2..=11_u8 {
        let key = installation(n);
        let update = ada.signed(&ada.unsigned(u64::from(n), vec![add(&key)]), &[&key]);
        let result = client.publish_identity_update(publishing(&update)).await;
        if n <= 10 {
            result.unwrap();
        } else {
            refused(result, Code::ResourceExhausted, "XMTP_IDENTITY_TOO_MANY_INSTALLATIONS");
        }
    }
    node.stop().await;
}

#[tokio::test]
async fn an_inbox_has_256_updates() {
    let node = TestNode::start().await;
    let mut client = node.identity().await;
    let ada = Person::new(1);
    publish(&mut client, &ada.registration(&installation(1))).await;
    let handing_on = |n: u64| {
        let to = Action::ChangeRecovery {
            identifier: Identifier::Ethereum(ada.wallet.address()),
            signature: (),
        };
        ada.signed(&ada.unsigned(n * 1_000_000_000, vec![to]), &[])
    };
    for n in 2..=256 {
        publish(&mut client, &handing_on(n)).await;
    }
    let result = client.publish_identity_update(publishing(&handing_on(257))).await;
    refused(result, Code::ResourceExhausted, "XMTP_IDENTITY_LOG_FULL");
    assert_eq!(log(&mut client, &ada, 0).await.len(), 256);
    node.stop().await;
}

#[tokio::test]
async fn a_log_is_no_larger_than_one_may_be() {
    let node = TestNode::start().await;
    let mut client = node.identity().await;
    let ada = Person::new(1);
    publish(&mut client, &ada.registration(&installation(1))).await;
    // somebody who was never there is revoked under a name as long as the owner likes
    let revoking = |n: u64| {
        let key = [&[2][..], &[7; 32]].concat();
        let stranger = Passkey::new(key, Some("a".repeat(60 << 10))).unwrap();
        let update = ada.unsigned(n * 1_000_000_000, vec![revoke(MemberIdentifier::Passkey(stranger))]);
        ada.signed(&update, &[])
    };
    for n in 1..=8 {
        publish(&mut client, &revoking(n)).await;
    }
    let result = client.publish_identity_update(publishing(&revoking(9))).await;
    refused(result, Code::ResourceExhausted, "XMTP_IDENTITY_LOG_FULL");
    let small = ada.signed(
        &ada.unsigned(9, vec![revoke(crate::made::key_of(&installation(1)))]),
        &[],
    );
    publish(&mut client, &small).await;
    node.stop().await;
}

#[tokio::test]
async fn actions_are_counted_before_signatures_are_verified() {
    let node = TestNode::start().await;
    let mut client = node.identity().await;
    let ada = Person::new(1);
    let actions = vec![revoke(crate::made::key_of(&installation(1))); 257];
    let update = ada.unsigned(1, actions);
    // none of the signatures holds
    let update = update.try_map(|_, ()| Ok::<_, ()>(Signature::Erc191([0; 65]))).unwrap();
    let result = client.publish_identity_update(publishing(&update)).await;
    refused(result, Code::ResourceExhausted, "XMTP_IDENTITY_TOO_MANY_ACTIONS");
    node.stop().await;
}

#[tokio::test]
async fn of_updates_that_race_each_is_judged_against_the_log_that_it_joins() {
    let dir = tempfile::tempdir().unwrap();
    let store = chancery_xmtp_node::Store::sqlite(dir.path().join("node.sqlite3")).unwrap();
    let node = TestNode::on(store, |_| {}).await;
    let mut client = node.identity().await;
    let ada = Person::new(1);
    publish(&mut client, &ada.registration(&installation(1))).await;
    // nine more have room; whoever is judged against an old log lets in more
    let tasks: Vec<_> = (2..=17_u8)
        .map(|n| {
            let key = installation(n);
            let update = ada.signed(&ada.unsigned(u64::from(n), vec![add(&key)]), &[&key]);
            let mut client = client.clone();
            tokio::spawn(async move { client.publish_identity_update(publishing(&update)).await.map(|_| ()) })
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => taken += 1,
            Err(status) => assert!(
                ["XMTP_IDENTITY_TOO_MANY_INSTALLATIONS", "XMTP_NODE_UPDATE_OVERTAKEN"].contains(&code(&status)),
                "{status}"
            ),
        }
    }
    assert_eq!(log(&mut client, &ada, 0).await.len(), taken + 1);
    assert!((1..=9).contains(&taken), "{taken}");
    node.stop().await;
}

#[tokio::test]
async fn requests_without_sense_are_refused() {
    let node = TestNode::start().await;
    let mut client = node.identity().await;
    let nothing = PublishIdentityUpdateRequest { identity_update: None };
    let result = client.publish_identity_update(nothing).await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_UPDATE_MISSING");

    let ada = Person::new(1);
    let sent = associations::IdentityUpdate::from(&ada.registration(&installation(1)));
    let large = associations::IdentityUpdate {
        inbox_id: "a".repeat((64 << 10) + 1),
        ..sent.clone()
    };
    let foreign = associations::IdentityUpdate {
        inbox_id: "nobody".into(),
        ..sent
    };
    for (update, rule) in [
        (large, "XMTP_NODE_UPDATE_TOO_LARGE"),
        (foreign, "XMTP_IDENTITY_INBOX_ID"),
    ] {
        let request = PublishIdentityUpdateRequest {
            identity_update: Some(update),
        };
        refused(
            client.publish_identity_update(request).await,
            Code::InvalidArgument,
            rule,
        );
    }

    let request = |inbox_id: &str| get_identity_updates_request::Request {
        inbox_id: inbox_id.to_owned(),
        sequence_id: 0,
    };
    let requests = vec![request("nobody")];
    let result = client
        .get_identity_updates(GetIdentityUpdatesRequest { requests })
        .await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_INBOX_INVALID");
    let requests = vec![request(&ada.inbox.to_string()); 1025];
    let result = client
        .get_identity_updates(GetIdentityUpdatesRequest { requests })
        .await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_BATCH_TOO_LARGE");

    let request = |identifier: String| get_inbox_ids_request::Request {
        identifier,
        identifier_kind: 1,
    };
    let requests = vec![request(EthereumAddress::from_bytes([1; 20]).to_string()); 1025];
    let result = client.get_inbox_ids(GetInboxIdsRequest { requests }).await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_BATCH_TOO_LARGE");
    let requests = vec![request("a".repeat(513))];
    let result = client.get_inbox_ids(GetInboxIdsRequest { requests }).await;
    refused(result, Code::InvalidArgument, "XMTP_NODE_IDENTIFIER_INVALID");

    let request = VerifySmartContractWalletSignaturesRequest::default();
    let result = client.verify_smart_contract_wallet_signatures(request).await;
    refused(result, Code::Unimplemented, "XMTP_NODE_NO_CHAIN");
    node.stop().await;
}

/// For the other tests.
pub(crate) async fn register(node: &TestNode, person: &Person, key: &SecretKey) {
    publish(&mut node.identity().await, &person.registration(key)).await;
}
