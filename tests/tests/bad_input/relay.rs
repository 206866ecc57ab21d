//! Bodies and proofs to the relay.

use chancery_tests::{Caller, caller, http};
use serde_json::json;

use crate::world::{TOO_LONG, World, has_envelope, no_objects, no_values};

#[test]
fn bodies_to_the_relay() {
    let world = World::start();
    let alpha = Caller::of(&world.alpha.dir());
    let relay = world.relay();
    let before = world.state();
    let profile = json!({ "agentName": "alpha", "humanName": "Alice", "proxyOrigin": "http://127.0.0.1:4000" });
    let receipt = json!({ "requestId": "r", "senderAgentDid": world.beta.did(), "recipientAgentDid": world.alpha.did(),
                          "status": "dead_lettered", "reason": "why" });
    // a text in a pairing's body names a ticket of its own rules, which have codes of their own
    for (target, code, good, free) in [
        (
            "/pair/start",
            "PROXY_PAIR_INVALID_BODY",
            json!({ "ttlSeconds": 300, "initiatorProfile": profile }),
            &[][..],
        ),
        (
            "/pair/confirm",
            "PROXY_PAIR_INVALID_BODY",
            json!({ "ticket": "clwpair1_x", "responderProfile": profile }),
            &["ticket"][..],
        ),
        (
            "/pair/status",
            "PROXY_PAIR_INVALID_BODY",
            json!({ "ticket": "clwpair1_x" }),
            &["ticket"][..],
        ),
        (
            "/v1/relay/delivery-receipts",
            "PROXY_RELAY_RECEIPT_INVALID_INPUT",
            receipt,
            &["requestId", "reason"][..],
        ),
    ] {
        for (what, body) in no_objects() {
            let answer = alpha.send(relay, "POST", target, &[("content-type", "application/json")], &body);
            assert_eq!(answer.error(), (400, code.to_owned()), "{target}: {what}");
            has_envelope(&answer);
        }
        let long = alpha.send(relay, "POST", target, &[], &vec![b' '; TOO_LONG]);
        assert_eq!(long.error(), (413, "PAYLOAD_TOO_LARGE".to_owned()), "{target}");
        for member in good.as_object().unwrap().keys() {
            for value in no_values() {
                if value.is_string() && free.contains(&member.as_str()) {
                    continue;
                }
                let mut body = good.clone();
                body[member] = value.clone();
                let answer = alpha.post(relay, target, &[], &body);
                let value: String = value.to_string().chars().take(40).collect();
                assert_eq!(answer.error(), (400, code.to_owned()), "{target}: {member} = {value}");
            }
        }
    }
    for (ticket, code) in [
        ("", "PROXY_PAIR_TICKET_INVALID_FORMAT"),
        ("clwpair1_", "PROXY_PAIR_TICKET_INVALID_FORMAT"),
        ("clwpair2_e30", "PROXY_PAIR_TICKET_INVALID_FORMAT"),
        ("clwpair1_e30", "PROXY_PAIR_TICKET_INVALID_FORMAT"),
        ("clwpair1_\u{fffd}", "PROXY_PAIR_TICKET_INVALID_FORMAT"),
        (&"clwpair1_A".repeat(1000), "PROXY_PAIR_TICKET_INVALID_FORMAT"),
    ] {
        let answer = alpha.post(relay, "/pair/status", &[], &json!({ "ticket": ticket }));
        let short: String = ticket.chars().take(40).collect();
        assert_eq!(answer.error(), (400, code.to_owned()), "{short}");
    }

    let recipient = ("x-claw-recipient-agent-did", world.beta.did());
    let json = ("content-type", "application/json");
    for (what, body) in no_objects() {
        // any JSON is a payload, and it is carried as it is
        if serde_json::from_slice::<&serde_json::value::RawValue>(&body).is_ok() {
            continue;
        }
        let answer = alpha.send(relay, "POST", "/hooks/agent", &[json, recipient], &body);
        assert_eq!(answer.error(), (400, "PROXY_HOOK_INVALID_JSON".to_owned()), "{what}");
    }
    let long = alpha.send(relay, "POST", "/hooks/agent", &[json, recipient], &vec![b' '; TOO_LONG]);
    assert_eq!(long.error(), (413, "PAYLOAD_TOO_LARGE".to_owned()));
    for (header, code) in [
        (
            ("x-claw-recipient-agent-did", world.alpha.did()),
            "PROXY_AUTH_INVALID_PROOF",
        ),
        (("idempotency-key", "a\tb"), "PROXY_HOOK_INVALID_HEADER"),
    ] {
        let answer = alpha.send(relay, "POST", "/hooks/agent", &[json, recipient, header], b"{}");
        assert_eq!(answer.error().1, code, "{header:?}");
    }
    for query in [
        "",
        "?requestId=x",
        "?requestId=&recipientAgentDid=x",
        "?requestId=a&requestId=b",
    ] {
        let target = format!("/v1/relay/delivery-receipts{query}");
        let answer = alpha.send(relay, "GET", &target, &[], b"");
        assert_eq!(
            answer.error(),
            (400, "PROXY_RELAY_RECEIPT_INVALID_QUERY".to_owned()),
            "{query}"
        );
    }
    assert_eq!(world.state(), before);
    world.is_up();
    let sent = alpha.send(relay, "POST", "/hooks/agent", &[json, recipient], b"{}");
    assert_eq!(
        (sent.status, &sent.json()["queueDepth"]),
        (202, &json!(1)),
        "nothing came before it"
    );
}

#[test]
fn proofs_to_the_relay() {
    let world = World::start();
    let alpha = Caller::of(&world.alpha.dir());
    let relay = world.relay();
    let more = [
        ("content-type", "application/json"),
        ("x-claw-recipient-agent-did", world.beta.did()),
    ];
    let fresh = || alpha.headers(relay, "POST", "/hooks/agent", &more, b"{}");
    let send = |headers: &caller::Headers| {
        let answer = http::send(relay, "POST", "/hooks/agent", &caller::borrowed(headers), b"{}");
        answer.expect("an answer").error()
    };
    let set = |name: &str, value: &str| {
        let mut headers = fresh();
        // what is signed in the new way must be left out to see what the old way says
        headers.retain(|(n, _)| n != name && !n.starts_with("signature"));
        headers.push((name.to_owned(), value.to_owned()));
        headers
    };
    for (name, value, code) in [
        ("authorization", "", "PROXY_AUTH_INVALID_SCHEME"),
        ("authorization", "Claw", "PROXY_AUTH_INVALID_SCHEME"),
        ("authorization", "claw x", "PROXY_AUTH_INVALID_SCHEME"),
        ("authorization", "Claw x", "PROXY_AUTH_INVALID_AIT"),
        ("authorization", "Claw a.b.c", "PROXY_AUTH_INVALID_AIT"),
        ("authorization", "Claw ..", "PROXY_AUTH_INVALID_AIT"),
        ("authorization", "Claw \u{e4}", "PROXY_AUTH_INVALID_SCHEME"),
        ("x-claw-timestamp", "", "PROXY_AUTH_INVALID_TIMESTAMP"),
        ("x-claw-timestamp", "now", "PROXY_AUTH_INVALID_TIMESTAMP"),
        ("x-claw-timestamp", "-1", "PROXY_AUTH_INVALID_TIMESTAMP"),
        ("x-claw-timestamp", "1e9", "PROXY_AUTH_INVALID_TIMESTAMP"),
        (
            "x-claw-timestamp",
            "99999999999999999999",
            "PROXY_AUTH_INVALID_TIMESTAMP",
        ),
        ("x-claw-timestamp", "9223372036854775807", "PROXY_AUTH_TIMESTAMP_SKEW"),
        ("x-claw-timestamp", "0", "PROXY_AUTH_TIMESTAMP_SKEW"),
        ("x-claw-nonce", "", "PROXY_AUTH_INVALID_PROOF"),
        ("x-claw-body-sha256", "x", "PROXY_AUTH_INVALID_PROOF"),
        ("x-claw-proof", "", "PROXY_AUTH_INVALID_PROOF"),
        ("x-claw-proof", &"A".repeat(86), "PROXY_AUTH_INVALID_PROOF"),
        ("x-claw-proof", &"A".repeat(8_000), "PROXY_AUTH_INVALID_PROOF"),
        ("x-claw-agent-access", "", "PROXY_AGENT_ACCESS_REQUIRED"),
        ("x-claw-agent-access", "clw_agt_x", "PROXY_AGENT_ACCESS_INVALID"),
        ("x-claw-agent-access", "\u{e4}", "PROXY_AGENT_ACCESS_REQUIRED"),
    ] {
        let short: String = value.chars().take(40).collect();
        assert_eq!(send(&set(name, value)), (401, code.to_owned()), "{name}: {short}");
    }
    for name in [
        "authorization",
        "x-claw-timestamp",
        "x-claw-nonce",
        "x-claw-body-sha256",
        "x-claw-proof",
        "x-claw-agent-access",
        "x-claw-recipient-agent-did",
    ] {
        let mut twice = fresh();
        let value = twice.iter().find(|(n, _)| n == name).unwrap().clone();
        twice.push(value);
        assert_eq!(
            send(&twice),
            (401, "PROXY_AUTH_INVALID_PROOF".to_owned()),
            "{name} twice"
        );
    }
    for name in ["signature", "signature-input"] {
        let mut alone = fresh();
        alone.retain(|(n, _)| n != name);
        assert_eq!(
            send(&alone),
            (401, "PROXY_AUTH_INVALID_PROOF".to_owned()),
            "without {name}"
        );
    }
    world.is_up();
    assert_eq!(send(&fresh()), (202, String::new()));
}
