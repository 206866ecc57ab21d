//! The external signer by its protocol, with a double of it (signet spec 8.5).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that meets what it did not expect stops there"
)]

mod common;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chancery_base::{Clock as _, ErrorCode as _, Rng as _, b64, hex};
use chancery_custody::{
    Custody, CustodyError, KeyHolder, Plan, RootPlan,
    approve::{self, Signer},
    init,
};
use chancery_keys::{
    ApproverKind, Gates, KeyPolicy, Platform, Readiness, RootKey, RootSecret, RootSignature, TrustTier,
};
use common::{Counted, World, skip, told};

/// The double itself, in a process of its own.
#[test]
fn the_double_answers_when_told_to() {
    let Some((arguments, here)) = told() else {
        return;
    };
    let words: Vec<_> = arguments.split(' ').collect();
    let option = |name: &str| words.iter().position(|word| *word == name).map(|at| words[at + 1]);
    let key = |key_ref: &str| {
        let seed = std::fs::read(here.join(format!("key-{key_ref}"))).ok()?;
        RootSecret::from_bytes(&seed.try_into().unwrap())
    };
    let mode = std::fs::read_to_string(here.join("mode")).unwrap_or_default();
    let answer = match words[0] {
        "create" => {
            assert!(option("--label").is_some() && option("--purpose") == Some("signing"));
            let seed: [u8; 32] = Counted::new(std::process::id().into()).bytes();
            let key_ref = b64::encode_standard(&seed[..6]).replace('/', "+");
            std::fs::write(here.join(format!("key-{key_ref}")), seed).unwrap();
            let public = RootSecret::from_bytes(&seed).unwrap().public();
            let key_ref = if mode == "option" {
                "--policy".to_owned()
            } else {
                key_ref
            };
            format!(
                "{{\n  \"keyRef\" : \"{key_ref}\",\n  \"label\" : \"x\",\n  \"policy\" : \"{}\",\n  \"publicKey\" : \"{public}\"\n}}\n",
                option("--policy").unwrap()
            )
        }
        "sign" => {
            let signing = match mode.as_str() {
                "other key" => RootSecret::from_bytes(&[1; 32]),
                _ => key(option("--key-ref").unwrap()),
            };
            let Some(signing) = signing else {
                std::process::exit(1);
            };
            let hash = match mode.as_str() {
                "other hash" => [1; 32],
                _ => hex::decode_array(option("--data").unwrap()).unwrap(),
            };
            if mode == "cancel signing" {
                std::process::exit(2);
            }
            format!("{{\"signature\":\"{}\"}}\n", signing.sign(&hash).unwrap())
        }
        "info" => match option("--key-ref") {
            Some(key_ref) => format!("{{\"exists\":{}}}", key(key_ref).is_some()),
            None => format!("{{\"available\":{},\"chip\":\"double\"}}", mode != "no hardware"),
        },
        "delete" => {
            std::fs::remove_file(here.join(format!("key-{}", option("--key-ref").unwrap()))).unwrap();
            "{\"deleted\":true}".to_owned()
        }
        other => panic!("what is {other}?"),
    };
    let mut out = std::fs::OpenOptions::new().write(true).open("/proc/self/fd/3").unwrap();
    out.write_all(answer.as_bytes()).unwrap();
}

/// A folder with the double in it.
struct Bench {
    world: World,
    signer: Signer,
}

impl Bench {
    fn new() -> Self {
        let world = World::empty();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signer_double.sh");
        let program = world.dir.path().join("signet-signer");
        std::os::unix::fs::symlink(script, &program).unwrap();
        std::os::unix::fs::symlink(std::env::current_exe().unwrap(), world.dir.path().join("binary")).unwrap();
        Self {
            signer: Signer::new(program, Duration::from_secs(30)).unwrap(),
            world,
        }
    }

    fn mode(&self, mode: &str) {
        std::fs::write(self.world.dir.path().join("mode"), mode).unwrap();
    }

    fn calls(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.world.dir.path().join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    fn plan(&self) -> Plan {
        Plan {
            root: RootPlan::Signer {
                signer: self.signer.clone(),
                policy: KeyPolicy::Biometric,
            },
            gates: Gates::ALL,
            ..self.world.plan()
        }
    }

    fn custody(&self) -> Custody {
        init(&self.plan(), &self.world.clock, &self.world.rng).unwrap().custody
    }

    fn rotate(&self, custody: &mut Custody) -> Result<chancery_custody::Rotated, CustodyError> {
        let holder = KeyHolder::default_key();
        let approver = approve::approver(custody.root(), &self.world.places, Some(&self.signer))?;
        let what = custody.rotation(&holder)?;
        let clearance = approve::clear(
            custody,
            what,
            60_000,
            approver.as_ref(),
            &self.world.clock,
            &self.world.rng,
        )?;
        custody.rotate(&holder, clearance, self.world.clock.now(), &self.world.rng)
    }
}

#[test]
fn a_signer_holds_the_root_key_and_that_is_worth_source_verified() {
    let bench = Bench::new();
    let made = init(&bench.plan(), &bench.world.clock, &bench.world.rng).unwrap();
    assert!(made.created && made.evidence.is_some());
    let custody = made.custody;
    assert_eq!(custody.root().platform, Platform::ExternalSigner);
    assert_eq!(custody.trust_tier(), TrustTier::SourceVerified);
    assert_eq!(
        custody.key(&KeyHolder::default_key()).unwrap().trust_tier,
        TrustTier::SourceVerified
    );
    let key_ref = custody.root().key_ref.clone().unwrap();
    assert!(bench.signer.has(&key_ref).unwrap());
    assert!(
        !bench.world.places.owner_vault().exists(),
        "there is no owner's vault then"
    );
    let calls = bench.calls();
    assert_eq!(calls[0], "info --system");
    assert!(calls.contains(&"create --label chancery-root --policy biometric --purpose signing".to_owned()));
    let hash = made.evidence.unwrap().hash;
    assert!(calls.contains(&format!("sign --key-ref {key_ref} --data {hash}")));
}

#[test]
fn the_signers_signature_clears_what_was_asked() {
    let bench = Bench::new();
    let mut custody = bench.custody();
    let rotated = bench.rotate(&mut custody).unwrap();
    assert_eq!(
        rotated.evidence.unwrap().approver_fingerprint,
        custody.root().public_key.fingerprint()
    );
    let approver = approve::approver(custody.root(), &bench.world.places, Some(&bench.signer)).unwrap();
    assert_eq!(approver.kind(), ApproverKind::ExternalSigner);
    assert_eq!(approver.readiness(), Readiness::Ready);
}

#[test]
fn exit_code_2_is_the_owners_no() {
    let bench = Bench::new();
    let mut custody = bench.custody();
    bench.mode("cancelled");
    let error = bench.rotate(&mut custody).unwrap_err();
    assert!(matches!(error, CustodyError::Cancelled), "{error}");
    assert_eq!(custody.approvals().waiting(bench.world.clock.now()).count(), 0);
    assert_eq!(custody.history(&KeyHolder::default_key()).unwrap(), []);
}

#[test]
fn whatever_else_a_signer_does_is_no_approval() {
    let bench = Bench::new();
    let mut custody = bench.custody();
    for mode in ["broken", "chatter", "silent", "flood", "other key", "other hash"] {
        bench.mode(mode);
        let error = bench.rotate(&mut custody).unwrap_err();
        assert_eq!(error.code(), "CUSTODY_SIGNER_FAILED", "{mode}");
        let said = error.to_string();
        assert!(!said.contains('\u{1b}') && !said.contains("second line"), "{said:?}");
    }
    let key_ref = custody.root().key_ref.clone().unwrap();
    bench.mode("");
    bench.signer.delete(&key_ref).unwrap();
    assert_eq!(bench.rotate(&mut custody).unwrap_err().code(), "CUSTODY_SIGNER_FAILED");
    let approver = approve::approver(custody.root(), &bench.world.places, Some(&bench.signer)).unwrap();
    assert!(matches!(approver.readiness(), Readiness::Missing(_)));
    assert_eq!(custody.history(&KeyHolder::default_key()).unwrap(), []);
}

#[test]
fn who_takes_too_long_is_ended() {
    let bench = Bench::new();
    let mut custody = bench.custody();
    bench.mode("slow");
    let hasty = Signer::new(bench.world.dir.path().join("signet-signer"), Duration::from_millis(200)).unwrap();
    let approver = approve::approver(custody.root(), &bench.world.places, Some(&hasty)).unwrap();
    let what = custody.rotation(&KeyHolder::default_key()).unwrap();
    let begun = Instant::now();
    let (clock, rng) = (&bench.world.clock, &bench.world.rng);
    let error = approve::clear(&mut custody, what, 60_000, approver.as_ref(), clock, rng).unwrap_err();
    assert!(matches!(error, CustodyError::SignerTimeout(200)), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn without_a_usable_signer_nothing_is_written() {
    let bench = Bench::new();
    for (mode, code) in [
        ("no hardware", "KEYS_GATES_INFEASIBLE"),
        ("broken", "KEYS_GATES_INFEASIBLE"),
        ("option", "CUSTODY_SIGNER_FAILED"),
        ("other key", "KEYS_APPROVAL_SIGNATURE"),
        ("cancel signing", "CUSTODY_CANCELLED"),
    ] {
        bench.mode(mode);
        let error = init(&bench.plan(), &bench.world.clock, &bench.world.rng).unwrap_err();
        assert_eq!(error.code(), code, "{mode}: {error}");
        assert!(!bench.world.dir.path().join("signet").exists(), "{mode}");
    }
    // a key whose making was not approved is given back
    assert!(bench.calls().iter().any(|call| call.starts_with("delete --key-ref ")));
    let plan = Plan {
        root: RootPlan::Signer {
            signer: Signer::new("/nonexistent/signet-signer", Duration::from_secs(1)).unwrap(),
            policy: KeyPolicy::Biometric,
        },
        ..bench.plan()
    };
    let error = init(&plan, &bench.world.clock, &bench.world.rng).unwrap_err();
    assert_eq!(error.code(), "KEYS_GATES_INFEASIBLE");
}

#[test]
fn keys_under_a_signer_are_not_approved_without_it() {
    let bench = Bench::new();
    let custody = bench.custody();
    let refused = approve::approver(custody.root(), &bench.world.places, None)
        .err()
        .unwrap();
    assert!(matches!(refused, CustodyError::SignerSettings(_)));
}

#[test]
fn neither_arguments_nor_environment_of_a_signer_hold_a_secret() {
    let bench = Bench::new();
    let mut custody = bench.custody();
    bench.rotate(&mut custody).unwrap();
    let read = |name: &str| std::fs::read_to_string(bench.world.dir.path().join(name)).unwrap();
    let seen = format!("{}{}", read("calls"), read("environment"));
    for value in bench.world.entries().values() {
        let value: serde_json::Value = serde_json::from_str(value).unwrap();
        if let Some(seed) = value.get("seed").and_then(serde_json::Value::as_str) {
            assert!(!seen.contains(seed));
            assert!(!seen.contains(&hex::encode(b64::decode(seed).unwrap())));
        }
    }
}

/// Asks the signer for what it can do.
#[test]
fn asks_when_told_to() {
    let Some((act, dir)) = told() else {
        return;
    };
    assert_eq!(act, "ask");
    let signer = Signer::new(dir.join("signet-signer"), Duration::from_secs(30)).unwrap();
    assert!(signer.is_available().unwrap());
}

#[test]
fn a_signer_does_not_inherit_what_is_for_the_signet_alone() {
    let bench = Bench::new();
    let ended = common::child("asks_when_told_to", "ask", bench.world.dir.path())
        .env("XMTP_SIGNET_CREDENTIAL_TOKEN", "a bearer token")
        .env(chancery_custody::PASSPHRASE_FILE, "/a/passphrase/file")
        .env("DISPLAY", ":7")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(ended.success());
    let seen = std::fs::read_to_string(bench.world.dir.path().join("environment")).unwrap();
    assert!(!seen.contains("a bearer token") && !seen.contains("/a/passphrase/file"));
    // what it needs to show a window it has
    assert!(seen.contains("DISPLAY=:7"));
}

#[test]
fn signatures_that_openssl_makes_are_taken() {
    let dir = common::private_dir();
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(dir.path())
            .stderr(Stdio::null())
            .output()
            .ok()?;
        assert!(output.status.success(), "{arguments:?}");
        Some(output.stdout)
    };
    let Some(key) = openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout"]) else {
        skip("openssl");
        return;
    };
    std::fs::write(dir.path().join("key.pem"), key).unwrap();
    let spki = openssl(&["ec", "-in", "key.pem", "-pubout", "-outform", "DER"]).unwrap();
    // the point is the end of it
    let root = RootKey::parse(&hex::encode(&spki[spki.len() - 65..])).unwrap();
    for n in 0..8 {
        let hash = [n; 32];
        std::fs::write(dir.path().join("hash"), hash).unwrap();
        let der = openssl(&["pkeyutl", "-sign", "-inkey", "key.pem", "-in", "hash"]).unwrap();
        let signature = RootSignature::parse(&hex::encode(der)).unwrap();
        assert_eq!(root.verify(&hash, &signature), Ok(()));
        assert!(root.verify(&[n + 1; 32], &signature).is_err());
    }
}
