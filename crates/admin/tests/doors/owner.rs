//! What waits for the owner, and what counts as the owner's word (docs/signet.md; design decision 15).

use std::time::Duration;

use crate::common::{Desk, client::Client, harness::Agent, signed, text};
use chancery_keys::{Gates, RootSecret};
use serde_json::{Value, json};

fn superadmin(label: &str) -> Value {
    json!({"label": label, "role": "superadmin", "scopeMode": "shared"})
}

fn operator(label: &str) -> Value {
    json!({"label": label, "role": "operator", "scopeMode": "shared"})
}

/// An error that says that an approval does not count.
fn refused(error: &Value, why: &str) {
    assert_eq!(
        (&error["code"], &error["message"]),
        (&json!(-32003), &json!(why)),
        "{error}"
    );
    assert!(error["data"]["context"].is_null() || error["data"]["context"].get("approval").is_none());
}

const UNKNOWN: &str = "there is no such question, or it was answered already";
const OTHER: &str = "something else was approved";
const UNSIGNED: &str = "the approval is not signed by the root key";

#[tokio::test]
async fn a_held_action_waits_for_the_owner_who_is_shown_it_word_for_word() {
    let desk = Desk::new().await;
    let agent = Agent::held(&desk).await;
    let action = agent.wants_to_say("we sign today").await;
    let mut admin = desk.admin().await;
    let question = admin.waits("action.approve", json!({"actionId": action})).await;
    let (operation, parameters) = Client::question(&question);
    assert_eq!(operation, "actionApproval");
    assert_eq!(parameters["actionId"], action);
    assert_eq!(parameters["payload"]["content"]["text"], "we sign today");
    let what = &question["data"]["context"]["approval"]["request"]["what"];
    assert_eq!(
        (&what["action"], &what["credential"]),
        (&json!("action.approve"), &json!(agent.credential))
    );
    // nothing was done by asking
    let listed = admin.ok("action.list", json!({})).await;
    assert_eq!(listed["actions"].as_array().unwrap().len(), 1);
    let root = &question["data"]["context"]["approval"]["root"];
    assert_eq!(root["platform"], "software-vault");

    let resolved = admin.ok("approval.settle", desk.yes(&question)).await;
    assert_eq!(
        (&resolved["actionId"], &resolved["verdict"]),
        (&json!(action), &json!("approved"))
    );
    assert!(resolved["data"]["messageId"].is_string(), "{resolved}");
    assert!(desk.log().await.iter().any(|(_, actor)| actor == "owner"));
    // it was done once, and is gone
    refused(&admin.err("approval.settle", desk.yes(&question)).await, UNKNOWN);
    let error = admin.err("action.approve", json!({"actionId": action})).await;
    assert_eq!(error["code"], -32007);
}

#[tokio::test]
async fn a_long_action_is_shown_by_its_beginning_and_its_hash() {
    let desk = Desk::new().await;
    let agent = Agent::held(&desk).await;
    let words = "long ".repeat(6000);
    let action = agent.wants_to_say(&words).await;
    let mut admin = desk.admin().await;
    let question = admin.waits("action.approve", json!({"actionId": action})).await;
    let payload = Client::question(&question).1["payload"].clone();
    let begins = payload["begins"].as_str().unwrap();
    assert!(begins.contains("long long") && begins.len() < 5000);
    assert_eq!(payload["sha256"].as_str().unwrap().len(), 64);
    assert!(payload["bytes"].as_u64().unwrap() > 30_000);
    admin.ok("approval.settle", desk.yes(&question)).await;
}

#[tokio::test]
async fn denying_needs_nobody() {
    let desk = Desk::new().await;
    let agent = Agent::held(&desk).await;
    let action = agent.wants_to_say("no").await;
    let mut admin = desk.admin().await;
    let denied = admin.ok("action.deny", json!({"actionId": action})).await;
    assert_eq!(denied["verdict"], "denied");
}

#[tokio::test]
async fn a_reveal_waits_for_the_owner_by_whichever_action() {
    let desk = Desk::new().await;
    let agent = Agent::held(&desk).await;
    let reveal = agent.wants_to_see().await;
    let mut admin = desk.admin().await;
    let question = admin.waits("reveal.approve", json!({"revealId": reveal})).await;
    let (operation, parameters) = Client::question(&question);
    assert_eq!(operation, "revealApproval");
    assert_eq!(parameters["request"]["groupId"], agent.chat, "{parameters}");
    let granted = admin.ok("approval.settle", desk.yes(&question)).await;
    assert_eq!(
        (&granted["revealId"], &granted["grantedBy"]),
        (&json!(reveal), &json!("owner"))
    );
    // what an admin asks for is granted at once: so it waits, too
    let asked = json!({"credentialId": agent.credential, "chatId": agent.chat, "scope": "content-type",
        "targetId": "xmtp.org/reply:1.0", "expiresAt": null});
    let question = admin.waits("reveal.request", asked.clone()).await;
    assert_eq!(Client::question(&question).0, "revealApproval");
    let listed = admin.ok("reveal.list", json!({})).await;
    assert_eq!(listed["activeReveals"].as_array().unwrap().len(), 1);
    admin.ok("approval.settle", desk.yes(&question)).await;
    let listed = admin.ok("reveal.list", json!({})).await;
    assert_eq!(listed["activeReveals"].as_array().unwrap().len(), 2);
    // what is no reveal is not put to the owner
    let mut none = asked.clone();
    none["scope"] = json!("time-window");
    assert_eq!(admin.err("reveal.request", none).await["code"], -32602);
    let mut nobody = asked;
    nobody["credentialId"] = json!("cred_00000000000000aa");
    assert_eq!(admin.err("reveal.request", nobody).await["code"], -32007);
    let unknown = json!({"revealId": "c56a4180-65aa-42ec-a945-5fd21dec0538"});
    assert_eq!(admin.err("reveal.approve", unknown).await["code"], -32007);
}

#[tokio::test]
async fn a_superadmin_is_made_by_the_owner_only() {
    let desk = Desk::new().await;
    let mut admin = desk.admin().await;
    let question = admin.waits("operator.create", superadmin("root")).await;
    assert_eq!(Client::question(&question).0, "superadminCreation");
    assert_eq!(admin.ok("operator.list", json!({})).await, json!([]));
    let made = admin.ok("approval.settle", desk.yes(&question)).await;
    assert_eq!(
        (&made["config"]["role"], &made["createdBy"]),
        (&json!("superadmin"), &json!("owner"))
    );

    let made = admin.ok("operator.create", operator("small")).await;
    let change = json!({"operatorId": "small", "changes": {"role": "superadmin"}});
    let question = admin.waits("operator.update", change).await;
    // the question names whom it is about, not only how it was called
    let parameters = Client::question(&question).1;
    assert_eq!(
        (&parameters["operatorId"], &parameters["operator"]),
        (&made["id"], &json!("small"))
    );
    let changed = admin.ok("approval.settle", desk.yes(&question)).await;
    assert_eq!(changed["config"]["role"], "superadmin");
    // other changes need nobody
    admin
        .ok(
            "operator.update",
            json!({"operatorId": "small", "changes": {"label": "smaller"}}),
        )
        .await;
}

#[tokio::test]
async fn an_answer_counts_on_its_own_connection_only() {
    let desk = Desk::new().await;
    let (mut asking, mut other) = (desk.admin().await, desk.admin().await);
    let question = asking.waits("operator.create", superadmin("root")).await;
    let yes = desk.yes(&question);
    refused(&other.err("approval.settle", yes.clone()).await, UNKNOWN);
    // that somebody else tried takes nothing away
    asking.ok("approval.settle", yes.clone()).await;
    // and once is once, wherever
    refused(&asking.err("approval.settle", yes.clone()).await, UNKNOWN);
    refused(&other.err("approval.settle", yes).await, UNKNOWN);

    // a question ends with its connection
    let question = asking.waits("operator.create", superadmin("again")).await;
    drop(asking);
    let mut back = desk.admin().await;
    refused(&back.err("approval.settle", desk.yes(&question)).await, UNKNOWN);
    assert_eq!(back.ok("operator.list", json!({})).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_signature_of_anything_else_is_no_answer() {
    let desk = Desk::new().await;
    let mut admin = desk.admin().await;
    let question = admin.waits("operator.create", superadmin("root")).await;
    let another = RootSecret::from_bytes(&[7; 32]).unwrap();
    refused(
        &admin.err("approval.settle", signed(&another, &question)).await,
        UNSIGNED,
    );
    // what the owner signs is what was asked, in every part
    for (place, value) in [
        ("/what/parameters/label", json!("somebody else")),
        ("/what/parameters/role", json!("operator")),
        ("/what/action", json!("operator.update")),
        ("/what/operation", json!("agentCreation")),
        ("/expiresAt", json!(crate::common::START + 200_000)),
    ] {
        let mut altered = question.clone();
        let request = &mut altered["data"]["context"]["approval"]["request"];
        *request.pointer_mut(place).unwrap() = value;
        refused(&admin.err("approval.settle", desk.yes(&altered)).await, UNSIGNED);
    }
    // the answer to one question is none to another
    let second = admin.waits("operator.create", superadmin("second")).await;
    let mut crossed = desk.yes(&question);
    crossed["request"] = desk.yes(&second)["request"].clone();
    refused(&admin.err("approval.settle", crossed).await, UNSIGNED);
    let mut strange = desk.yes(&question);
    strange["request"] = json!("00000000000000000000000000000000");
    refused(&admin.err("approval.settle", strange).await, UNKNOWN);
    for malformed in [
        json!({}),
        json!({"request": 7, "signature": "x"}),
        json!({"request": desk.yes(&question)["request"], "signature": ""}),
        json!({"request": desk.yes(&question)["request"], "signature": desk.yes(&question)["signature"], "more": 1}),
    ] {
        assert_eq!(admin.err("approval.settle", malformed).await["code"], -32602);
    }
    assert_eq!(admin.ok("operator.list", json!({})).await, json!([]));
    // both right answers still count
    admin.ok("approval.settle", desk.yes(&question)).await;
    admin.ok("approval.settle", desk.yes(&second)).await;
}

#[tokio::test]
async fn a_question_ends_with_its_time() {
    let desk = Desk::new().await;
    let mut admin = desk.admin().await;
    let question = admin.waits("operator.create", superadmin("root")).await;
    let expires = question["data"]["context"]["approval"]["request"]["expiresAt"]
        .as_i64()
        .unwrap();
    assert_eq!(expires, crate::common::START + 120_000);
    desk.clock.advance(Duration::from_millis(119_999));
    let last = admin.waits("operator.create", superadmin("other")).await;
    desk.clock.advance(Duration::from_millis(1));
    refused(
        &admin.err("approval.settle", desk.yes(&question)).await,
        "the approval has expired",
    );
    admin.ok("approval.settle", desk.yes(&last)).await;
    refused(&admin.err("approval.settle", desk.yes(&question)).await, UNKNOWN);
}

#[tokio::test]
async fn what_changed_since_the_question_was_not_approved() {
    let desk = Desk::gated(Gates {
        scope_expansion: true,
        ..Gates::default()
    })
    .await;
    let mut admin = desk.admin().await;
    // an action that was decided meanwhile
    let agent = Agent::held(&desk).await;
    let action = agent.wants_to_say("now").await;
    let question = admin.waits("action.approve", json!({"actionId": action})).await;
    admin.ok("action.deny", json!({"actionId": action})).await;
    assert_eq!(admin.err("approval.settle", desk.yes(&question)).await["code"], -32007);
    // a policy that means something else by now
    let policy = admin
        .ok("policy.create", json!({"label": "p", "allow": ["send"], "deny": []}))
        .await;
    let issue = json!({"operatorId": agent.operator, "chatIds": [agent.chat], "policyId": policy["id"]});
    let question = admin.waits("credential.issue", issue).await;
    desk.done(
        "policy.update",
        json!({"policyId": "p", "changes": {"allow": ["send", "invite"]}}),
    )
    .await;
    refused(&admin.err("approval.settle", desk.yes(&question)).await, OTHER);
    // a label that names somebody else by now
    admin.ok("operator.create", operator("chosen")).await;
    let question = admin
        .waits(
            "operator.update",
            json!({"operatorId": "chosen", "changes": {"role": "superadmin"}}),
        )
        .await;
    let other = admin.ok("operator.create", operator("other")).await;
    for (who, label) in [("chosen", "was"), ("other", "chosen")] {
        admin
            .ok(
                "operator.update",
                json!({"operatorId": who, "changes": {"label": label}}),
            )
            .await;
    }
    refused(&admin.err("approval.settle", desk.yes(&question)).await, OTHER);
    let looked = admin.ok("operator.info", json!({"operatorId": other["id"]})).await;
    assert_eq!(looked["config"]["role"], "operator");
}

#[tokio::test]
async fn so_many_questions_wait_on_one_connection_and_no_other_is_kept_from_asking() {
    let desk = Desk::new().await;
    let mut flood = desk.admin().await;
    for turn in 0..8 {
        flood.waits("operator.create", superadmin(&format!("s{turn}"))).await;
    }
    let error = flood.err("operator.create", superadmin("one more")).await;
    assert_eq!(error["data"]["context"]["limit"], "approvals");
    let mut owner = desk.admin().await;
    let question = owner.waits("operator.create", superadmin("mine")).await;
    owner.ok("approval.settle", desk.yes(&question)).await;
    // those whose time is over make room
    desk.clock.advance(Duration::from_secs(121));
    flood.waits("operator.create", superadmin("at last")).await;
}

#[tokio::test]
async fn what_is_no_input_is_not_put_to_the_owner() {
    let desk = Desk::gated(Gates::ALL).await;
    let mut admin = desk.admin().await;
    for (method, input, code) in [
        ("action.approve", json!({"actionId": "7"}), -32602),
        (
            "action.approve",
            json!({"actionId": "c56a4180-65aa-42ec-a945-5fd21dec0538"}),
            -32007,
        ),
        (
            "operator.create",
            json!({"label": "", "role": "superadmin", "scopeMode": "shared"}),
            -32602,
        ),
        (
            "operator.update",
            json!({"operatorId": "nobody", "changes": {"role": "superadmin"}}),
            -32007,
        ),
        (
            "credential.issue",
            json!({"operatorId": "nobody", "chatIds": ["conv_0000000000000001"], "allow": ["send"]}),
            -32007,
        ),
        (
            "credential.updateScopes",
            json!({"credentialId": "cred_0000000000000001", "scopes": {}}),
            -32007,
        ),
        ("policy.update", json!({"policyId": "nobody", "changes": {}}), -32007),
        (
            "message.list",
            json!({"chatId": "", "dangerouslyAllowMessageRead": true}),
            -32602,
        ),
    ] {
        let error = admin.err(method, input).await;
        assert_eq!(error["code"], code, "{method}: {error}");
    }
}

/// Scopes of a credential, and what waits when they change.
struct Widening {
    desk: Desk,
    admin: Client,
    operator: String,
    chat: String,
}

impl Widening {
    async fn new(gates: Gates) -> Self {
        let desk = Desk::gated(gates).await;
        let (operator, chat) = desk.agent("a").await;
        Self {
            admin: desk.admin().await,
            desk,
            operator,
            chat,
        }
    }

    fn issue(&self, allow: &Value) -> Value {
        json!({"operatorId": self.operator, "chatIds": [self.chat], "allow": allow})
    }

    async fn issued(&self, allow: Value) -> String {
        let issued = self.desk.credential(&self.operator, &self.chat, allow).await;
        text(&issued["credential"]["id"])
    }
}

#[tokio::test]
async fn with_its_gate_more_scopes_wait_and_fewer_do_not() {
    let mut case = Widening::new(Gates {
        scope_expansion: true,
        ..Gates::default()
    })
    .await;
    let issue = case.issue(&json!(["send"]));
    let question = case.admin.waits("credential.issue", issue).await;
    let (operation, parameters) = Client::question(&question);
    assert_eq!(
        (operation, &parameters["scopes"]),
        (json!("scopeExpansion"), &json!(["send"]))
    );
    let issued = case.admin.ok("approval.settle", case.desk.yes(&question)).await;
    assert_eq!(issued["token"].as_str().unwrap().len(), 43);
    // what allows nothing gives nothing
    let issue = case.issue(&json!([]));
    case.admin.ok("credential.issue", issue).await;

    let credential = case.issued(json!(["send", "reply"])).await;
    let less = json!({"credentialId": credential, "scopes": {"allow": ["send"]}});
    assert_eq!(case.admin.ok("credential.updateScopes", less).await["updated"], true);
    let more = json!({"credentialId": credential, "scopes": {"allow": ["send", "react"]}});
    let question = case.admin.waits("credential.updateScopes", more).await;
    assert_eq!(Client::question(&question).1["gained"], json!(["react"]));

    let policy = json!({"label": "p", "allow": ["send", "invite"], "deny": ["invite", "leave"], "confirm": ["send"]});
    case.admin.ok("policy.create", policy).await;
    for (changes, gained) in [
        (json!({"allow": ["send", "invite", "react"]}), Some(json!(["react"]))),
        (json!({"deny": ["leave"]}), Some(json!(["invite"]))),
        (json!({"deny": ["invite"]}), Some(json!(["leave"]))),
        (json!({"confirm": []}), Some(json!(["send"]))),
        (json!({"allow": []}), None),
        (json!({"label": "q"}), None),
    ] {
        let update = json!({"policyId": "p", "changes": changes});
        match gained {
            Some(gained) => {
                let question = case.admin.waits("policy.update", update).await;
                assert_eq!(Client::question(&question).1["gained"], gained, "{changes}");
            }
            None => drop(case.admin.ok("policy.update", update).await),
        }
    }
    // another policy, by which nothing waits that waited
    let asks = json!({"label": "asks", "allow": ["send"], "deny": [], "confirm": ["send"]});
    let frees = json!({"label": "frees", "allow": ["send"], "deny": []});
    for policy in [asks, frees] {
        case.admin.ok("policy.create", policy).await;
    }
    let input = json!({"operatorId": case.operator, "chatIds": [case.chat], "policyId": "asks"});
    let issued = case.desk.done("credential.issue", input).await;
    let other = json!({"credentialId": issued["credential"]["id"], "policyId": "frees"});
    let question = case.admin.waits("credential.updateScopes", other).await;
    assert_eq!(Client::question(&question).1["gained"], json!(["send"]));
}

#[tokio::test]
async fn a_policy_that_was_removed_is_taken_for_the_worst() {
    let mut case = Widening::new(Gates {
        scope_expansion: true,
        ..Gates::default()
    })
    .await;
    let policy = json!({"label": "gone", "allow": ["send", "invite"], "deny": []});
    case.admin.ok("policy.create", policy).await;
    let input = json!({"operatorId": case.operator, "chatIds": [case.chat], "policyId": "gone", "deny": ["invite"]});
    let issued = case.desk.done("credential.issue", input).await;
    case.admin.ok("policy.remove", json!({"policyId": "gone"})).await;
    let undenied = json!({"credentialId": issued["credential"]["id"], "scopes": {"deny": []}});
    let question = case.admin.waits("credential.updateScopes", undenied).await;
    assert_eq!(Client::question(&question).1["gained"], json!(["invite"]));
}

#[tokio::test]
async fn with_its_gate_egress_waits_and_nothing_else_does() {
    let mut case = Widening::new(Gates {
        egress_expansion: true,
        ..Gates::default()
    })
    .await;
    let issue = case.issue(&json!(["send", "reply"]));
    case.admin.ok("credential.issue", issue).await;
    let issue = case.issue(&json!(["send", "summarize"]));
    let question = case.admin.waits("credential.issue", issue).await;
    assert_eq!(Client::question(&question).0, "egressExpansion");
    case.admin
        .ok("policy.create", json!({"label": "p", "allow": [], "deny": []}))
        .await;
    let update = json!({"policyId": "p", "changes": {"allow": ["use-for-memory"]}});
    case.admin.waits("policy.update", update).await;
    let update = json!({"policyId": "p", "changes": {"allow": ["send"]}});
    case.admin.ok("policy.update", update).await;
}

#[tokio::test]
async fn rotation_and_new_agents_wait_where_their_gates_say_so() {
    let desk = Desk::gated(Gates {
        operational_key_rotation: true,
        agent_creation: true,
        ..Gates::default()
    })
    .await;
    let mut admin = desk.admin().await;
    let question = admin.waits("keys.rotate", json!({})).await;
    assert_eq!(Client::question(&question).0, "operationalKeyRotation");
    // the answer is the engine's: the keeper of keys in this test rotates nothing
    assert_eq!(admin.err("approval.settle", desk.yes(&question)).await["code"], -32602);
    let question = admin.waits("operator.create", operator("a")).await;
    assert_eq!(Client::question(&question).0, "agentCreation");
    admin.ok("approval.settle", desk.yes(&question)).await;
    let open = Desk::new().await;
    let mut admin = open.admin().await;
    assert_eq!(admin.err("keys.rotate", json!({})).await["code"], -32602);
    admin.ok("operator.create", operator("a")).await;
}

#[tokio::test]
async fn reading_as_admin_is_refused_whoever_agrees() {
    // until there is an elevation that the chat is told of, nobody is asked for what would not be given
    for gates in [Gates::default(), Gates::ALL] {
        let desk = Desk::gated(gates).await;
        let (_, chat) = desk.agent("a").await;
        let mut admin = desk.admin().await;
        let error = admin
            .err(
                "message.list",
                json!({"chatId": chat, "dangerouslyAllowMessageRead": true}),
            )
            .await;
        assert_eq!(error["code"], -32003);
        assert_eq!(error["message"], "Admin message reads require owner-approved elevation");
        assert_eq!(
            error["data"]["context"],
            json!({"chatId": chat, "hint": "--dangerously-allow-message-read"})
        );
        let error = admin.err("search.messages", json!({"query": "x"})).await;
        assert_eq!(error["data"]["context"]["hint"], "--chat");
    }
}
