//! `config`, `init`, `whoami`, `register`, and which directory belongs to which registry.

#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

mod common;

use common::{Home, INVITE, PAT, Stub};
use serde_json::json;

#[test]
fn init_takes_over_the_registrys_relay() {
    let (stub, home) = (Stub::start(), Home::new());
    let shown = home
        .run(&["config", "init", "--registry-url", &stub.url, "--json"])
        .json();
    let path = home.path("config.json");
    let config = json!({ "registryUrl": stub.url, "proxyUrl": stub.url });
    assert_eq!(shown, json!({ "config": config, "path": path }));
    assert_eq!(stub.lines(), ["GET /v1/metadata"]);
    assert_eq!(home.json("config.json"), config);
    assert_eq!((home.mode("config.json"), home.mode("")), (0o600, 0o700));
    // again, and nothing changes
    home.run(&["config", "init", "--registry-url", &stub.url, "--json"])
        .ok();
    assert_eq!(home.json("config.json"), config);
}

#[test]
fn init_without_an_answer_warns_and_writes() {
    let home = Home::new();
    let run = home
        .run(&["config", "init", "--registry-url", "http://127.0.0.1:1"])
        .ok();
    assert!(
        run.stderr.contains("Warning:") && run.stderr.contains("CLI_REGISTRY_METADATA_REQUEST_FAILED"),
        "{}",
        run.stderr
    );
    assert_eq!(home.json("config.json"), json!({ "registryUrl": "http://127.0.0.1:1" }));
}

#[test]
fn another_registrys_relay_does_not_stay() {
    let (stub, home) = (Stub::start(), Home::new());
    home.run(&["config", "init", "--registry-url", &stub.url]).ok();
    home.run(&["config", "init", "--registry-url", "http://127.0.0.1:1"])
        .ok();
    assert_eq!(home.json("config.json"), json!({ "registryUrl": "http://127.0.0.1:1" }));
}

#[test]
fn plain_http_to_another_machine_is_refused() {
    let home = Home::onboarded(&Stub::start()).with("CLAWDENTITY_REGISTRY_URL", "http://registry.example");
    let home = home.with("CLAWDENTITY_API_KEY", PAT);
    let (code, message) = home.run(&["api-key", "list", "--json"]).failure();
    assert_eq!(code, "NETWORK_INSECURE_URL");
    assert!(message.contains("plain http"), "{message}");
}

#[test]
fn set_get_and_show() {
    let (stub, home) = (Stub::start(), Home::new());
    home.run(&["config", "init", "--registry-url", &stub.url]).ok();
    stub.forget();
    let shown = home.run(&["config", "set", "humanName", "Alice", "--json"]).json();
    assert_eq!(
        shown,
        json!({ "registryUrl": stub.url, "proxyUrl": stub.url, "humanName": "Alice" })
    );
    assert_eq!(
        home.run(&["config", "get", "registryUrl", "--json"]).json(),
        json!({ "key": "registryUrl", "value": stub.url })
    );
    assert_eq!(
        home.run(&["config", "get", "apiKey", "--json"]).json(),
        json!({ "key": "apiKey", "value": null })
    );
    assert_eq!(home.run(&["config", "get", "apiKey"]).ok().stdout, "(not set)\n");
    let run = home.run(&["config", "set", "apiKey", PAT]).ok();
    assert!(
        run.stdout.contains("********") && !run.stdout.contains(PAT),
        "{}",
        run.stdout
    );
    assert_eq!(home.run(&["config", "get", "apiKey"]).ok().stdout, "********\n");
    assert_eq!(
        home.run(&["config", "get", "apiKey", "--json"]).json()["value"],
        "********"
    );
    let human = home.run(&["config", "show"]).ok().stdout;
    assert!(
        human.starts_with("{\n  \"registryUrl\"") && human.contains("Path: "),
        "{human}"
    );
    assert!(!human.contains(PAT));
    assert_eq!(home.json("config.json")["apiKey"], PAT);
    assert_eq!(stub.lines(), Vec::<String>::new());
}

#[test]
fn what_does_not_fit_a_key_is_refused() {
    let home = Home::new();
    let failure = |key: &str, value: &str| home.run(&["config", "set", key, value, "--json"]).misuse();
    assert_eq!(
        failure("bogus", "x"),
        (
            "CLI_CONFIG_KEY_INVALID".to_owned(),
            "invalid config key: bogus".to_owned()
        )
    );
    assert_eq!(
        home.run(&["config", "get", "bogus", "--json"]).misuse().0,
        "CLI_CONFIG_KEY_INVALID"
    );
    assert_eq!(failure("registryUrl", "nonsense").0, "CLI_REGISTRY_URL_INVALID");
    assert_eq!(
        failure("registryUrl", "https://registry.example/path").0,
        "CLI_REGISTRY_URL_INVALID"
    );
    assert_eq!(failure("proxyUrl", "ftp://x").0, "CLI_PAIR_PROXY_URL_INVALID");
    assert_eq!(failure("apiKey", "not-a-key").0, "CLI_CONFIG_VALUE_INVALID");
    assert_eq!(failure("humanName", "a\nb").0, "CLI_CONFIG_VALUE_INVALID");
    assert!(!home.path("config.json").exists());
}

#[test]
fn a_malformed_registry_is_found_by_file_and_member() {
    let home = Home::new();
    for (file, member) in [
        ("router.json", "lastRegistryUrl"),
        ("config.json", "registryUrl"),
        ("states/local/config.json", "registryUrl"),
    ] {
        home.write(file, &json!({ member: "nonsense" }).to_string());
        let (code, message) = home.run(&["config", "show", "--json"]).failure();
        assert_eq!(code, "CLI_CONFIG_INVALID");
        let place = format!(
            "{} is not valid: {member}: \"nonsense\" is not",
            home.path(file).display()
        );
        assert!(message.starts_with(&place), "{message}");
        std::fs::remove_file(home.path(file)).unwrap();
    }
    std::fs::remove_dir_all(home.path("states")).unwrap();
    // what an argument says is another matter, and mends it
    home.write("config.json", "{\"registryUrl\":\"nonsense\"}");
    let given = ["config", "init", "--registry-url", "nonsense", "--json"];
    let (code, message) = home.run(&given).misuse();
    assert_eq!(code, "CLI_REGISTRY_URL_INVALID");
    assert!(!message.contains("config.json"), "{message}");
    home.run(&["config", "set", "registryUrl", "http://127.0.0.1:1"]).ok();
    assert_eq!(home.json("config.json")["registryUrl"], "http://127.0.0.1:1");
}

#[test]
fn an_api_key_comes_from_stdin_or_a_file() {
    let home = Home::new();
    home.run_with_stdin(&["config", "set", "apiKey", "-"], &format!("{PAT}\n"))
        .ok();
    assert_eq!(home.json("config.json")["apiKey"], PAT);
    let other = "clw_pat_other";
    std::fs::write(home.dir.path().join("key.txt"), format!("{other}\n")).unwrap();
    let argument = format!("@{}", home.dir.path().join("key.txt").display());
    home.run(&["config", "set", "apiKey", &argument]).ok();
    assert_eq!(home.json("config.json")["apiKey"], other);
}

#[test]
fn the_environment_goes_first_and_is_not_written() {
    let stub = Stub::start();
    let mut home = Home::onboarded(&stub);
    home.vars
        .push(("CLAWDENTITY_PROXY_URL".into(), "https://relay.example".into()));
    home.vars.push(("CLAWDENTITY_HUMAN_NAME".into(), "Env".into()));
    home.vars.push(("CLAWDENTITY_API_KEY".into(), "clw_pat_env".into()));
    let shown = home.run(&["config", "show", "--json"]).json();
    assert_eq!(shown["proxyUrl"], "https://relay.example");
    assert_eq!(
        (shown["humanName"].as_str(), shown["apiKey"].as_str()),
        (Some("Env"), Some("********"))
    );
    home.run(&["config", "set", "humanName", "Bob"]).ok();
    assert_eq!(home.json("config.json")["proxyUrl"], stub.url);
    assert_eq!(home.json("config.json")["apiKey"], PAT);
}

#[test]
fn members_of_later_versions_stay() {
    let home = Home::new();
    home.write("config.json", r#"{"registryUrl":"http://127.0.0.1:1","later":{"a":1}}"#);
    home.run(&["config", "set", "humanName", "Bob"]).ok();
    assert_eq!(home.json("config.json")["later"], json!({ "a": 1 }));
}

#[test]
fn a_broken_file_is_named() {
    let home = Home::new();
    home.write("config.json", "{");
    let (code, message) = home.run(&["config", "show", "--json"]).failure();
    assert_eq!(code, "CLI_CONFIG_INVALID");
    assert!(message.contains("config.json"), "{message}");
}

#[test]
fn a_readable_secret_is_warned_about() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::onboarded(&Stub::start());
    std::fs::set_permissions(home.path("config.json"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let run = home.run(&["config", "show", "--json"]).ok();
    assert!(
        run.stderr.contains("can be read or written by others"),
        "{}",
        run.stderr
    );
    serde_json::from_str::<serde_json::Value>(&run.stdout).unwrap();
}

#[test]
fn the_home_directory_can_be_another() {
    let (home, other) = (Home::new(), tempfile::tempdir().unwrap());
    let dir = other.path().to_str().unwrap();
    home.run(&["--home-dir", dir, "config", "set", "humanName", "Bob"]).ok();
    home.run(&["config", "get", "humanName", "--home-dir", dir]).ok();
    assert!(other.path().join(".clawdentity/config.json").exists());
    assert!(!home.path("").exists());
}

#[test]
fn without_a_home_there_is_an_error() {
    let mut command = Home::new().command(&["config", "show", "--json"]);
    let run: common::Run = command.env_remove("HOME").output().unwrap().into();
    assert_eq!(run.failure().0, "CLI_HOME_REQUIRED");
}

// --- more than one registry -----------------------------------------------------------------------------------------

#[test]
fn a_home_need_not_be_text() {
    use std::os::unix::ffi::OsStrExt as _;
    let home = Home::new();
    let odd = home.dir.path().join(std::ffi::OsStr::from_bytes(b"h\xffme"));
    std::fs::create_dir(&odd).unwrap();
    let mut command = home.command(&["config", "set", "humanName", "Ada"]);
    command.env("HOME", &odd);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    assert!(odd.join(".clawdentity/config.json").exists());
}

#[test]
fn each_registry_has_its_own_key_and_agents() {
    let (first, second, home) = (Stub::start(), Stub::start(), Home::new());
    home.run(&[
        "invite",
        "redeem",
        INVITE,
        "--display-name",
        "Alice",
        "--registry-url",
        &first.url,
    ])
    .ok();
    home.run(&["config", "init", "--registry-url", &second.url, "--json"])
        .ok();
    let state = format!("states/127.0.0.1-{}", second.url.rsplit(':').next().unwrap());
    assert_eq!(home.json(&format!("{state}/config.json"))["registryUrl"], second.url);
    assert_eq!(home.json("config.json")["registryUrl"], first.url);
    // the second is in force now, and has no key
    assert_eq!(
        home.run(&["config", "get", "registryUrl"]).ok().stdout,
        format!("{}\n", second.url)
    );
    second.forget();
    assert_eq!(
        home.run(&["agent", "create", "alpha", "--json"]).failure().0,
        "CLI_AGENT_MISSING_LOCAL_CREDENTIALS"
    );
    assert_eq!(
        second.lines(),
        Vec::<String>::new(),
        "no key of the first registry was shown to the second"
    );
    // and the first again
    let shown = home.run(&["config", "set", "registryUrl", &first.url, "--json"]).json();
    assert_eq!(shown["apiKey"], "********");
    home.run(&["agent", "create", "alpha"]).ok();
    assert!(home.path("agents/alpha/ait.jwt").exists());
    let env = Home {
        dir: home.dir,
        vars: vec![("CLAWDENTITY_REGISTRY_URL".into(), second.url.clone())],
    };
    let error = env.run(&["agent", "inspect", "alpha", "--json"]).error(1);
    assert_eq!(error["code"], "CLI_AGENT_NOT_FOUND");
    assert!(error["hint"].as_str().unwrap().contains(&first.url), "{error}");
}

#[test]
fn what_the_published_client_left_is_used_where_it_is() {
    let stub = Stub::start();
    let home = Home::new();
    let config = json!({ "registryUrl": stub.url, "proxyUrl": stub.url, "apiKey": PAT, "humanName": "Alice" });
    home.write("states/local/config.json", &config.to_string());
    let router = json!({ "lastRegistryUrl": stub.url, "lastState": "local", "migratedLegacyState": true });
    home.write("router.json", &router.to_string());
    assert_eq!(home.run(&["config", "get", "humanName"]).ok().stdout, "Alice\n");
    home.run(&["agent", "create", "alpha", "--json"]).ok();
    assert!(home.path("states/local/agents/alpha/secret.key").exists());
    assert!(!home.path("config.json").exists());
    // another registry of the same kind does not get that key
    let other = Stub::start();
    home.run(&["config", "init", "--registry-url", &other.url]).ok();
    assert_eq!(home.json("states/local/config.json")["registryUrl"], stub.url);
    let router = home.json("router.json");
    assert_eq!(
        (router["lastRegistryUrl"].as_str(), &router["migratedLegacyState"]),
        (Some(other.url.as_str()), &json!(true))
    );
    assert_eq!(home.run(&["config", "get", "apiKey"]).ok().stdout, "(not set)\n");
}

// --- a person's own identity ----------------------------------------------------------------------------------------

#[test]
fn init_makes_an_identity_once() {
    let home = Home::new();
    let made = home
        .run(&["init", "--registry-url", "http://127.0.0.1:8788", "--json"])
        .json();
    let did = made["did"].as_str().unwrap();
    assert!(did.starts_with("did:cdi:127.0.0.1:human:"), "{did}");
    assert_eq!(made["registryUrl"], "http://127.0.0.1:8788");
    assert_eq!(home.run(&["whoami", "--json"]).json(), made);
    assert_eq!(
        (home.mode("identity.json"), home.json("identity.json")["did"].as_str()),
        (0o600, Some(did))
    );
    let (code, message) = home.run(&["init", "--json"]).failure();
    assert_eq!(code, "CLI_IDENTITY_EXISTS");
    assert_eq!(
        message,
        format!("identity already exists at {}", home.path("identity.json").display())
    );
    let human = home.run(&["whoami"]).ok().stdout;
    assert!(human.starts_with(&format!("DID: {did}\nPublic Key: ")), "{human}");
    assert_eq!(
        Home::new().run(&["whoami", "--json"]).failure().0,
        "CLI_IDENTITY_NOT_FOUND"
    );
}

#[test]
fn register_says_how_it_is_done() {
    let (stub, home) = (Stub::start(), Home::new());
    let said = home.run(&["register", "--registry-url", &stub.url, "--json"]).json();
    let message = "Identity registration is challenge-based via `agent create`.";
    assert_eq!(
        said,
        json!({ "registryUrl": stub.url, "status": "not_supported", "message": message })
    );
}
