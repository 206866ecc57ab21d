//! What the tests start, and what they send to everybody.

use std::net::SocketAddr;

use chancery_tests::{Agent, Caller, Person, Site, http, http::Answer};
use serde_json::{Value, json};

/// Longer than any body may be.
pub(crate) const TOO_LONG: usize = 1024 * 1024 + 1;

/// Bodies that no route reads as an object.
pub(crate) fn no_objects() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str, close: &str| [open.repeat(20_000), close.repeat(20_000)].concat().into_bytes();
    vec![
        ("words", b"hello".to_vec()),
        ("half an object", br#"{"name":"#.to_vec()),
        ("an object and more", b"{} {}".to_vec()),
        ("a list", b"[]".to_vec()),
        ("a number", b"1".to_vec()),
        ("a text", br#""{}""#.to_vec()),
        ("null", b"null".to_vec()),
        ("a key without quotes", b"{a:1}".to_vec()),
        ("a trailing comma", br#"{"a":1,}"#.to_vec()),
        ("a comment", b"{/**/}".to_vec()),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec()),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec()),
        ("broken UTF-8", b"{\"a\":\"\xff\"}".to_vec()),
        ("a zero byte", b"{}\0".to_vec()),
        ("a control character", b"{\"a\":\"\x01\"}".to_vec()),
        ("half a surrogate pair", br#"{"a":"\ud800"}"#.to_vec()),
        ("a key twice", br#"{"a":1,"a":1}"#.to_vec()),
        ("a key twice, once escaped", br#"{"a":1,"\u0061":1}"#.to_vec()),
        ("a key twice, deep down", br#"{"a":[{"b":1,"b":2}]}"#.to_vec()),
        ("lists in lists", deep("[", "]")),
        ("objects in objects", deep("{\"a\":", "}")),
        ("lists without an end", "[".repeat(20_000).into_bytes()),
        ("a number beyond all", br#"{"a":1e999999}"#.to_vec()),
        ("NaN", br#"{"a":NaN}"#.to_vec()),
    ]
}

/// Values that no member with a rule takes.
pub(crate) fn no_values() -> Vec<Value> {
    let mut values = vec![
        json!(true),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!([]),
        json!({}),
        json!(["x"]),
        json!(""),
        json!(" \t "),
        json!("\u{0}"),
    ];
    values.push("x".repeat(5_000).into());
    values
}

/// A site with two agents who are paired, and all that one may look at of its state.
pub(crate) struct World {
    pub(crate) site: Site,
    pub(crate) admin: Person,
    pub(crate) alice: Person,
    pub(crate) alpha: Agent,
    pub(crate) beta: Agent,
}

impl World {
    pub(crate) fn start() -> Self {
        let site = Site::start();
        let admin = site.admin();
        let (alice, bob) = (admin.invite("Alice"), admin.invite("Bob"));
        let (alpha, beta) = (alice.agent("alpha"), bob.agent("beta"));
        alpha.pair_with(&beta);
        Self {
            site,
            admin,
            alice,
            alpha,
            beta,
        }
    }

    pub(crate) fn registry(&self) -> SocketAddr {
        self.site.registry_port().address()
    }

    pub(crate) fn relay(&self) -> SocketAddr {
        self.site.relay_port().address()
    }

    /// What clients can see of the registry; when a key was last used is no state.
    pub(crate) fn state(&self) -> Value {
        let key = |person: &Person| format!("Bearer {}", person.api_key());
        let (admin, alice) = (key(&self.admin), key(&self.alice));
        let get = |target: &str, key: &str| {
            let answer = http::send(self.registry(), "GET", target, &[("authorization", key)], b"").unwrap();
            assert_eq!(answer.status, 200, "{target}");
            without(answer.json(), "lastUsedAt")
        };
        let pairs = Caller::of(&self.alpha.dir()).send(self.relay(), "GET", "/pair", &[], b"");
        json!([
            get("/v1/me/api-keys", &alice),
            get("/v1/me/api-keys", &admin),
            get("/v1/agents", &alice),
            get("/v1/admin/internal-services", &admin),
            pairs.json(),
        ])
    }

    pub(crate) fn is_up(&self) {
        for address in [self.registry(), self.relay()] {
            let health = http::get(address, "/health").expect("an answer about health");
            assert_eq!(health.json()["status"], "ok");
        }
    }
}

pub(crate) fn without(mut value: Value, member: &str) -> Value {
    match &mut value {
        Value::Object(members) => {
            members.remove(member);
            members
                .values_mut()
                .for_each(|value| *value = without(value.take(), member));
        }
        Value::Array(items) => items
            .iter_mut()
            .for_each(|value| *value = without(value.take(), member)),
        _ => {}
    }
    value
}

/// The shape of an error, with the id of its request.
pub(crate) fn has_envelope(answer: &Answer) {
    let body = answer.json();
    assert!(body["error"]["message"].is_string(), "{body}");
    assert_eq!(
        body["error"]["requestId"].as_str(),
        answer.header("x-request-id"),
        "{body}"
    );
}
