//! The admin socket's door: whose file it is, and who is let in (signet spec 5.8, 8.6).

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
        process::CommandExt as _,
    },
    time::Duration,
};

use crate::common::{Desk, client::Client, text};
use chancery_admin::{AdminSocket, Settings, SocketError};
use chancery_base::{Clock as _, ed25519::SecretKey};
use chancery_keys::admin_token;
use serde_json::{Value, json};

/// Nobody is let in but by a token.
fn tokens_only() -> Settings {
    Settings {
        peer_credentials: false,
        ..Settings::default()
    }
}

fn mode(path: &std::path::Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

#[tokio::test]
async fn the_socket_is_its_owners_alone_and_goes_when_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/b/admin.sock");
    let socket = AdminSocket::bind(&path).unwrap();
    assert_eq!(socket.path(), path);
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    drop(socket);
    assert!(!path.exists());
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_second_daemon_is_refused_and_the_first_goes_on() {
    let mut desk = Desk::new().await;
    let error = AdminSocket::bind(&desk.doors.socket).unwrap_err();
    assert!(matches!(error, SocketError::Taken(_)), "{error}");
    desk.admin().await.ok("signet.status", json!({})).await;
    desk.doors.end().await;
    AdminSocket::bind(&desk.doors.socket).unwrap();
}

#[tokio::test]
async fn a_socket_on_which_nobody_answers_is_replaced_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    // a daemon that was killed leaves this
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    drop(AdminSocket::bind(&path).unwrap());
    // one that is only busy is alive
    let busy = UnixListener::bind(&path).unwrap();
    assert!(matches!(AdminSocket::bind(&path).unwrap_err(), SocketError::Taken(_)));
    // the one that was tried just now waits to be accepted, and there is no room for another
    rustix::net::listen(&busy, 0).unwrap();
    assert!(matches!(AdminSocket::bind(&path).unwrap_err(), SocketError::Taken(_)));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "a letter").unwrap();
    assert!(matches!(
        AdminSocket::bind(&path).unwrap_err(),
        SocketError::Occupied(_)
    ));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a letter");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
    assert!(matches!(
        AdminSocket::bind(&path).unwrap_err(),
        SocketError::Occupied(_)
    ));
    assert!(path.symlink_metadata().unwrap().is_symlink());
}

#[tokio::test]
async fn what_took_the_place_of_ours_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    let ours = AdminSocket::bind(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let theirs = UnixListener::bind(&path).unwrap();
    drop(ours);
    assert!(path.exists());
    drop(theirs);
}

#[tokio::test]
async fn a_folder_that_others_write_to_is_no_place_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let shared = folder.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    for others in [0o777, 0o770, 0o1777] {
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(others)).unwrap();
        let error = AdminSocket::bind(&shared.join("admin.sock")).unwrap_err();
        assert!(matches!(error, SocketError::Folder { .. }), "{others:o}: {error}");
        assert_eq!(mode(&shared), others);
    }
    assert_eq!(std::fs::read_dir(&shared).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_that_start_at_once_on_a_dead_socket_one_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    drop(UnixListener::bind(&path).unwrap());
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let path = path.clone();
            tokio::spawn(async move { AdminSocket::bind(&path) })
        })
        .collect();
    let mut sockets = Vec::new();
    for start in starts {
        match start.await.unwrap() {
            Ok(socket) => sockets.push(socket),
            Err(error) => assert!(matches!(error, SocketError::Taken(_)), "{error}"),
        }
    }
    assert_eq!(sockets.len(), 1);
    UnixStream::connect(&path).unwrap();
}

#[tokio::test]
async fn whoever_the_kernel_vouches_for_is_an_admin() {
    let desk = Desk::new().await;
    let mut admin = desk.admin().await;
    let made = admin
        .ok(
            "operator.create",
            json!({"label": "a", "role": "operator", "scopeMode": "shared"}),
        )
        .await;
    assert_eq!(made["createdBy"], "owner");
    assert!(
        desk.log()
            .await
            .contains(&("operator.create".to_owned(), "admin".to_owned()))
    );
}

#[tokio::test]
async fn before_the_first_line_is_right_nothing_is_answered_and_after_three_it_is_over() {
    let desk = Desk::new().await;
    let expected = json!({"jsonrpc": "2.0", "id": null,
        "error": {"code": -32000, "message": "Expected admin_auth frame as first message"}});
    let mut client = Client::connect(&desk.doors.socket).await;
    for line in [
        r#"{"jsonrpc":"2.0","id":1,"method":"signet.status"}"#,
        "nonsense",
        r#"{"type":"admin_auth","token":null}"#,
    ] {
        client.send(line).await;
        assert_eq!(client.line().await.unwrap(), expected, "{line}");
    }
    assert_eq!(client.line().await, None);
    // a wrong line, and then a right one
    let mut client = Client::connect(&desk.doors.socket).await;
    client.send("\u{7f}").await;
    client.line().await.unwrap();
    assert_eq!(client.login(None).await["result"]["authenticated"], true);
    client.ok("signet.status", json!({})).await;
}

#[tokio::test]
async fn whoever_says_nothing_is_sent_away_in_time() {
    let desk = Desk::new().await;
    for beginning in ["", r#"{"type":"admin_"#] {
        let mut client = Client::connect(&desk.doors.socket).await;
        tokio::io::AsyncWriteExt::write_all(&mut client.writer, beginning.as_bytes())
            .await
            .unwrap();
        let late = client.line().await.unwrap();
        assert_eq!((&late["error"]["code"], &late["id"]), (&json!(-32001), &Value::Null));
        assert_eq!(client.line().await, None);
    }
}

#[tokio::test]
async fn a_token_of_the_admin_key_lets_anybody_in_and_no_other_does() {
    let desk = Desk::with(tokens_only()).await;
    let mut admin = Client::let_in(&desk.doors.socket, Some(&desk.token())).await;
    admin.ok("operator.list", json!({})).await;

    let now = desk.clock.now();
    let stranger = SecretKey::from_seed(&[9; 32]);
    let by_another = admin_token::mint(&stranger, now, 120, None, &*desk.rng).unwrap();
    let mut altered = desk.token();
    altered.replace_range(0..1, if altered.starts_with('e') { "f" } else { "e" });
    let for_another = desk.token_for(120, Some("another daemon"));
    let (operator, chat) = desk.agent("a").await;
    let issued = desk.credential(&operator, &chat, json!(["send"])).await;
    for token in [
        by_another,
        altered,
        for_another,
        "a.b.c".to_owned(),
        "x".repeat(4096),
        text(&issued["token"]),
    ] {
        let mut client = Client::connect(&desk.doors.socket).await;
        let refused = client.login(Some(&token)).await;
        assert_eq!(
            (&refused["error"]["code"], &refused["id"]),
            (&json!(-32000), &Value::Null)
        );
        assert_eq!(refused["error"]["data"]["category"], "auth");
        // nothing of it comes back
        assert!(!refused.to_string().contains(&token[..3.min(token.len())]) || token == "a.b.c");
        assert!(!refused.to_string().contains(&token));
    }
}

#[tokio::test]
async fn a_token_that_has_ended_ends_what_it_opened() {
    let desk = Desk::with(tokens_only()).await;
    let token = desk.token();
    let mut admin = Client::let_in(&desk.doors.socket, Some(&token)).await;
    admin.ok("operator.list", json!({})).await;
    // two minutes, and half a minute by which clocks may differ
    desk.clock.advance(Duration::from_secs(120 + 31));
    let error = admin.err("operator.list", json!({})).await;
    assert_eq!(
        (&error["code"], &error["data"]["category"]),
        (&json!(-32000), &json!("auth"))
    );
    let mut again = Client::connect(&desk.doors.socket).await;
    assert_eq!(again.login(Some(&token)).await["error"]["code"], -32000);
}

#[tokio::test]
async fn a_new_admin_key_ends_the_tokens_of_the_old_one() {
    let desk = Desk::with(tokens_only()).await;
    let mut admin = Client::let_in(&desk.doors.socket, Some(&desk.token())).await;
    admin.ok("operator.list", json!({})).await;
    let now = desk.clock.now();
    desk.custody.lock().unwrap().rotate_admin(0, now, &*desk.rng).unwrap();
    assert_eq!(admin.err("operator.list", json!({})).await["code"], -32000);
    Client::let_in(&desk.doors.socket, Some(&desk.token())).await;
}

#[tokio::test]
async fn whom_the_kernel_vouches_for_can_have_a_token_made_for_others() {
    let desk = Desk::new().await;
    let mut admin = desk.admin().await;
    for (input, life) in [(json!({}), 120), (json!({"ttlSeconds": 3600}), 3600)] {
        let issued = admin.ok("admin.token", input).await;
        let expires = chancery_base::Millis::parse_rfc3339(issued["expiresAt"].as_str().unwrap()).unwrap();
        assert_eq!(expires.since(desk.clock.now()), life * 1000);
        let mut other = Client::let_in(&desk.doors.socket, Some(&text(&issued["token"]))).await;
        other.ok("operator.list", json!({})).await;
    }
    for seconds in [3601_u64, u64::MAX] {
        let error = admin.err("admin.token", json!({"ttlSeconds": seconds})).await;
        assert_eq!(
            (&error["code"], &error["data"]["context"]["field"]),
            (&json!(-32602), &json!("ttlSeconds"))
        );
    }
}

#[tokio::test]
async fn no_token_makes_the_next_one_without_the_owner() {
    let desk = Desk::new().await;
    let mut holder = Client::let_in(&desk.doors.socket, Some(&desk.token())).await;
    let question = holder.waits("admin.token", json!({})).await;
    assert_eq!(Client::question(&question).0, "adminTokenCreation");
    let issued = holder.ok("approval.settle", desk.yes(&question)).await;
    Client::let_in(&desk.doors.socket, Some(&text(&issued["token"]))).await;
}

#[tokio::test]
async fn where_the_kernels_word_does_not_count_it_is_enough_to_ask_the_owner_for_a_token() {
    let desk = Desk::with(tokens_only()).await;
    let mut client = desk.admin().await;
    for action in crate::common::actions()
        .entries()
        .map(chancery_signet_wire::action::Entry::id)
    {
        if action == "admin.token" {
            continue;
        }
        let error = client.err(action, json!({})).await;
        // what is no input is told before who may: nothing is looked at for either
        let codes = [json!(-32000), json!(-32602)];
        assert!(codes.contains(&error["code"]), "{action}: {error}");
    }
    assert_eq!(client.err("operator.list", json!({})).await["code"], -32000);
    assert_eq!(client.err("events.subscribe", json!({})).await["code"], -32000);
    let question = client.waits("admin.token", json!({"ttlSeconds": 60})).await;
    let issued = client.ok("approval.settle", desk.yes(&question)).await;
    let mut admin = Client::let_in(&desk.doors.socket, Some(&text(&issued["token"]))).await;
    admin.ok("operator.list", json!({})).await;
    // the connection that asked is no admin for that
    assert_eq!(client.err("operator.list", json!({})).await["code"], -32000);
}

/// What the child process of the next test does: it shows up without a token, and then with one.
#[test]
fn as_another_user() {
    let Ok(socket) = std::env::var("DOORS_SOCKET") else {
        return;
    };
    let mut stream = UnixStream::connect(socket).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap()).lines();
    let token = json!({"type": "admin_auth", "token": std::env::var("DOORS_TOKEN").unwrap()});
    for line in [json!({"type": "admin_auth"}), token] {
        stream.write_all(format!("{line}\n").as_bytes()).unwrap();
        let answer = answers.next().unwrap().unwrap();
        let _ = writeln!(std::io::stderr(), "answer: {answer}");
    }
}

#[tokio::test]
async fn another_user_is_no_admin_without_a_token_even_where_it_can_connect() {
    const NOBODY: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        // only root can be somebody else
        return;
    }
    let desk = Desk::new().await;
    let socket = desk.doors.socket.clone();
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(&socket, 0o666);
    open(socket.parent().unwrap(), 0o755);
    open(desk.folder.path(), 0o755);
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "door::as_another_user", "--nocapture"])
        .env("DOORS_SOCKET", &socket)
        .env("DOORS_TOKEN", desk.token())
        .uid(NOBODY)
        .gid(NOBODY)
        .current_dir("/");
    let Ok(run) = tokio::task::spawn_blocking(move || child.output()).await.unwrap() else {
        // this binary lies where only we can run it
        return;
    };
    let said = String::from_utf8(run.stderr).unwrap();
    let answers: Vec<Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line.strip_prefix("answer: ")?).ok())
        .collect();
    let [without, with] = answers.as_slice() else {
        panic!("{said}")
    };
    assert_eq!(without["error"]["code"], -32000, "{without}");
    assert_eq!(without["error"]["message"], "A token of the admin key is needed");
    assert_eq!(with["result"]["authenticated"], true, "{with}");
}
