//! The seed's page, in its order, in Rust.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that meets what it did not expect stops there"
)]

use chancery_base::Rng;
use chancery_manifest::{
    json::{self, Value as Document},
    legacy,
};
use chancery_policy::{Capability, Context, Permission};
use chancery_skills::{
    CapabilityEnforcer, CapabilityRegistry, GrantRequest, GrantedBy, InstallError, InstallOptions, SkillInstaller,
    SkillLoader, generate_signing_key_pair, sign_manifest, verify_manifest_signature,
};
use serde_json::{Value, json};

/// The operating system's, as the page's own library uses.
struct OsRng;

impl Rng for OsRng {
    fn fill(&self, out: &mut [u8]) {
        getrandom::fill(out).unwrap();
    }
}

/// `JSON.stringify(manifest, Object.keys(manifest).sort())`
fn stringify(manifest: &Value) -> String {
    let document: Document = json::read(manifest.to_string().as_bytes(), &json::Limits::default()).unwrap();
    legacy::canonical(&document)
}

/// The manifest that the page shows first.
fn sample(public_key: &str) -> Value {
    json!({
        "id": "my-skill",
        "version": "1.0.0",
        "name": "My Skill",
        "description": "What this skill does",
        "publicKey": public_key,
        "requiredCapabilities": [
            {
                "capability": "fs:read",
                "constraints": { "paths": ["/home/user/data"] },
                "reason": "Read data files for processing"
            }
        ],
        "tools": [
            {
                "name": "my_tool",
                "description": "What this tool does",
                "parameters": {
                    "type": "object",
                    "properties": {
                        "input": { "type": "string", "description": "Input data" }
                    },
                    "required": ["input"]
                }
            }
        ]
    })
}

#[test]
fn a_developer_generates_signs_writes_loads_and_installs() {
    // 1. generate a key pair
    let pair = generate_signing_key_pair(&OsRng);
    assert_eq!(pair.public_key.len(), 64);
    assert_eq!(pair.private_key.len(), 96);

    // 2. write the manifest with all fields except signature
    let mut manifest = json!({
        "id": "my-skill",
        "version": "1.0.0",
        "name": "My Skill",
        "description": "Example skill",
        "publicKey": pair.public_key,
        "requiredCapabilities": [],
        "tools": []
    });

    // 3. sign it: keys sorted, no white space
    let canonical = stringify(&manifest);
    let signature = sign_manifest(&canonical, &pair.private_key).unwrap();
    manifest["signature"] = signature.clone().into();

    // 4. write the complete manifest to a file
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifest.json");
    std::fs::write(&file, manifest.to_string()).unwrap();

    // 5. load and install it
    let registry = CapabilityRegistry::new();
    let loader = SkillLoader::new();
    let installer = SkillInstaller::new(&registry);
    let package = loader.load_from_file(&file).unwrap();
    let installed = installer
        .install(
            &package,
            &InstallOptions {
                allow_unsigned: false,
                auto_approve: false,
                ..InstallOptions::seed()
            },
        )
        .unwrap();
    assert_eq!(installed.id().as_str(), "my-skill");
    assert_eq!(registry.get_skill("my-skill").unwrap().unwrap().name(), "My Skill");
    assert!(registry.get_grants("my-skill").unwrap().is_empty());
}

#[test]
fn without_auto_approve_capabilities_are_granted_after_the_install() {
    let pair = generate_signing_key_pair(&OsRng);
    let registry = CapabilityRegistry::new();
    let manifest = signed(&sample(&pair.public_key), &pair.private_key);
    let package = SkillLoader::new().load_from_string(&manifest.to_string()).unwrap();
    SkillInstaller::new(&registry)
        .install(&package, &InstallOptions::seed())
        .unwrap();
    assert!(!registry.has_grant("my-skill", Capability::FsRead).unwrap());

    let constraints = json!({ "paths": ["/home/user/data"] });
    registry
        .grant_capability(&GrantRequest {
            granted_by: GrantedBy::User,
            ..GrantRequest::new(
                "my-skill",
                Permission::from_request(Capability::FsRead, Some(&constraints)).unwrap(),
            )
        })
        .unwrap();
    assert!(registry.has_grant("my-skill", Capability::FsRead).unwrap());
}

fn signed(manifest: &Value, private_key: &str) -> Value {
    let mut manifest = manifest.clone();
    let signature = sign_manifest(&stringify(&manifest), private_key).unwrap();
    manifest["signature"] = signature.into();
    manifest
}

#[test]
fn manifest_loading_can_be_tested_from_a_string() {
    let pair = generate_signing_key_pair(&OsRng);
    let manifest = signed(&sample(&pair.public_key), &pair.private_key);
    let loader = SkillLoader::new();
    let result = loader.load_from_string(&manifest.to_string());
    assert!(result.is_ok());
}

#[test]
fn signature_verification_can_be_tested() {
    let pair = generate_signing_key_pair(&OsRng);
    let manifest = signed(&sample(&pair.public_key), &pair.private_key);
    // the page takes publicKey out here as well, which it did not when it signed: that never verified. What was signed is
    // the manifest without its signature.
    let mut rest = manifest.clone();
    let signature = rest.as_object_mut().unwrap().remove("signature").unwrap();
    let canonical = stringify(&rest);
    let result = verify_manifest_signature(&canonical, signature.as_str().unwrap(), &pair.public_key);
    assert!(result.valid);
}

#[test]
fn capability_enforcement_can_be_tested() {
    let pair = generate_signing_key_pair(&OsRng);
    let manifest = signed(&sample(&pair.public_key), &pair.private_key);
    let registry = CapabilityRegistry::new();
    let enforcer = CapabilityEnforcer::new(&registry);
    let installer = SkillInstaller::new(&registry);

    // install and grant capabilities
    let package = SkillLoader::new().load_from_string(&manifest.to_string()).unwrap();
    installer
        .install(
            &package,
            &InstallOptions {
                auto_approve: true,
                ..InstallOptions::seed()
            },
        )
        .unwrap();

    // test enforcement
    let data = Context {
        path: Some("/home/user/data/file.txt"),
        ..Context::default()
    };
    // no error = allowed
    enforcer.check("my-skill", Capability::FsRead, &data).unwrap();

    let passwd = Context {
        path: Some("/etc/passwd"),
        ..Context::default()
    };
    let error = enforcer.check("my-skill", Capability::FsRead, &passwd).unwrap_err();
    assert_eq!(error.to_string(), "Capability denied: path not in allowed paths");
}

#[test]
fn an_unsigned_skill_is_refused_unless_it_is_allowed() {
    let mut manifest = sample("");
    manifest.as_object_mut().unwrap().remove("publicKey");
    let registry = CapabilityRegistry::new();
    let installer = SkillInstaller::new(&registry);
    let package = SkillLoader::new().load_from_string(&manifest.to_string()).unwrap();
    let refused = installer.install(&package, &InstallOptions::seed()).unwrap_err();
    assert!(matches!(refused, InstallError::Unsigned { .. }));
    assert_eq!(
        refused.to_string(),
        "Skill \"my-skill\" is unsigned. Use --allow-unsigned to install unsigned skills."
    );
    installer
        .install(
            &package,
            &InstallOptions {
                allow_unsigned: true,
                ..InstallOptions::seed()
            },
        )
        .unwrap();
}

#[test]
fn constraints_match_as_the_page_says() {
    let pair = generate_signing_key_pair(&OsRng);
    let mut manifest = sample(&pair.public_key);
    manifest["requiredCapabilities"] = json!([
        {
            "capability": "fs:read",
            "constraints": { "paths": ["/home/user/projects", "/tmp/safeclaw"] },
            "reason": "Read project files and temporary data"
        },
        {
            "capability": "net:https",
            "constraints": { "hosts": ["api.github.com", "packages.example.org"] },
            "reason": "Fetch package metadata"
        }
    ]);
    let manifest = signed(&manifest, &pair.private_key);
    let registry = CapabilityRegistry::new();
    let package = SkillLoader::new().load_from_string(&manifest.to_string()).unwrap();
    let options = InstallOptions {
        auto_approve: true,
        ..InstallOptions::seed()
    };
    SkillInstaller::new(&registry).install(&package, &options).unwrap();
    let enforcer = CapabilityEnforcer::new(&registry);
    let read = |path| {
        let context = Context {
            path: Some(path),
            ..Context::default()
        };
        enforcer.check("my-skill", Capability::FsRead, &context)
    };
    read("/home/user/projects/src/main.ts").unwrap();
    read("/home/user/documents/a").unwrap_err();
    let fetch = |host| {
        let context = Context {
            host: Some(host),
            ..Context::default()
        };
        enforcer.check("my-skill", Capability::NetHttps, &context)
    };
    fetch("api.github.com").unwrap();
    fetch("evil.api.github.com").unwrap_err();
    fetch("github.com").unwrap_err();
}
