//! Pairing tickets (spec 1.5) and secret tokens (1.4).
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use chancery_base::{Millis, Rng, b64};
use chancery_identity::{
    Origin,
    ticket::{Ticket, TicketError},
    token::{AgentAccess, AgentRefresh, ApiKey, InviteCode, ServiceSecret, Token, TokenKind},
};
use common::{NOW, altered, other_key, text, vectors};
use proptest::prelude::*;
use serde_json::{Value, json};

struct Fixed(u8);

impl Rng for Fixed {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0);
    }
}

fn good() -> String {
    text(&vectors(), "/pairingTicket/ticket").to_owned()
}

fn with(change: impl FnOnce(&mut Value)) -> Result<Ticket, TicketError> {
    let mut payload = vectors()["pairingTicket"]["payload"].clone();
    change(&mut payload);
    Ticket::parse(&format!("clwpair1_{}", b64::encode(payload.to_string())))
}

#[test]
fn a_new_ticket_verifies_with_the_key_that_came_with_it() {
    let iss: Origin = "https://proxy.example.test".parse().unwrap();
    let (ticket, key) = Ticket::mint(&iss, 1_700_000_300, NOW, &Fixed(5));
    assert_eq!(b64::decode(&ticket.nonce).unwrap().len(), 18);
    assert_eq!(ticket.kid.timestamp(), NOW);
    let read = Ticket::parse(&ticket.encode()).unwrap();
    assert_eq!(read, ticket);
    assert_eq!(read.verify(&key), Ok(()));
    assert_eq!(read.verify(&other_key().public()), Err(TicketError::Signature));
}

#[test]
fn every_part_of_a_ticket_is_signed() {
    let key = chancery_base::ed25519::SecretKey::from_seed(&[3; 32]).public();
    for (member, value) in [
        ("iss", json!("https://evil.example.test")),
        ("kid", json!("01HF7YAT00W6W7CM7N3W5FDXTZ")),
        ("nonce", json!("AQEC")),
        ("exp", json!(1_700_009_999)),
        ("pkid", json!("01HF7YAT00W6W7CM7N3W5FDXTZ")),
    ] {
        assert_eq!(
            with(|t| t[member] = value).unwrap().verify(&key),
            Err(TicketError::Signature),
            "{member}"
        );
    }
}

#[test]
fn a_ticket_begins_with_its_prefix() {
    for text in [
        "",
        "clwpair1",
        &good().replace("clwpair1_", ""),
        &good().replace("clwpair1_", "clwpair2_"),
        &good().to_uppercase(),
    ] {
        assert_eq!(Ticket::parse(text), Err(TicketError::Format), "{text}");
    }
}

#[test]
fn the_version_is_2() {
    for version in [json!(1), json!(3), json!(2.5), json!(-2)] {
        assert_eq!(with(|t| t["v"] = version), Err(TicketError::Version));
    }
    for version in [json!("2"), Value::Null, json!([2])] {
        assert_eq!(with(|t| t["v"] = version), Err(TicketError::Format));
    }
    assert_eq!(
        with(|t| drop(t.as_object_mut().unwrap().remove("v"))),
        Err(TicketError::Format)
    );
}

#[test]
fn the_issuer_equals_its_own_origin() {
    for iss in [
        "https://proxy.example.test/",
        "https://proxy.example.test/x",
        "https://proxy.example.test?x",
        "https://proxy.example.test:443",
        "https://PROXY.example.test",
        "https://u@proxy.example.test",
        " https://proxy.example.test",
        "ftp://proxy.example.test",
        "proxy.example.test",
        "",
    ] {
        assert_eq!(with(|t| t["iss"] = json!(iss)), Err(TicketError::Issuer), "{iss}");
    }
    assert!(with(|t| t["iss"] = json!("http://127.0.0.1:4000")).is_ok());
    assert_eq!(
        with(|t| drop(t.as_object_mut().unwrap().remove("iss"))),
        Err(TicketError::Issuer)
    );
}

#[test]
fn each_member_is_there_and_of_its_form() {
    for member in ["kid", "nonce", "exp", "pkid", "sig"] {
        assert_eq!(
            with(|t| drop(t.as_object_mut().unwrap().remove(member))),
            Err(TicketError::Format),
            "{member}"
        );
        assert_eq!(with(|t| t[member] = json!("?")), Err(TicketError::Format), "{member}");
        assert_eq!(with(|t| t[member] = Value::Null), Err(TicketError::Format), "{member}");
    }
    assert_eq!(with(|t| t["exp"] = json!(1.5)), Err(TicketError::Format));
    assert_eq!(with(|t| t["nonce"] = json!("AQ==")), Err(TicketError::Format));
}

#[test]
fn a_ticket_is_an_object_that_names_no_key_twice() {
    let encode = |json: &str| format!("clwpair1_{}", b64::encode(json));
    let json = text(&vectors(), "/pairingTicket/signedJson").to_owned();
    let p = &vectors()["pairingTicket"]["payload"];
    let array = json!([p["v"], p["iss"], p["kid"], p["nonce"], p["exp"], p["pkid"], p["sig"]]).to_string();
    assert_eq!(Ticket::parse(&encode(&array)), Err(TicketError::Format));
    assert_eq!(
        Ticket::parse(&encode(&json.replacen('{', r#"{"exp":1,"#, 1))),
        Err(TicketError::Format)
    );
    assert_eq!(Ticket::parse(&encode("{}")), Err(TicketError::Format));
    assert_eq!(Ticket::parse(&encode("2")), Err(TicketError::Format));
}

#[test]
fn pasting_does_not_hurt_a_ticket() {
    let ticket = good();
    let (head, tail) = ticket.split_at(40);
    for pasted in [
        format!("  {ticket}\n"),
        format!("`{ticket}`"),
        format!("```{ticket}```"),
        format!("```\n{ticket}\n```"),
        format!("{head}\n    {tail}"),
        format!("{head}\r\n{tail}\u{a0}"),
    ] {
        assert_eq!(Ticket::normalise(&pasted), ticket, "{pasted}");
        assert!(Ticket::parse(&pasted).is_ok(), "{pasted}");
    }
}

#[test]
fn a_back_tick_inside_is_no_part_of_a_ticket() {
    let ticket = good();
    let (head, tail) = ticket.split_at(40);
    assert_eq!(Ticket::parse(&format!("{head}`{tail}")), Err(TicketError::Format));
}

#[test]
fn padding_and_the_standard_alphabet_are_refused() {
    assert_eq!(Ticket::parse(&format!("{}=", good())), Err(TicketError::Format));
    assert_eq!(Ticket::parse(&format!("{}+", good())), Err(TicketError::Format));
}

#[test]
fn a_text_of_more_than_4_kib_is_no_ticket() {
    assert_eq!(
        Ticket::parse(&format!("{}{}", good(), " ".repeat(4096))),
        Err(TicketError::Format)
    );
}

#[test]
fn a_ticket_does_not_print_what_makes_it_valid() {
    let ticket = Ticket::parse(&good()).unwrap();
    let shown = format!("{ticket:?}");
    assert!(
        !shown.contains(&ticket.nonce) && !shown.contains(&ticket.sig.to_b64()),
        "{shown}"
    );
}

// secret tokens

fn kind<K: TokenKind>(marker: &str, bytes: usize) {
    let token = Token::<K>::generate(&Fixed(9));
    let random = token.expose().strip_prefix(marker).unwrap();
    assert_eq!(b64::decode(random).unwrap(), vec![9; bytes]);
    assert_eq!(token.prefix(), &token.expose()[..marker.len() + 8]);
    assert!(
        token
            .expose()
            .parse::<Token<K>>()
            .unwrap()
            .matches(&token.stored().hash)
    );
    assert!(!Token::<K>::generate(&Fixed(8)).matches(&token.stored().hash));
    assert_eq!(format!("{token:?}"), format!("{marker}.."));
    assert!(format!("x{}", token.expose()).parse::<Token<K>>().is_err());
    assert!(marker.parse::<Token<K>>().is_err());
    assert!(format!("{marker}{}", "x".repeat(300)).parse::<Token<K>>().is_err());
}

#[test]
fn tokens_have_the_marker_and_entropy_of_their_kind() {
    kind::<ApiKey>("clw_pat_", 32);
    kind::<AgentAccess>("clw_agt_", 32);
    kind::<AgentRefresh>("clw_rft_", 32);
    kind::<ServiceSecret>("clw_srv_", 32);
    kind::<InviteCode>("clw_inv_", 24);
}

#[test]
fn a_token_of_one_kind_is_none_of_another() {
    let access = Token::<AgentAccess>::generate(&Fixed(1));
    assert!(access.expose().parse::<Token<AgentRefresh>>().is_err());
}

proptest! {
    #[test]
    fn one_changed_byte_makes_a_ticket_worthless(at: prop::sample::Index, to in prop_oneof![any::<u8>(), 32..127_u8]) {
        let ticket = good();
        let key = chancery_base::ed25519::SecretKey::from_seed(&[3; 32]).public();
        if let Some(changed) = altered(&ticket, at.index(ticket.len()), to) {
            prop_assert!(Ticket::parse(&changed).and_then(|ticket| ticket.verify(&key)).is_err(), "{}", changed);
        }
    }

    #[test]
    fn tickets_are_read_without_panic(text in "\\PC*", json in "\\{\\PC{0,99}\\}") {
        let _ = Ticket::parse(&text);
        let _ = Ticket::parse(&format!("clwpair1_{}", b64::encode(json)));
    }

    #[test]
    fn any_ticket_is_read_as_it_was_written(exp: i64, seed: u8, port: u16, now in 0..1_i64 << 47) {
        let iss: Origin = format!("http://relay.example.test:{}", port.max(81)).parse().unwrap();
        let (ticket, key) = Ticket::mint(&iss, exp, Millis(now), &Fixed(seed));
        let read = Ticket::parse(&ticket.encode()).unwrap();
        prop_assert_eq!(read.encode(), ticket.encode());
        prop_assert!(read.verify(&key).is_ok());
    }

    #[test]
    fn tokens_are_read_without_panic(text in "(clw_pat_)?\\PC{0,99}") {
        if let Ok(token) = text.parse::<Token<ApiKey>>() {
            prop_assert_eq!(token.expose(), &text);
            prop_assert!(text.starts_with(token.prefix()));
        }
    }
}
