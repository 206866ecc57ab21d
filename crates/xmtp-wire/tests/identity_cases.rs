//! Logs that keep or break one rule each, and what the official SDK of three generations says to each of them
//! (vectors/xmtp-identity-cases.json, recorded by vectors/xmtp-identity.mjs). Where we differ is listed, with the reason.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

mod people;

use std::{collections::BTreeMap, convert::Infallible};

use chancery_xmtp_wire::{
    identity::{
        Action, AssociationState, IdentityLog, IdentityUpdate, InstallationKey, NoChain, Signature, SignerRole, Update,
    },
    proto::identity::associations::{self as proto, identity_action, member_identifier},
};
use people::{Signed, Signer, add, change_recovery, create, inbox_of, installation, revoke, signed, wallet};
use prost::Message as _;
use serde_json::Value;

/// What we refuse and they take: only the owner of an inbox can write it, no client does, and no node of ours lets it in.
/// Where another node did, we would not know that inbox any more.
const STRICTER: [&str; 4] = [
    // one signature, two encodings: it would be used twice, and bring back what was revoked
    "replay with v 0 or 1 for 27 or 28",
    // an address is 20 bytes: another spelling is no other address
    "recovery to an address in capitals",
    "revocation of an address in capitals",
    // an installation key is 32 bytes
    "revocation of an installation of 3 bytes",
];

/// A log: updates as protobuf.
type Log = Vec<Vec<u8>>;

fn bytes(update: &IdentityUpdate) -> Vec<u8> {
    proto::IdentityUpdate::from(update).encode_to_vec()
}

/// Logs under their names, each of an inbox of its own.
fn cases() -> BTreeMap<&'static str, (Signer, Log)> {
    let mut cases = BTreeMap::new();
    let mut number = 1000;
    // `updates` is handed the owner; each list of actions is an update, in order of time
    let mut case = |name, log: &dyn Fn(&Signer) -> Log| {
        number += 1;
        let owner = wallet(number);
        let log = log(&owner);
        assert!(cases.insert(name, (owner, log)).is_none(), "{name}");
    };
    let updates = |owner: &Signer, updates: &[&[Signed<'_>]]| -> Log {
        let one = |(at, actions): (u64, &&[Signed<'_>])| bytes(&signed(inbox_of(owner), at, actions));
        (1..).zip(updates).map(one).collect()
    };
    let (second, third, stranger) = (&wallet(2), &wallet(3), &wallet(9));
    let (phone, tablet) = (&installation(1), &installation(2));

    // what holds
    case("creation", &|o| updates(o, &[&[create(o)]]));
    case("creation with an installation", &|o| {
        updates(o, &[&[create(o), add(o, phone)]])
    });
    case("installation adds a wallet", &|o| {
        updates(o, &[&[create(o), add(o, phone)], &[add(phone, second)]])
    });
    case("members chain", &|o| {
        updates(
            o,
            &[
                &[create(o)],
                &[add(o, second)],
                &[add(second, third), add(third, phone)],
            ],
        )
    });
    case("revocation cascades to installations", &|o| {
        let grown: &[Signed<'_>] = &[
            add(o, second),
            add(second, phone),
            add(second, third),
            add(third, tablet),
        ];
        updates(o, &[&[create(o)], grown, &[revoke(o, second)]])
    });
    case("revocation of who is no member", &|o| {
        updates(o, &[&[create(o)], &[revoke(o, stranger)]])
    });
    case("recovery leaves and revokes still", &|o| {
        updates(
            o,
            &[&[create(o), add(o, second)], &[revoke(o, o)], &[revoke(o, second)]],
        )
    });
    case("recovery from outside adds", &|o| {
        updates(o, &[&[create(o)], &[change_recovery(o, third)], &[add(third, phone)]])
    });
    case("revoking the outsider revokes what it added", &|o| {
        updates(
            o,
            &[
                &[create(o)],
                &[change_recovery(o, third)],
                &[add(third, phone)],
                &[revoke(third, third)],
            ],
        )
    });
    case("revoked and added again", &|o| {
        updates(
            o,
            &[&[create(o)], &[add(o, phone)], &[revoke(o, phone)], &[add(o, phone)]],
        )
    });
    case("eleven installations", &|o| {
        let apps: Vec<_> = (0..11).map(installation).collect();
        let mut actions = vec![create(o)];
        actions.extend(apps.iter().map(|app| add(o, app)));
        updates(o, &[&actions])
    });

    // what does not
    case("no log at all begins with an addition", &|o| {
        updates(o, &[&[add(o, phone)]])
    });
    case("creation after an addition", &|o| {
        updates(o, &[&[add(o, phone), create(o)]])
    });
    case("creation twice in one update", &|o| {
        updates(o, &[&[create(o), create(o)]])
    });
    case("creation twice", &|o| updates(o, &[&[create(o)], &[create(o)]]));
    case("creation by another", &|o| {
        updates(o, &[&[(create(o).0, vec![stranger])]])
    });
    case("creation of another inbox", &|o| {
        vec![bytes(&signed(inbox_of(o), 1, &[create(stranger)]))]
    });
    case("addition to another inbox", &|o| {
        let mut log = updates(o, &[&[create(o)]]);
        log.push(bytes(&signed(inbox_of(stranger), 2, &[add(o, phone)])));
        log
    });
    case("new member did not sign", &|o| {
        updates(o, &[&[create(o)], &[(add(o, phone).0, vec![o, tablet])]])
    });
    case("wallet signs for an installation", &|o| {
        updates(o, &[&[create(o)], &[(add(o, phone).0, vec![o, second])]])
    });
    case("installation signs for a wallet", &|o| {
        updates(o, &[&[create(o)], &[(add(o, second).0, vec![o, phone])]])
    });
    case("stranger vouches", &|o| {
        updates(o, &[&[create(o)], &[add(stranger, phone)]])
    });
    case("strange installation vouches", &|o| {
        updates(o, &[&[create(o)], &[add(phone, second)]])
    });
    case("revoked member vouches", &|o| {
        updates(
            o,
            &[
                &[create(o)],
                &[add(o, second)],
                &[revoke(o, second)],
                &[add(second, phone)],
            ],
        )
    });
    case("member adds itself", &|o| updates(o, &[&[create(o)], &[add(o, o)]]));
    case("installation adds an installation", &|o| {
        updates(o, &[&[create(o), add(o, phone)], &[add(phone, tablet)]])
    });
    case("revocation by a member", &|o| {
        updates(o, &[&[create(o), add(o, second)], &[revoke(second, o)]])
    });
    case("revocation by an installation", &|o| {
        updates(o, &[&[create(o), add(o, phone)], &[revoke(phone, phone)]])
    });
    case("revocation by who recovered before", &|o| {
        updates(o, &[&[create(o)], &[change_recovery(o, third)], &[revoke(o, o)]])
    });
    case("recovery handed on by a member", &|o| {
        updates(o, &[&[create(o), add(o, second)], &[change_recovery(second, second)]])
    });
    case("second action breaks the first", &|o| {
        updates(o, &[&[create(o)], &[add(o, second), add(stranger, phone)]])
    });
    case("replay of an addition", &|o| {
        let mut log = updates(o, &[&[create(o)], &[add(o, second)], &[revoke(o, second)]]);
        log.push(log[1].clone());
        log
    });
    case("replay of a revocation", &|o| {
        let mut log = updates(o, &[&[create(o)], &[revoke(o, stranger)]]);
        log.push(log[1].clone());
        log
    });
    case("replay of a change of recovery", &|o| {
        let mut log = updates(o, &[&[create(o)], &[change_recovery(o, o)]]);
        log.push(log[1].clone());
        log
    });
    case("one bit of a wallet's signature", &|o| {
        let update = signed(inbox_of(o), 1, &[create(o)]);
        vec![bytes(&with_wallets(&update, |bytes| bytes[40] ^= 1))]
    });
    case("one bit of an installation's signature", &|o| {
        let update = signed(inbox_of(o), 1, &[create(o), add(o, phone)]);
        let update = update.try_map(|_, signature| match signature {
            Signature::Installation { key, signature } => {
                let mut signature = *signature;
                signature[40] ^= 1;
                Ok::<_, Infallible>(Signature::Installation { key: *key, signature })
            }
            other => Ok(other.clone()),
        });
        vec![bytes(&update.unwrap())]
    });
    case("another time than the one that was signed", &|o| {
        let mut update = signed(inbox_of(o), 1, &[create(o)]);
        update.client_timestamp_ns += 1_000_000_000;
        vec![bytes(&update)]
    });
    for (v, name) in [(2, "v 2"), (26, "v 26"), (29, "v 29"), (34, "v 34")] {
        case(name, &|o| {
            let update = signed(inbox_of(o), 1, &[create(o)]);
            vec![bytes(&with_wallets(&update, |bytes| bytes[64] = v))]
        });
    }

    // encodings and corners
    case("v 0 or 1 for 27 or 28", &|o| {
        let update = signed(inbox_of(o), 1, &[create(o)]);
        vec![bytes(&with_wallets(&update, |bytes| bytes[64] -= 27))]
    });
    case("v 35 or 36 for 27 or 28", &|o| {
        let update = signed(inbox_of(o), 1, &[create(o)]);
        vec![bytes(&with_wallets(&update, |bytes| bytes[64] += 8))]
    });
    case("s in the other half", &|o| {
        vec![bytes(&with_wallets(&signed(inbox_of(o), 1, &[create(o)]), negate))]
    });
    case("s in the other half, and v with it", &|o| {
        let update = signed(inbox_of(o), 1, &[create(o)]);
        vec![bytes(&with_wallets(&update, |bytes| {
            negate(bytes);
            bytes[64] = if bytes[64] == 27 { 28 } else { 27 };
        }))]
    });
    case("a time before 1970", &|o| {
        vec![
            bytes(&at_ns(o, (-1_i64).cast_unsigned())),
            bytes(&added_at_ns(o, phone, (1 << 63) + 7)),
        ]
    });
    case("a time below a second is not signed", &|o| {
        let mut update = signed(inbox_of(o), 1, &[create(o)]);
        update.client_timestamp_ns += 999_999_999;
        vec![bytes(&update)]
    });
    case("kind of identifier left out", &|o| {
        let mut update = proto::IdentityUpdate::from(&signed(inbox_of(o), 1, &[create(o)]));
        if let Some(identity_action::Kind::CreateInbox(create)) = &mut update.actions[0].kind {
            create.initial_identifier_kind = 0;
        }
        vec![update.encode_to_vec()]
    });
    case("a field that nobody knows", &|o| {
        let mut log = updates(o, &[&[create(o)]]);
        log[0].extend([0x7a, 1, 7]);
        log
    });
    case("inbox id in capitals", &|o| {
        let mut update = proto::IdentityUpdate::from(&signed(inbox_of(o), 1, &[create(o)]));
        update.inbox_id = update.inbox_id.to_uppercase();
        vec![update.encode_to_vec()]
    });

    // what readers take, and a node of ours does not
    case("an update without actions", &|o| updates(o, &[&[create(o)], &[]]));
    case("a log of an update without actions", &|o| updates(o, &[&[]]));
    case("a member added again by another", &|o| {
        let grown: &[Signed<'_>] = &[create(o), add(o, second), add(o, phone)];
        // it changes hands: revoking the second wallet revokes it
        updates(o, &[grown, &[add(second, phone)], &[revoke(o, second)]])
    });
    case("an installation key of small order", &|o| {
        let (mut key, mut signature) = ([0; 32], [0; 64]);
        (key[0], signature[0]) = (1, 1);
        let key = InstallationKey::from_bytes(key);
        let actions = vec![
            create(o).0,
            Action::Add {
                member: key.into(),
                existing: (),
                new: (),
            },
        ];
        let update = Update {
            inbox_id: inbox_of(o),
            client_timestamp_ns: 1_000_000_000,
            actions,
        };
        let update = update.sign(|role, text| {
            Ok::<_, Infallible>(match role {
                SignerRole::NewMember(_) => Signature::Installation { key, signature },
                _ => o.sign(text),
            })
        });
        vec![bytes(&update.unwrap())]
    });

    // where we are stricter
    case("replay with v 0 or 1 for 27 or 28", &|o| {
        let again = signed(inbox_of(o), 2, &[add(o, second)]);
        let mut log = updates(o, &[&[create(o)], &[add(o, second)], &[revoke(o, second)]]);
        log.push(bytes(&with_wallets(&again, |bytes| bytes[64] -= 27)));
        log
    });
    case("replay with s in the other half", &|o| {
        let again = signed(inbox_of(o), 2, &[add(o, second)]);
        let mut log = updates(o, &[&[create(o)], &[add(o, second)], &[revoke(o, second)]]);
        log.push(bytes(&with_wallets(&again, negate)));
        log
    });
    case("recovery to an address in capitals", &|o| {
        let unsigned = change_recovery(o, third);
        let spelt = third.member().to_string();
        let mut log = updates(o, &[&[create(o)]]);
        log.push(respelt(
            o,
            unsigned,
            &spelt,
            &spelt.to_uppercase().replace("0X", "0x"),
            |action, to| {
                if let identity_action::Kind::ChangeRecoveryAddress(change) = action {
                    change.new_recovery_identifier = to.to_owned();
                }
            },
        ));
        log
    });
    case("revocation of an address in capitals", &|o| {
        let spelt = second.member().to_string();
        let mut log = updates(o, &[&[create(o), add(o, second)]]);
        log.push(respelt(
            o,
            revoke(o, second),
            &spelt,
            &spelt.to_uppercase().replace("0X", "0x"),
            |action, to| {
                if let identity_action::Kind::Revoke(revoke) = action {
                    let kind = Some(member_identifier::Kind::EthereumAddress(to.to_owned()));
                    revoke.member_to_revoke = Some(proto::MemberIdentifier { kind });
                }
            },
        ));
        log
    });
    case("revocation of an installation of 3 bytes", &|o| {
        let mut log = updates(o, &[&[create(o)]]);
        log.push(respelt(
            o,
            revoke(o, phone),
            &phone.member().to_string(),
            "010203",
            |action, _| {
                if let identity_action::Kind::Revoke(revoke) = action {
                    let kind = Some(member_identifier::Kind::InstallationPublicKey(vec![1, 2, 3]));
                    revoke.member_to_revoke = Some(proto::MemberIdentifier { kind });
                }
            },
        ));
        log
    });
    cases
}

/// The update with the signatures of its wallets changed.
fn with_wallets(update: &IdentityUpdate, change: impl Fn(&mut [u8; 65])) -> IdentityUpdate {
    let changed = update.try_map(|_, signature| match signature {
        Signature::Erc191(bytes) => {
            let mut bytes = *bytes;
            change(&mut bytes);
            Ok::<_, Infallible>(Signature::Erc191(bytes))
        }
        other => Ok(other.clone()),
    });
    changed.unwrap()
}

/// n - s, which is recovered with the v of s.
fn negate(bytes: &mut [u8; 65]) {
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae,
        0xdc, 0xe6, 0xaf, 0x48, 0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41,
    ];
    let mut borrow = 0;
    for at in (0..32).rev() {
        let difference = i16::from(ORDER[at]) - i16::from(bytes[32 + at]) - borrow;
        borrow = i16::from(difference < 0);
        bytes[32 + at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
}

fn at_ns(owner: &Signer, client_timestamp_ns: u64) -> IdentityUpdate {
    let actions = vec![create(owner).0];
    let update = Update {
        inbox_id: inbox_of(owner),
        client_timestamp_ns,
        actions,
    };
    update.sign(|_, text| Ok::<_, Infallible>(owner.sign(text))).unwrap()
}

fn added_at_ns(owner: &Signer, new: &Signer, client_timestamp_ns: u64) -> IdentityUpdate {
    let actions = vec![add(owner, new).0];
    let update = Update {
        inbox_id: inbox_of(owner),
        client_timestamp_ns,
        actions,
    };
    let signed = update.sign(|role, text| {
        Ok::<_, Infallible>(match role {
            SignerRole::NewMember(_) => new.sign(text),
            _ => owner.sign(text),
        })
    });
    signed.unwrap()
}

/// An update of time 9 with one action of the owner, in which `from` is spelt `to`, in the text that is signed as well.
fn respelt(
    owner: &Signer,
    (action, _): Signed<'_>,
    from: &str,
    to: &str,
    spell: impl FnOnce(&mut identity_action::Kind, &str),
) -> Vec<u8> {
    let update = Update {
        inbox_id: inbox_of(owner),
        client_timestamp_ns: 9_000_000_000,
        actions: vec![action],
    };
    let sign = |_: SignerRole<'_>, text: &str| Ok::<_, Infallible>(owner.sign(&text.replace(from, to)));
    let mut message = proto::IdentityUpdate::from(&update.sign(sign).unwrap());
    spell(message.actions[0].kind.as_mut().unwrap(), to);
    message.encode_to_vec()
}

/// Our verdict: the state after the whole log, or that it is refused.
fn ours(owner: &Signer, log: &Log) -> Option<AssociationState> {
    let mut replayed = IdentityLog::new(inbox_of(owner));
    for (at, bytes) in (1..).zip(log) {
        let update = IdentityUpdate::decode(bytes).ok()?.verify(&NoChain).ok()?;
        replayed.append(at, update).ok()?;
    }
    replayed.state().cloned()
}

/// In the words of the record.
fn told(state: Option<&AssociationState>) -> Value {
    let Some(state) = state else {
        return Value::from("refused");
    };
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts
    };
    let identifiers = state.members().filter(|(member, _)| member.installation().is_none());
    serde_json::json!({
        "recovery": state.recovery().to_string(),
        "identifiers": sorted(identifiers.map(|(member, _)| member.to_string()).collect()),
        "installations": sorted(state.installations().map(|key| key.to_string()).collect()),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn recorded() -> Value {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/xmtp-identity-cases.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn every_log_is_judged_as_the_official_sdk_judges_it() {
    let recorded = recorded();
    for (name, (owner, log)) in cases() {
        let ours = told(ours(&owner, &log).as_ref());
        let verdicts = recorded[name]["verdicts"].as_object().unwrap();
        assert_eq!(verdicts.len(), 3, "{name}");
        for (sdk, theirs) in verdicts {
            if STRICTER.contains(&name) {
                assert_eq!(ours, "refused", "{name}");
                assert_ne!(theirs, "refused", "{name}: {sdk} is as strict as we are by now");
            } else {
                assert_eq!(&ours, theirs, "{name}, {sdk}");
            }
        }
    }
}

#[test]
fn the_record_is_about_these_logs() {
    let recorded = recorded();
    let cases = cases();
    assert_eq!(recorded.as_object().unwrap().len(), cases.len());
    for (name, (_, log)) in cases {
        let log: Vec<_> = log.iter().map(|update| Value::from(hex(update))).collect();
        assert_eq!(recorded[name]["log"], Value::from(log), "{name}");
    }
}

/// `cargo test -p chancery-xmtp-wire --test identity_cases -- --ignored --nocapture` prints the logs for the recorder.
#[test]
#[ignore = "prints what vectors/xmtp-identity.mjs reads"]
#[allow(clippy::print_stdout, reason = "that is what it is for")]
fn print_the_logs() {
    let cases: BTreeMap<_, _> = cases()
        .into_iter()
        .map(|(name, (owner, log))| {
            let log: Vec<_> = log.iter().map(|update| hex(update)).collect();
            (
                name,
                serde_json::json!({ "inboxId": inbox_of(&owner).to_string(), "log": log }),
            )
        })
        .collect();
    println!("CASES {}", serde_json::to_string(&cases).unwrap());
}
