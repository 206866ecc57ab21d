//! From a command line over the admin socket to what is printed, beside a double of the daemon (signet spec 5.8, 9.1).

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
};

use common::{
    Home,
    double::{Answer, Double},
};
use serde_json::{Value, json};

const CHAT: &str = "conv_9e2d1a4b8c3f7e60";

#[test]
fn the_first_line_has_no_token_and_the_second_is_the_call() {
    let home = Home::new();
    let double = Double::listen(&home, |_, _| Answer::Data(json!([])));
    let run = home.run(&["operator", "list"]).ok();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""));
    assert_eq!(
        double.asked(),
        [
            json!({"type": "admin_auth"}),
            json!({"jsonrpc": "2.0", "id": 1, "method": "operator.list", "params": {}})
        ]
    );
}

#[test]
fn a_token_comes_from_a_file_and_never_from_the_argument_list() {
    let home = Home::new();
    let double = Double::listen(&home, |_, _| Answer::Data(json!({"removed": true})));
    let token = format!("@{}", home.file("token", "a.b.c\n").display());
    home.run(&["--token", &token, "policy", "rm", "x", "--force"]).ok();
    assert_eq!(double.asked()[0], json!({"type": "admin_auth", "token": "a.b.c"}));
    let run = home.run(&["--token", "s3cret.b.c", "--json", "operator", "list"]);
    assert!(!run.all().contains("s3cret"));
    assert_eq!(run.refused(1)["category"], "validation");
}

#[test]
fn json_is_the_data_alone_indented_by_two_in_the_order_in_which_it_came() {
    let home = Home::new();
    let data = r#"{"z":{"b":1,"a":[]},"a":[1,{"y":null,"x":"é"}]}"#;
    // the other double would sort the members
    let socket = home.socket();
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        use std::io::Write as _;
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        lines.next().unwrap().unwrap();
        stream
            .write_all(b"{\"jsonrpc\":\"2.0\",\"result\":{\"authenticated\":true}}\n")
            .unwrap();
        lines.next().unwrap().unwrap();
        let meta = r#"{"requestId":"c56a4180-65aa-42ec-a945-5fd21dec0538","timestamp":"2026-01-01T00:00:00.000Z","durationMs":1}"#;
        let line = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"ok":true,"data":{data},"meta":{meta}}}}}"#);
        stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    });
    let run = home.run(&["lookup", "x", "--json"]).ok();
    let expected = "{\n  \"z\": {\n    \"b\": 1,\n    \"a\": []\n  },\n  \"a\": [\n    1,\n    {\n      \"y\": null,\n      \"x\": \"é\"\n    }\n  ]\n}\n";
    assert_eq!(run.stdout, expected);
}

#[test]
fn people_get_lines_and_tables() {
    let home = Home::new();
    let _double = Double::listen(&home, |method, params| {
        Answer::Data(match (method, params["query"].as_str()) {
            ("operator.list", _) => json!([
                {"id": "op_a7f30c2e91d4b856", "config": {"label": "a\u{1b}[2Jb", "role": "admin", "scopeMode": "shared"}, "status": "active", "createdAt": "T"},
            ]),
            ("admin.logs", _) => json!([
                {"timestamp": "T1", "action": "operator.create", "actor": "admin", "target": "op_1", "success": true},
                {"timestamp": "T2", "action": "auth", "actor": "system", "success": false},
            ]),
            ("lookup.resolve", Some("there")) => {
                json!({"query": "there", "found": true, "mapping": null, "inbox": null,
                "operator": {"id": "op_1", "label": "x"}, "policy": null, "credential": null})
            }
            ("lookup.resolve", _) => json!({"query": "gone", "found": false, "mapping": null}),
            ("inbox.info", _) => json!({"id": "inbox_1", "networkInboxId": "abab", "label": null}),
            ("message.list", _) => json!({"chatId": CHAT, "messages": []}),
            _ => json!(null),
        })
    });
    let shown = |arguments: &[&str]| home.run(arguments).ok().stdout;
    let table = shown(&["operator", "list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "id                   label   role   scope   status  created");
    assert_eq!(lines[1], "-------------------  ------  -----  ------  ------  -------");
    // what others wrote does not drive the terminal
    assert!(
        lines[2].contains("a\u{fffd}[2Jb") && lines[2].ends_with("admin  shared  active  T"),
        "{table:?}"
    );
    assert_eq!(
        shown(&["logs"]),
        "T1 [admin] operator.create target=op_1\nT2 [system] auth FAILED\n"
    );
    assert_eq!(shown(&["lookup", "there"]), "operator:\n  id: op_1\n  label: x\n");
    assert_eq!(shown(&["lookup", "gone"]), "No local match found for \"gone\".\n");
    assert_eq!(
        shown(&["inbox", "info", "x"]),
        "id: inbox_1\nlabel: \nnetworkInboxId: abab\n"
    );
    assert_eq!(shown(&["inbox", "info", "x", "--network"]), "abab\n");
    assert_eq!(
        shown(&["inbox", "info", "x", "--only", "id", "--json"]),
        "\"inbox_1\"\n"
    );
    assert_eq!(shown(&["msg", "list", "--from", "x"]), "");
    assert_eq!(
        home.run(&["inbox", "info", "x", "--only", "nothing", "--json"])
            .refused(1)["category"],
        "validation"
    );
    // NDJSON where it was asked for, and for an export always
    assert_eq!(shown(&["logs", "--output", "ndjson"]).lines().count(), 2);
}

#[test]
fn an_export_is_a_line_of_json_for_each_entry() {
    let home = Home::new();
    let _double = Double::listen(&home, |_, _| Answer::Data(json!([{"action": "a"}, {"action": "b"}])));
    assert_eq!(
        home.run(&["logs", "export"]).ok().stdout,
        "{\"action\":\"a\"}\n{\"action\":\"b\"}\n"
    );
}

/// Signet spec 1.11.
#[test]
fn each_category_has_its_exit_code_and_its_words() {
    for (tag, number, category, code, exit) in [
        ("ValidationError", 1000, "validation", -32602, 1),
        ("NotFoundError", 1100, "not_found", -32007, 2),
        ("PermissionError", 1200, "permission", -32003, 4),
        ("TimeoutError", 1500, "timeout", -32001, 5),
        ("NetworkError", 1700, "network", -32002, 6),
        ("InternalError", 1400, "internal", -32603, 8),
        ("AuthError", 1300, "auth", -32000, 9),
        ("CancelledError", 1600, "cancelled", -32006, 130),
    ] {
        let home = Home::new();
        let _double = Double::listen(&home, move |_, _| {
            Answer::Error(
                json!({"code": code, "message": "no", "data": {"_tag": tag, "code": number, "category": category,
                "context": {"field": "x"}, "name": tag}}),
            )
        });
        let error = home.run(&["policy", "list", "--json"]).refused(exit);
        assert_eq!(
            error,
            json!({"error": tag, "category": category, "message": "no", "context": {"field": "x"}})
        );
        let run = home.run(&["policy", "list"]);
        assert_eq!(run.code, exit);
        assert_eq!(
            run.stderr,
            format!("error: {tag}\ncategory: {category}\nmessage: no\nfield: x\n")
        );
    }
}

#[test]
fn what_is_not_let_in_or_not_understood_says_so() {
    let home = Home::new();
    let refusal = json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32000, "message": "not an admin token"}});
    let _double = Double::at_the_door(&home, refusal, |_, _| Answer::Gone);
    let error = home.run(&["policy", "list", "--json"]).refused(9);
    assert_eq!(
        (&error["category"], &error["message"]),
        (&json!("auth"), &json!("not an admin token"))
    );

    let home = Home::new();
    let _double = Double::listen(&home, |_, _| {
        Answer::Error(json!({"code": -32601, "message": "Method not found"}))
    });
    assert_eq!(
        home.run(&["policy", "list", "--json"]).refused(8)["message"],
        "Method not found"
    );

    let home = Home::new();
    let _double = Double::listen(&home, |_, _| Answer::Gone);
    assert_eq!(
        home.run(&["policy", "list", "--json"]).refused(6)["category"],
        "network"
    );
}

#[test]
fn without_a_daemon_there_is_a_hint() {
    let home = Home::new();
    let error = home.run(&["operator", "list", "--json"]).refused(6);
    assert_eq!(
        (&error["category"], &error["hint"]),
        (&json!("network"), &json!("xs daemon start"))
    );
    // a socket that nobody listens on is the same
    std::fs::create_dir_all(home.socket().parent().unwrap()).unwrap();
    drop(std::os::unix::net::UnixListener::bind(home.socket()).unwrap());
    assert_eq!(home.run(&["daemon", "stop"]).code, 6);
    for command in [&["status"][..], &["daemon", "status"]] {
        let run = home.run(command);
        assert_eq!(
            (run.code, run.stdout.as_str(), run.stderr.as_str()),
            (3, "state: stopped\n", "")
        );
        let all = [command, &["--json"]].concat();
        assert_eq!(home.run(&all).json(), json!({"state": "stopped"}));
    }
}

/// Signet spec 9.1.
#[test]
fn a_rehearsal_asks_nobody_and_prints_nothing_to_stdout() {
    let home = Home::new();
    let run = home.run(&["operator", "rm", "op_a7f3"]).ok();
    assert_eq!(run.stdout, "");
    assert_eq!(
        run.stderr,
        "This will remove operator 'op_a7f3' and revoke its credentials.\nRun with --force to execute.\n"
    );
    let run = home.run(&["cred", "revoke", "x", "--json"]).ok();
    assert_eq!(run.stdout, "");
    let said: Value = serde_json::from_str(&run.stderr).unwrap();
    let message =
        "This will revoke credential 'x', close its connections and tell its chats. Run with --force to execute.";
    assert_eq!(said, json!({"error": "dry_run", "message": message}));
}

#[test]
fn a_plan_is_printed_and_said_to_be_one() {
    let home = Home::new();
    let double = Double::listen(&home, |_, params| {
        let executed = params["execute"] == json!(true);
        Answer::Data(json!({"executed": executed, "actions": ["stop client", "delete db"]}))
    });
    let run = home.run(&["inbox", "rm", "x"]).ok();
    assert_eq!(run.stdout, "stop client\ndelete db\n");
    assert_eq!(
        run.stderr,
        "This will remove inbox 'x' and its files.\nRun with --force to execute.\n"
    );
    let run = home.run(&["inbox", "rm", "x", "--force"]).ok();
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("stop client\ndelete db\n", "")
    );
    let params: Vec<Value> = double.requests().into_iter().map(|(_, params)| params).collect();
    assert_eq!(
        params,
        [json!({"inboxId": "x"}), json!({"inboxId": "x", "execute": true})]
    );
}

#[test]
fn a_watch_prints_each_entry_once_and_looks_again_at_each_event() {
    let home = Home::new();
    let mut looked = 0;
    let double = Double::listen(&home, move |method, _| match method {
        "events.subscribe" => Answer::Data(json!({"subscriptionId": "c56a4180-65aa-42ec-a945-5fd21dec0538"})),
        "action.list" => {
            looked += 1;
            let actions: Vec<Value> = (1..=looked).map(|n| json!({"actionId": n})).collect();
            let event = json!({"jsonrpc": "2.0", "method": "event", "params": {
                "subscriptionId": "c56a4180-65aa-42ec-a945-5fd21dec0538", "occurredAt": "2026-01-01T00:00:00.000Z",
                "event": {"type": "action.confirmation_required"}}});
            let later = if looked < 3 { vec![event] } else { Vec::new() };
            Answer::Then(json!({"actions": actions}), later)
        }
        _ => Answer::Gone,
    });
    let mut child = home
        .command(&["action", "list", "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let seen: Vec<String> = lines.take(3).map(Result::unwrap).collect();
    assert_eq!(seen, [r#"{"actionId":1}"#, r#"{"actionId":2}"#, r#"{"actionId":3}"#]);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
    assert_eq!(
        double.requests()[0],
        (
            "events.subscribe".to_owned(),
            json!({"types": ["action.confirmation_required"]})
        )
    );
}

#[test]
fn a_new_chat_gets_its_name_and_its_link() {
    let home = Home::new();
    home.file("config/xmtp-signet/config.toml", "[defaults]\nprofileName = \"Ada\"\n");
    let url = "https://dev.convos.org/v2?i=abc";
    let double = Double::listen(&home, move |method, _| match method {
        "chat.create" => {
            Answer::Data(json!({"chatId": CHAT, "groupId": "g", "name": "n", "creatorInboxId": "i", "memberCount": 1}))
        }
        "chat.invite" => Answer::Data(
            json!({"inviteUrl": url, "chatId": CHAT, "groupId": "g", "groupName": "n",
            "creatorInboxId": "i", "inviteTag": "t"}),
        ),
        _ => Answer::Error(
            json!({"code": -32002, "message": "no network", "data": {"_tag": "NetworkError", "code": 1700,
            "category": "network", "context": null, "name": "NetworkError"}}),
        ),
    });
    let data = home
        .run(&["chat", "create", "--name", "n", "--invite", "--json"])
        .json();
    assert_eq!(data["chatId"], CHAT);
    // what failed is a warning, and the id is not lost
    assert_eq!(
        data["profileWarning"],
        json!({"category": "network", "message": "no network"})
    );
    assert_eq!(data["invite"]["inviteUrl"], url);
    let picture = data["invite"]["qrDataUrl"].as_str().unwrap();
    assert_eq!(read_picture(picture), url);
    let requests = double.requests();
    assert_eq!(
        requests[1],
        (
            "chat.update-profile".to_owned(),
            json!({"chatId": CHAT, "profileName": "Ada"})
        )
    );
    assert_eq!(requests[2], ("chat.invite".to_owned(), json!({"chatId": CHAT})));
    let shown = home.run(&["chat", "invite", CHAT, "--format", "link"]).ok().stdout;
    assert!(
        shown.contains(&format!("inviteUrl: {url}\n")) && !shown.contains('█'),
        "{shown}"
    );
    let shown = home.run(&["chat", "invite", CHAT]).ok().stdout;
    assert!(shown.contains("█") && !shown.contains("qrDataUrl"), "{shown}");
    // by the operator's label where there is an operator
    home.run(&["chat", "create", "--name", "n", "--op", "o", "--as", "a"])
        .ok();
    assert_eq!(
        double.requests().last().unwrap(),
        &(
            "chat.update-profile".to_owned(),
            json!({"chatId": CHAT, "identityLabel": "a", "operatorId": "o"})
        )
    );
}

/// What another reader of QR codes finds in the image.
fn read_picture(url: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let bytes = STANDARD
        .decode(url.strip_prefix("data:image/png;base64,").unwrap())
        .unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height), (256, 256));
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(256, 256, |x, y| pixels[y * 256 + x]);
    image.detect_grids()[0].decode().unwrap().1
}

#[test]
fn stopping_waits_until_nobody_listens() {
    let home = Home::new();
    let socket = home.socket();
    let double = Double::listen(&home, move |_, _| {
        // as a daemon takes its socket along
        std::fs::remove_file(&socket).unwrap();
        Answer::Data(json!({"stopped": true}))
    });
    assert_eq!(home.run(&["daemon", "stop", "--json"]).json(), json!({"stopped": true}));
    assert_eq!(double.requests(), [("signet.stop".to_owned(), json!({}))]);

    let home = Home::new();
    let _double = Double::listen(&home, |_, _| Answer::Data(json!({"stopped": true})));
    let error = home.run(&["daemon", "stop", "--timeout", "100", "--json"]).refused(5);
    assert_eq!(error["category"], "timeout");
}

#[test]
fn a_configuration_that_is_unsound_is_told_with_its_place() {
    let home = Home::new();
    home.file("config/xmtp-signet/config.toml", "[ws]\nport = 70000\n");
    let error = home.run(&["operator", "list", "--json"]).refused(1);
    assert_eq!(error["context"]["field"], "ws.port");
    let error = home.run(&["config", "validate", "--json"]).refused(1);
    assert_eq!(error["category"], "validation");
    let good = home.file("good.toml", "[ws]\nport = 7000\n");
    let good = good.to_str().unwrap();
    assert_eq!(
        home.run(&["config", "validate", "--config", good, "--json"]).json()["valid"],
        true
    );
    let path = home.run(&["config", "path"]).ok().stdout;
    assert_eq!(path, format!("{}\n", home.config().display()));
    let shown = home.run(&["config", "show", "--config", good, "--json"]).json();
    let port = shown
        .as_array()
        .unwrap()
        .iter()
        .find(|shown| shown["key"] == "ws.port")
        .unwrap();
    assert_eq!((&port["value"], &port["source"]), (&json!(7000), &json!("file")));
    let missing = home
        .run(&["config", "validate", "--config", "nothing.toml", "--json"])
        .refused(2);
    assert_eq!(missing["category"], "not_found");
}

#[test]
fn a_chosen_socket_is_used() {
    let home = Home::new();
    let elsewhere = Home::new();
    let _double = Double::listen(&elsewhere, |_, _| Answer::Data(json!([])));
    let home = home.with("XMTP_SIGNET_ADMIN_SOCKET", elsewhere.socket().to_str().unwrap());
    home.run(&["policy", "list"]).ok();
}

#[test]
fn no_adapter_is_built_in_yet() {
    let error = Home::new().run(&["agent", "setup", "openclaw", "--json"]).refused(2);
    assert_eq!(
        error["context"],
        json!({"resourceType": "adapter", "resourceId": "openclaw"})
    );
}
