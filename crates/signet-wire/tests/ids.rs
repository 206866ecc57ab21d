//! Ids: every prefix, every wrong body, short ids and labels; and names that are no resource ids.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use chancery_base::{Millis, Rng};
use chancery_signet_wire::{
    AnyId, ApprovalId, Author, Class, ConnectionId, ConversationId, CredentialId, Failure, Id, Identity, InboxId,
    KeyId, MessageId, NetworkId, OperatorId, PolicyId, Reference, Resource, ResourceKind, SealId, Timestamp, Uuid,
    resolve, resolve_any, select_identity,
};
use proptest::prelude::*;
use serde_json::json;

/// Random bytes as a test wants them.
struct Bytes(u8);

impl Rng for Bytes {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0);
    }
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

/// The table of signet spec 1.1.
const PREFIXES: [(&str, &str); 9] = [
    ("operator", "op_"),
    ("inbox", "inbox_"),
    ("conversation", "conv_"),
    ("policy", "policy_"),
    ("credential", "cred_"),
    ("seal", "seal_"),
    ("key", "key_"),
    ("message", "msg_"),
    ("network", "xmtp_"),
];

fn reads<K: Resource>(prefix: &str) {
    let text = format!("{prefix}a7f30c2e91d4b856");
    let id: Id<K> = text.parse().unwrap();
    assert_eq!(id.to_string(), text);
    assert_eq!(id.to_bytes(), [0xa7, 0xf3, 0x0c, 0x2e, 0x91, 0xd4, 0xb8, 0x56]);
    assert_eq!(serde_json::to_value(id).unwrap(), json!(text));
    assert_eq!(serde_json::from_value::<Id<K>>(json!(text)).unwrap(), id);
    for (_, other) in PREFIXES {
        let text = format!("{other}a7f30c2e91d4b856");
        assert_eq!(text.parse::<Id<K>>().is_ok(), other == prefix, "{text}");
    }
    for body in [
        "",
        "a7f30c2e91d4b85",
        "a7f30c2e91d4b8567",
        "A7F30C2E91D4B856",
        "g7f30c2e91d4b856",
        "a7f30c2e91d4b85é",
        "+7f30c2e91d4b856",
        " a7f30c2e91d4b85",
    ] {
        assert!(format!("{prefix}{body}").parse::<Id<K>>().is_err(), "{prefix}{body}");
    }
}

#[test]
fn each_prefix_is_read_by_its_kind_alone() {
    reads::<chancery_signet_wire::Operator>("op_");
    reads::<chancery_signet_wire::Inbox>("inbox_");
    reads::<chancery_signet_wire::Conversation>("conv_");
    reads::<chancery_signet_wire::Policy>("policy_");
    reads::<chancery_signet_wire::Credential>("cred_");
    reads::<chancery_signet_wire::Seal>("seal_");
    reads::<chancery_signet_wire::Key>("key_");
    reads::<chancery_signet_wire::Message>("msg_");
    reads::<chancery_signet_wire::Network>("xmtp_");
}

#[test]
fn any_id_tells_its_kind() {
    assert_eq!(ResourceKind::ALL.len(), PREFIXES.len());
    for (kind, prefix) in PREFIXES {
        let id: AnyId = format!("{prefix}00000000000000ff").parse().unwrap();
        assert_eq!((id.kind.as_str(), id.kind.prefix()), (kind, prefix));
        assert_eq!(id.body, [0, 0, 0, 0, 0, 0, 0, 0xff]);
        assert_eq!(id.to_string(), format!("{prefix}00000000000000ff"));
    }
    for text in [
        "",
        "op",
        "op_",
        "nop_00000000000000ff",
        "00000000000000ff",
        "op-00000000000000ff",
    ] {
        assert!(text.parse::<AnyId>().is_err(), "{text}");
    }
}

#[test]
fn new_ids_are_made_of_the_bytes_that_are_passed_in() {
    assert_eq!(OperatorId::generate(&Bytes(0xab)).to_string(), "op_abababababababab");
    assert_eq!(InboxId::generate(&Bytes(1)).to_string(), "inbox_0101010101010101");
    assert_eq!(ConversationId::generate(&Bytes(2)).to_string(), "conv_0202020202020202");
    assert_eq!(PolicyId::generate(&Bytes(3)).to_string(), "policy_0303030303030303");
    assert_eq!(CredentialId::generate(&Bytes(4)).to_string(), "cred_0404040404040404");
    assert_eq!(SealId::generate(&Bytes(5)).to_string(), "seal_0505050505050505");
    assert_eq!(KeyId::generate(&Bytes(6)).to_string(), "key_0606060606060606");
    assert_eq!(MessageId::generate(&Bytes(7)).to_string(), "msg_0707070707070707");
    assert_eq!(NetworkId::generate(&Bytes(8)).to_string(), "xmtp_0808080808080808");
    // RFC 9562: version and variant are fixed
    assert_eq!(
        Uuid::generate(&Bytes(0xff)).to_string(),
        "ffffffff-ffff-4fff-bfff-ffffffffffff"
    );
    assert_eq!(
        ApprovalId::generate(&Bytes(0xc)).to_string(),
        "approval_0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c"
    );
}

const OPERATORS: [(&str, Option<&str>); 4] = [
    ("op_a7f30c2e91d4b856", Some("support-bot")),
    ("op_a7f4000000000000", Some("dup")),
    ("op_b000000000000000", Some("dup")),
    ("op_c000000000000000", Some("beef")),
];

fn operator(text: &str) -> Result<String, Failure> {
    let candidates = OPERATORS.map(|(id, label)| (id.parse::<OperatorId>().unwrap(), label));
    resolve(&reference(text), candidates).map(|id| id.to_string())
}

#[test]
fn an_id_a_beginning_or_a_label_stands_for_one_thing() {
    assert_eq!(operator("op_a7f30c2e91d4b856").unwrap(), "op_a7f30c2e91d4b856");
    assert_eq!(operator("op_a7f3").unwrap(), "op_a7f30c2e91d4b856");
    assert_eq!(operator("a7f3").unwrap(), "op_a7f30c2e91d4b856");
    assert_eq!(operator("support-bot").unwrap(), "op_a7f30c2e91d4b856");
    // a label is a label, also when it could be hex
    assert_eq!(operator("beef").unwrap(), "op_c000000000000000");
}

#[test]
fn what_begins_like_an_id_is_well_formed_or_refused() {
    for text in ["op_", "op_helper", "op_A7F3", "op_a7f30c2e91d4b8567"] {
        let failure = operator(text).unwrap_err();
        assert_eq!(failure.class, Class::Validation, "{text}");
        assert!(failure.message.contains("invalid operator ID format"), "{failure}");
    }
}

#[test]
fn nothing_and_too_much_are_told_apart() {
    for text in ["op_ffff", "op_a7f30c2e91d4b857", "ffff", "nobody", "cred_a7f3"] {
        let failure = operator(text).unwrap_err();
        assert_eq!(failure.class, Class::NotFound, "{text}");
        assert_eq!(failure.message, format!("operator '{text}' not found"));
        assert_eq!(
            serde_json::to_value(failure.context).unwrap(),
            json!({"resourceType": "operator", "resourceId": text})
        );
    }
    let failure = operator("op_a7f").unwrap_err();
    assert_eq!(
        (failure.class, failure.message.as_str()),
        (Class::Validation, "Ambiguous short ID")
    );
    assert_eq!(
        serde_json::to_value(failure.context).unwrap(),
        json!({"shortId": "op_a7f", "suggestions": ["op_a7f30c2e91d4b856", "op_a7f4000000000000"]})
    );
    let failure = operator("dup").unwrap_err();
    assert_eq!(failure.class, Class::Validation);
    assert_eq!(
        serde_json::to_value(failure.context).unwrap(),
        json!({"label": "dup", "matchingIds": ["op_a7f4000000000000", "op_b000000000000000"]})
    );
}

#[test]
fn a_lookup_is_over_all_kinds() {
    let all = ["op_0eda000000000000", "cred_0edb000000000000"].map(|id| id.parse::<AnyId>().unwrap());
    assert_eq!(resolve_any("0eda", all).unwrap(), all[0]);
    assert_eq!(resolve_any("cred_0", all).unwrap(), all[1]);
    assert_eq!(resolve_any("0ed", all).unwrap_err().message, "Ambiguous short ID");
    assert_eq!(resolve_any("1", all).unwrap_err().message, "resource '1' not found");
    assert_eq!(resolve_any("", all).unwrap_err().class, Class::Validation);
}

#[test]
fn the_identity_that_acts_is_the_first_or_the_one_that_is_named() {
    let network = "ab".repeat(32);
    let identities = [
        ("inbox_1100000000000000", None, None),
        ("inbox_2200000000000000", Some("alice"), Some(network.as_str())),
    ]
    .map(|(id, label, network_id)| Identity {
        id: id.parse().unwrap(),
        label,
        network_id,
    });
    let select = |wanted: &str| select_identity(Some(&reference(wanted)), &identities).map(|id| id.to_string());
    assert_eq!(select_identity(None, &identities).unwrap(), identities[0].id);
    for name in ["alice", &network, "inbox_2200000000000000", "inbox_22", "22"] {
        assert_eq!(select(name).unwrap(), "inbox_2200000000000000", "{name}");
    }
    assert_eq!(select("bob").unwrap_err().message, "identity 'bob' not found");
    assert_eq!(select("inbox_zz").unwrap_err().class, Class::Validation);
    assert_eq!(select_identity(None, &[]).unwrap_err().class, Class::NotFound);
}

#[test]
fn names_that_are_no_resource_ids_have_one_spelling() {
    let connection: ConnectionId = "conn_1795243410251_6".parse().unwrap();
    assert_eq!((connection.opened, connection.counter), (Millis(1_795_243_410_251), 6));
    assert_eq!(connection.to_string(), "conn_1795243410251_6");
    for text in [
        "conn_",
        "conn_1",
        "conn_1_",
        "conn_01_1",
        "conn_1_01",
        "conn_-1_1",
        "conn_+1_1",
        "conn_1_1_1",
        "op_1_1",
    ] {
        assert!(text.parse::<ConnectionId>().is_err(), "{text}");
    }
    assert_eq!("owner".parse::<Author>().unwrap(), Author::Owner);
    assert_eq!(
        "op_a7f30c2e91d4b856".parse::<Author>().unwrap().to_string(),
        "op_a7f30c2e91d4b856"
    );
    for text in ["", "Owner", "admin", "op_a7f3", "cred_a7f30c2e91d4b856"] {
        assert!(text.parse::<Author>().is_err(), "{text}");
    }
    let uuid = "c56a4180-65aa-42ec-a945-5fd21dec0538";
    assert_eq!(uuid.parse::<Uuid>().unwrap().to_string(), uuid);
    for text in [
        &uuid.to_uppercase(),
        &uuid.replace('-', ""),
        &format!("{{{uuid}}}"),
        &format!("urn:uuid:{uuid}"),
        "",
    ] {
        assert!(text.parse::<Uuid>().is_err(), "{text}");
    }
    for text in ["approval_", "approval_0c", &format!("approval_{}", "0C".repeat(16))] {
        assert!(text.parse::<ApprovalId>().is_err(), "{text}");
    }
}

#[test]
fn times_are_read_in_utc_alone_and_written_in_one_form() {
    for text in [
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.000999Z",
    ] {
        let time: Timestamp = text.parse().unwrap();
        assert_eq!(time.to_string(), "2026-01-01T00:00:00.000Z");
    }
    for text in [
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T01:00:00.000+01:00",
        "2026-01-01t00:00:00Z",
        "2026-01-01T00:00:00z",
        "2026-01-01 00:00:00Z",
        "2026-01-01",
        "2026-02-30T00:00:00Z",
        "",
    ] {
        assert!(text.parse::<Timestamp>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn ids_are_written_and_read_as_the_same(body: [u8; 8], kind in prop::sample::select(ResourceKind::ALL)) {
        let id = AnyId { kind, body };
        prop_assert_eq!(id.to_string().parse::<AnyId>().unwrap(), id);
        prop_assert_eq!(id.to_string().len(), kind.prefix().len() + 16);
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,80}") {
        let _ = (text.parse::<AnyId>(), text.parse::<ConnectionId>(), text.parse::<Uuid>(), text.parse::<Timestamp>());
        if let Ok(reference) = text.parse::<Reference>() {
            let candidates = OPERATORS.map(|(id, label)| (id.parse::<OperatorId>().unwrap(), label));
            let _ = resolve(&reference, candidates);
        }
    }
}
