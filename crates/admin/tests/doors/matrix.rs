//! Every action as every kind of caller at both doors, generated from the table (design decision 16).

use std::time::Duration;

use crate::common::{
    Desk, actions,
    client::Client,
    text,
    web::{Answer, by, send},
};
use chancery_admin::Settings;
use chancery_signet_wire::action::{Entry, HttpAuth, HttpMethod};
use serde_json::{Value, json};

/// Everybody who may stand at the door, by what they show.
struct Callers {
    desk: Desk,
    admin: String,
    credential: String,
    /// What opens nothing, by what it is.
    none: Vec<(&'static str, String)>,
}

impl Callers {
    async fn new() -> Self {
        let desk = Desk::with(Settings {
            auth_failures_per_minute: u32::MAX,
            request_timeout: Duration::from_millis(500),
            ..Settings::default()
        })
        .await;
        let (operator, chat) = desk.agent("a").await;
        let revoked = desk.credential(&operator, &chat, json!(["send"])).await;
        desk.done(
            "credential.revoke",
            json!({"credentialId": revoked["credential"]["id"]}),
        )
        .await;
        let expired_admin = desk.token_for(1, None);
        let input = json!({"operatorId": operator, "chatIds": [chat], "allow": ["send"], "ttlSeconds": 1});
        let expired = desk.done("credential.issue", input).await;
        desk.clock.advance(Duration::from_secs(40));
        let credential = text(&desk.credential(&operator, &chat, json!(["send"])).await["token"]);
        Self {
            admin: desk.token(),
            credential,
            none: vec![
                ("nonsense", "nonsense".to_owned()),
                ("a revoked credential", text(&revoked["token"])),
                ("an expired credential", text(&expired["token"])),
                ("an expired token of the admin key", expired_admin),
                ("a token for another daemon", desk.token_for(60, Some("another"))),
            ],
            desk,
        }
    }

    /// Sends as nobody and as each who is nobody: all are refused before anything is looked at.
    async fn strangers(&self, line: &str) {
        let shut_out = |answer: &Answer, who: &str| {
            let (status, category, _) = answer.error();
            assert_eq!((status, &*category), (401, "auth"), "{line} by {who}: {}", answer.body);
        };
        shut_out(&send(self.desk.doors.http, line, "", "{broken").await, "nobody");
        for (who, token) in &self.none {
            shut_out(&by(self.desk.doors.http, token, line, "{broken").await, who);
        }
    }
}

/// Whether the door is open to whoever asked: there is such a route, and the token is good for it.
fn opens(answer: &Answer) -> bool {
    if answer.status == 200 {
        return true;
    }
    let (status, _, error) = answer.error();
    status != 401 && error["context"]["resourceType"] != "route"
}

fn line_of(entry: &Entry) -> Option<(String, HttpAuth)> {
    let http = entry.http.as_ref()?;
    let method = match http.method {
        HttpMethod::Get => "GET",
        HttpMethod::Post => "POST",
    };
    Some((format!("{method} {}", http.path), http.auth))
}

#[tokio::test]
async fn by_its_route_each_action_is_open_to_the_kind_of_caller_that_the_table_names() {
    let callers = Callers::new().await;
    let address = callers.desk.doors.http;
    for entry in actions().entries() {
        let Some((line, auth)) = line_of(entry) else {
            for method in ["GET", "POST"] {
                let line = format!("{method} /v1/actions/{}", entry.id().replace('.', "/"));
                let answer = by(address, &callers.admin, &line, "").await;
                assert_eq!(answer.error().2["context"]["resourceType"], "route", "{line}");
            }
            continue;
        };
        callers.strangers(&line).await;
        let (right, wrong) = match auth {
            HttpAuth::Admin => (&callers.admin, &callers.credential),
            HttpAuth::Credential => (&callers.credential, &callers.admin),
        };
        let body = match line.starts_with("POST") {
            true => "{}",
            false => "",
        };
        assert!(opens(&by(address, right, &line, body).await), "{line}");
        let (status, category, _) = by(address, wrong, &line, body).await.error();
        assert_eq!((status, &*category), (401, "auth"), "{line}");
        // the other method leads nowhere
        let other = match line.split_once(' ') {
            Some(("GET", path)) => format!("POST {path}"),
            Some((_, path)) => format!("GET {path}"),
            None => unreachable!(),
        };
        assert_eq!(
            by(address, right, &other, "").await.error().2["context"]["resourceType"],
            "route",
            "{other}"
        );
    }
}

#[tokio::test]
async fn by_its_id_each_action_is_open_to_admins_alone() {
    let callers = Callers::new().await;
    let address = callers.desk.doors.http;
    for entry in actions().entries() {
        let line = format!("POST /v1/admin/{}", entry.id());
        callers.strangers(&line).await;
        let (status, category, _) = by(address, &callers.credential, &line, "{}").await.error();
        assert_eq!((status, &*category), (401, "auth"), "{line}");
        assert!(opens(&by(address, &callers.admin, &line, "{}").await), "{line}");
        let (status, _, error) = by(address, &callers.admin, &line, r#"{"stranger":true}"#).await.error();
        assert_eq!((status, &error["category"]), (400, &json!("validation")), "{line}");
    }
}

#[tokio::test]
async fn at_the_socket_each_action_is_open_to_admins_alone() {
    let callers = Callers::new().await;
    let socket = &callers.desk.doors.socket;
    let mut by_kernel = callers.desk.admin().await;
    let mut by_token = Client::let_in(socket, Some(&callers.admin)).await;
    for entry in actions().entries() {
        for admin in [&mut by_kernel, &mut by_token] {
            let answer = admin.call(entry.id(), json!({})).await;
            let data = &answer["error"]["data"];
            assert_ne!(answer["error"]["code"], -32601, "{}", entry.id());
            assert!(data.is_null() || data["category"] != "auth", "{}: {answer}", entry.id());
        }
    }
    for token in callers.none.iter().map(|(_, token)| token).chain([&callers.credential]) {
        let mut nobody = Client::connect(socket).await;
        let refused = nobody.login(Some(token)).await;
        assert_eq!(refused["error"]["code"], -32000);
        // and what is asked all the same is taken for a first line, once more
        nobody
            .send(r#"{"jsonrpc":"2.0","id":1,"method":"operator.list"}"#)
            .await;
        let answer = nobody.line().await.unwrap();
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&Value::Null, &json!(-32000))
        );
    }
}
