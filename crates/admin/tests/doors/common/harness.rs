//! A harness, past its own door.

use chancery_signet::{HarnessLogin, HarnessSession, PeerUid};
use chancery_signet_wire::{
    BearerToken,
    frame::{Auth, Request},
};
use serde_json::{Value, json};

use super::{Desk, text};

/// An agent whose sends wait for the owner.
pub struct Agent {
    pub operator: String,
    pub chat: String,
    pub credential: String,
    pub token: String,
    session: HarnessSession,
}

impl Agent {
    pub async fn held(desk: &Desk) -> Self {
        let (operator, chat) = desk.agent("held").await;
        let policy = json!({"label": "ask me", "allow": ["send", "stream-messages"], "deny": [], "confirm": ["send"]});
        let policy = desk.done("policy.create", policy).await;
        let input = json!({"operatorId": operator, "chatIds": [chat], "policyId": policy["id"]});
        let issued = desk.done("credential.issue", input).await;
        let token = text(&issued["token"]);
        let login = HarnessLogin {
            auth: Auth {
                token: BearerToken::new(token.clone()),
                last_seen_seq: None,
                last_seen_epoch: None,
                proof: None,
            },
            nonce: None,
            uid: PeerUid::new(|| None),
        };
        Self {
            session: desk.signet.authenticate(login).await.unwrap(),
            operator,
            chat,
            credential: text(&issued["credential"]["id"]),
            token,
        }
    }

    /// Asks for something; what was answered.
    pub async fn ask(&self, mut request: Value) -> Value {
        request["requestId"] = json!("r1");
        let (id, request) = Request::parse(&request.to_string()).unwrap();
        let answer = self.session.harness().answer(id, request).await.unwrap();
        serde_json::to_value(&answer).unwrap()
    }

    /// Wants to say something; the action that waits.
    pub async fn wants_to_say(&self, words: &str) -> String {
        let answer = self
            .ask(
                json!({"type": "send_message", "groupId": self.chat, "contentType": "xmtp.org/text:1.0",
                "content": {"text": words}}),
            )
            .await;
        assert_eq!(answer["data"]["pending"], true, "{answer}");
        text(&answer["data"]["actionId"])
    }

    /// Wants to see something; the reveal that waits.
    pub async fn wants_to_see(&self) -> String {
        let answer = self
            .ask(
                json!({"type": "reveal_content", "reveal": {"revealId": "mine", "groupId": self.chat, "scope":
                "content-type", "targetId": "xmtp.org/text:1.0", "requestedBy": "agent", "expiresAt": null}}),
            )
            .await;
        assert_eq!(answer["ok"], true, "{answer}");
        text(&answer["data"]["revealId"])
    }
}
