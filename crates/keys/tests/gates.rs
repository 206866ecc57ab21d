//! Presets and gates as the spec's table has them, and what is said before anything is written (signet spec 9.3).
#![allow(clippy::unwrap_used, reason = "a test that meets what it did not expect stops there")]

use chancery_keys::{ApproverKind, Gates, KeyPolicy, Operation, Platform, Preset, Readiness, TrustTier};
use serde_json::json;

fn later() -> (ApproverKind, Readiness) {
    (
        ApproverKind::Terminal,
        Readiness::Later("this process has no terminal".to_owned()),
    )
}

fn missing() -> (ApproverKind, Readiness) {
    (
        ApproverKind::ExternalSigner,
        Readiness::Missing("SIGNET_SIGNER_PATH is not set".to_owned()),
    )
}

#[test]
fn the_presets_are_those_of_the_table() {
    let off = json!({
        "rootKeyCreation": false, "operationalKeyRotation": false, "scopeExpansion": false,
        "egressExpansion": false, "agentCreation": false, "adminReadElevation": false,
    });
    let mut reads = off.clone();
    reads["adminReadElevation"] = json!(true);
    let on: serde_json::Map<_, _> = off
        .as_object()
        .unwrap()
        .keys()
        .map(|key| (key.clone(), json!(true)))
        .collect();
    let rows = [
        ("recommended", false, KeyPolicy::Open, reads, 3600, 3, 300),
        ("trusted-local", true, KeyPolicy::Open, off, 43_200, 6, 1800),
        ("hardened", false, KeyPolicy::Passcode, json!(on), 900, 1, 120),
    ];
    for (name, shared, vault, gates, ttl, concurrent, expiry) in rows {
        let preset = Preset::named(name).unwrap();
        let values = preset.values();
        assert_eq!(values.shared_identity, shared, "{name}");
        assert_eq!(
            (values.root_key, values.operational_key, values.vault_key),
            (KeyPolicy::Biometric, KeyPolicy::Open, vault),
            "{name}"
        );
        assert_eq!(serde_json::to_value(values.gates).unwrap(), gates, "{name}");
        assert_eq!(
            (
                values.default_ttl_secs,
                values.max_concurrent,
                values.action_expiry_secs
            ),
            (ttl, concurrent, expiry),
            "{name}"
        );
        assert_eq!(serde_json::to_value(preset).unwrap(), json!(name));
    }
    assert_eq!(Preset::named("paranoid"), None);
}

#[test]
fn gates_are_off_unless_set_and_a_typo_is_told() {
    assert_eq!(serde_json::from_str::<Gates>("{}").unwrap(), Gates::default());
    let some: Gates = serde_json::from_str(r#"{"agentCreation":true}"#).unwrap();
    for operation in Operation::SWITCHED {
        assert_eq!(some.holds(operation), operation == Operation::AgentCreation);
    }
    assert!(serde_json::from_str::<Gates>(r#"{"agentcreation":true}"#).is_err());
}

#[test]
fn what_only_the_owner_decides_waits_under_every_preset() {
    let presets = Preset::ALL.map(|preset| preset.values().gates);
    for gates in presets.into_iter().chain([Gates::default(), Gates::ALL]) {
        for operation in Operation::ALWAYS {
            assert!(gates.holds(operation), "{operation}");
        }
    }
    let words = Operation::ALWAYS.map(|operation| serde_json::to_value(operation).unwrap());
    assert_eq!(
        json!(words),
        json!([
            "walletBackup",
            "actionApproval",
            "revealApproval",
            "superadminCreation",
            "adminTokenCreation"
        ])
    );
    assert!(
        Operation::ALWAYS
            .iter()
            .all(|operation| !Operation::SWITCHED.contains(operation))
    );
}

#[test]
fn hardened_without_anybody_to_ask_is_refused_with_every_reason() {
    let gates = Preset::Hardened.values().gates;
    let error = gates
        .feasible(&[Operation::RootKeyCreation], &[later(), missing()])
        .unwrap_err();
    assert_eq!(error.operations, [Operation::RootKeyCreation]);
    let said = error.to_string();
    assert_eq!(
        said,
        "nobody can approve making the root key: the owner's passphrase at a terminal: this process has no terminal; \
         the external signer: SIGNET_SIGNER_PATH is not set"
    );
    let error = gates.feasible(&[], &[missing()]).unwrap_err();
    assert_eq!(error.operations, Operation::SWITCHED);
    assert!(
        gates
            .feasible(&[], &[])
            .unwrap_err()
            .to_string()
            .ends_with("no approver is set up")
    );
}

#[test]
fn what_waits_some_day_needs_somebody_some_day_and_what_waits_now_somebody_now() {
    let recommended = Preset::Recommended.values().gates;
    assert!(recommended.feasible(&[Operation::RootKeyCreation], &[later()]).is_ok());
    assert!(recommended.feasible(&[], &[missing()]).is_err());
    assert!(
        Preset::TrustedLocal
            .values()
            .gates
            .feasible(&Operation::SWITCHED, &[])
            .is_ok()
    );
    let ready = (ApproverKind::ExternalSigner, Readiness::Ready);
    assert!(Gates::ALL.feasible(&Operation::SWITCHED, &[later(), ready]).is_ok());
}

#[test]
fn only_what_cannot_be_copied_is_source_verified() {
    assert_eq!(Platform::SoftwareVault.trust_tier(), TrustTier::Unverified);
    assert_eq!(Platform::ExternalSigner.trust_tier(), TrustTier::SourceVerified);
    assert_eq!(Platform::Tpm.trust_tier(), TrustTier::SourceVerified);
    assert_eq!(TrustTier::SourceVerified.to_string(), "source-verified");
    assert_eq!(
        serde_json::to_value(TrustTier::Unverified).unwrap(),
        json!("unverified")
    );
}
