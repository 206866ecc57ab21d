//! Who signed it, and does the owner trust them with this id?

use std::num::NonZeroUsize;

use chancery_base::{Millis, ed25519::PublicKey};
use chancery_manifest::{Envelope, EnvelopeError, KeyId, legacy};

use super::{InstallError, InstallOptions, Warning};
use crate::{
    enforcer::Snapshot,
    engine::Skills,
    error::SkillsError,
    package::Package,
    store::model::{Pin, Publisher, Scheme},
};

/// What the signature came to.
#[derive(Debug)]
pub(super) struct Signatures {
    pub(super) scheme: Scheme,
    /// Whose the skill is from now on.
    pub(super) signer: String,
    pub(super) keys: Vec<PublicKey>,
    pub(super) threshold: NonZeroUsize,
    /// Which key takes over, and when that was said.
    pub(super) handed_over: Option<(KeyId, Millis)>,
    /// Keys that are trusted because of this install.
    pub(super) publishers: Vec<Publisher>,
    pub(super) warnings: Vec<Warning>,
}

const ONE: NonZeroUsize = NonZeroUsize::MIN;

impl Skills {
    /// Judges the signature of `package`. Nothing is written.
    pub(super) fn signatures(
        &self,
        snapshot: &Snapshot,
        package: &Package,
        options: &InstallOptions,
    ) -> Result<Signatures, InstallError> {
        let id = package.manifest.id().as_str();
        let pin = match (snapshot.pins.get(id), snapshot.state.pins.contains_key(id)) {
            (Some(pin), _) => Some(pin).filter(|pin| !pin.keys.is_empty()),
            // what the id is bound to cannot be believed: the owner has to say anew whose it is
            (None, true) if options.trust_key.is_none() => {
                return Err(SkillsError::NotInForce { id: id.to_owned() }.into());
            }
            (None, _) => None,
        };
        match &package.envelope {
            Some(envelope) => self.scheme_2(snapshot, package, envelope, pin, options),
            None => self.legacy(snapshot, package, pin, options),
        }
    }

    fn scheme_2(
        &self,
        snapshot: &Snapshot,
        package: &Package,
        envelope: &Envelope,
        pin: Option<&Pin>,
        options: &InstallOptions,
    ) -> Result<Signatures, InstallError> {
        let id = package.manifest.id().as_str();
        let claimed: Vec<KeyId> = envelope.signatures().iter().map(|signature| signature.keyid).collect();
        let mut allowed = Vec::new();
        let threshold = match pin {
            Some(pin) => {
                allowed.extend(pin.keys.iter().copied());
                NonZeroUsize::new(pin.threshold).unwrap_or(ONE).max(options.threshold)
            }
            None => {
                for keyid in &claimed {
                    if let Some(key) = self.known_key(snapshot, envelope, keyid) {
                        allowed.push(key);
                    }
                }
                options.threshold
            }
        };
        let mut handed_over = None;
        let (signers, keys) = match (envelope.verify(&allowed, threshold), pin) {
            (Ok(verified), Some(pin)) => (verified.signers().to_vec(), pin.keys.clone()),
            (Ok(verified), None) => {
                let keys = allowed
                    .into_iter()
                    .filter(|key| verified.signers().contains(&KeyId::of(key)))
                    .collect();
                (verified.signers().to_vec(), keys)
            }
            (Err(EnvelopeError::Threshold { .. }), Some(pin)) => {
                let (keys, by) = self.handed_over(snapshot, package, pin, &join(&claimed), options)?;
                handed_over = Some(by);
                let verified = envelope.verify(&keys, threshold).map_err(|error| refused(id, error))?;
                (verified.signers().to_vec(), keys)
            }
            (Err(EnvelopeError::Threshold { .. }), None) => {
                return Err(InstallError::Untrusted {
                    id: id.to_owned(),
                    keys: join(&claimed),
                });
            }
            (Err(error), _) => return Err(refused(id, error)),
        };
        let signatures = self.trusted(snapshot, package, Scheme::V2, keys, &signers, threshold, pin, options)?;
        Ok(Signatures {
            handed_over,
            ..signatures
        })
    }

    fn legacy(
        &self,
        snapshot: &Snapshot,
        package: &Package,
        pin: Option<&Pin>,
        options: &InstallOptions,
    ) -> Result<Signatures, InstallError> {
        let id = package.manifest.id().as_str();
        // what came signed as a whole once does not come with open members again: somebody may have opened them
        let accept_partial = options.accept_partial && !snapshot.pins.get(id).is_some_and(|pin| pin.whole);
        let (scheme, key, warning) = match legacy::verdict(package.manifest.document()) {
            legacy::Verdict::Accept { key } => (Scheme::Legacy, key, None),
            legacy::Verdict::Partial { key, pointer } if accept_partial => {
                (Scheme::LegacyPartial, key, Some(Warning::Partial { pointer }))
            }
            legacy::Verdict::Partial { pointer, .. } => {
                return Err(InstallError::Partial {
                    id: id.to_owned(),
                    pointer,
                });
            }
            legacy::Verdict::Unsigned => return self.unsigned(package, pin, options),
            legacy::Verdict::Reject(reason) => {
                return Err(InstallError::InvalidSignature {
                    id: id.to_owned(),
                    detail: reason.to_string(),
                });
            }
        };
        let keyid = KeyId::of(&key);
        let threshold = pin
            .and_then(|pin| NonZeroUsize::new(pin.threshold))
            .unwrap_or(ONE)
            .max(options.threshold);
        if threshold > ONE {
            return Err(InstallError::InvalidSignature {
                id: id.to_owned(),
                detail: format!("1 key signed, {threshold} must"),
            });
        }
        let mut handed_over = None;
        let keys = match pin {
            Some(pin) if pin.keys.contains(&key) => pin.keys.clone(),
            Some(pin) => {
                let (keys, by) = self.handed_over(snapshot, package, pin, &keyid.to_string(), options)?;
                handed_over = Some(by);
                if !keys.contains(&key) {
                    return Err(changed(id, pin, &keyid.to_string()));
                }
                keys
            }
            None => vec![key],
        };
        let mut signatures = self.trusted(snapshot, package, scheme, keys, &[keyid], ONE, pin, options)?;
        signatures.warnings.extend(warning);
        signatures.handed_over = handed_over;
        Ok(signatures)
    }

    fn unsigned(
        &self,
        package: &Package,
        pin: Option<&Pin>,
        options: &InstallOptions,
    ) -> Result<Signatures, InstallError> {
        let id = package.manifest.id().as_str();
        if let Some(pin) = pin {
            return Err(changed(id, pin, "nobody"));
        }
        if !options.allow_unsigned {
            return Err(InstallError::Unsigned { id: id.to_owned() });
        }
        Ok(Signatures {
            scheme: Scheme::Unsigned,
            // what nobody signed belongs to its own content: another content starts with nothing
            signer: format!("sha256:{}", package.manifest_sha256()),
            keys: Vec::new(),
            threshold: ONE,
            handed_over: None,
            publishers: Vec::new(),
            warnings: vec![Warning::Unsigned],
        })
    }

    /// Nothing of it is revoked, and the lists are new enough to tell.
    pub(super) fn must_not_be_revoked(
        &self,
        snapshot: &Snapshot,
        package: &Package,
        signatures: &Signatures,
        options: &InstallOptions,
        warnings: &mut Vec<Warning>,
    ) -> Result<(), InstallError> {
        let manifest = &package.manifest;
        let keys: Vec<&str> = signatures.signer.split('+').collect();
        let sha256 = package.manifest_sha256();
        let revoked = &snapshot.revocations;
        if let Some(what) = revoked.find(manifest.id().as_str(), Some(manifest.version()), &sha256, &keys) {
            return Err(InstallError::Revoked {
                id: manifest.id().to_string(),
                version: manifest.version().clone(),
                what,
            });
        }
        for (issuer, ended) in self.stale_lists(&snapshot.state) {
            if options.require_fresh {
                return Err(InstallError::StaleRevocations { issuer, ended });
            }
            warnings.push(Warning::StaleRevocations { issuer, ended });
        }
        Ok(())
    }

    /// A key that may have signed: one that the owner trusts, or the one that the manifest brings along.
    fn known_key(&self, snapshot: &Snapshot, envelope: &Envelope, keyid: &KeyId) -> Option<PublicKey> {
        let trusted = snapshot
            .publishers
            .get(&keyid.to_string())
            .map(|publisher| publisher.key);
        trusted.or_else(|| envelope.claimed_key().filter(|key| KeyId::of(key) == *keyid))
    }

    /// The pinned keys after the statement of `options` has replaced one of them; which takes over, and when it was said.
    fn handed_over(
        &self,
        snapshot: &Snapshot,
        package: &Package,
        pin: &Pin,
        found: &str,
        options: &InstallOptions,
    ) -> Result<(Vec<PublicKey>, (KeyId, Millis)), InstallError> {
        let id = package.manifest.id();
        let Some(statement) = &options.rotation else {
            return Err(changed(id.as_str(), pin, found));
        };
        let rotation_refused = |detail: String| InstallError::Rotation {
            id: id.to_string(),
            detail,
        };
        let rotation = pin
            .keys
            .iter()
            .find_map(|key| statement.verify_rotation(&KeyId::of(key)).ok())
            .ok_or_else(|| rotation_refused("no pinned key signed it".to_owned()))?;
        let rotation = rotation.get();
        // a key that was lost does not decide who comes after it
        if snapshot.revocations.has_key(&rotation.from_id().to_string()) {
            return Err(rotation_refused("the old key is revoked".to_owned()));
        }
        // nor does one that the owner does not let publish this any more
        let from = snapshot.publishers.get(&rotation.from_id().to_string());
        if !from.is_some_and(|publisher| publisher.may_publish(id.as_str(), self.now())) {
            return Err(rotation_refused("the old key is not trusted to publish it".to_owned()));
        }
        if !rotation.covers(id) {
            return Err(rotation_refused("it speaks of other skills".to_owned()));
        }
        if rotation.issued > self.now() {
            return Err(rotation_refused("it is from the future".to_owned()));
        }
        // a key that handed back would take over again with the statement by which it once did
        let since = pin.taken_over.get(&rotation.from_id().to_string());
        if since.is_some_and(|since| rotation.issued <= *since) {
            return Err(rotation_refused(
                "it is older than the one by which the old key took over".to_owned(),
            ));
        }
        if pin.keys.contains(&rotation.to) {
            return Err(rotation_refused("the new key is one of its keys already".to_owned()));
        }
        let keys = pin
            .keys
            .iter()
            .map(|key| if *key == rotation.from { rotation.to } else { *key })
            .collect();
        Ok((keys, (rotation.to_id(), rotation.issued)))
    }

    /// Whether enough of those who signed are trusted with the id.
    #[expect(clippy::too_many_arguments, reason = "the parts of one decision")]
    fn trusted(
        &self,
        snapshot: &Snapshot,
        package: &Package,
        scheme: Scheme,
        mut keys: Vec<PublicKey>,
        signers: &[KeyId],
        threshold: NonZeroUsize,
        pin: Option<&Pin>,
        options: &InstallOptions,
    ) -> Result<Signatures, InstallError> {
        let id = package.manifest.id().as_str();
        let now = self.now();
        let mut trusted: Vec<KeyId> = Vec::new();
        let mut publishers = Vec::new();
        for key in keys.iter().filter(|key| signers.contains(&KeyId::of(key))) {
            let keyid = KeyId::of(key);
            let known = snapshot.publishers.get(&keyid.to_string());
            if known.is_some_and(|publisher| publisher.may_publish(id, now)) {
                trusted.push(keyid);
                continue;
            }
            let handed_over = pin.is_some_and(|pin| !pin.keys.contains(key));
            let source = if options.trust_key == Some(keyid) {
                "fingerprint"
            } else if handed_over {
                "rotation"
            } else if options.trust_first
                && pin.is_none()
                && known
                    .and_then(|publisher| publisher.not_after)
                    .is_none_or(|end| now < end)
            {
                "first use"
            } else {
                continue;
            };
            trusted.push(keyid);
            let mut scopes = known.map(|publisher| publisher.scopes.clone()).unwrap_or_default();
            if !scopes.iter().any(|scope| scope == id) {
                scopes.push(id.to_owned());
            }
            publishers.push(Publisher {
                keyid: keyid.to_string(),
                key: *key,
                label: known.map(|publisher| publisher.label.clone()).unwrap_or_default(),
                scopes,
                added_at: now,
                source: source.to_owned(),
                not_after: None,
            });
        }
        if trusted.len() < threshold.get() {
            return Err(InstallError::Untrusted {
                id: id.to_owned(),
                keys: join(signers),
            });
        }
        if pin.is_none() {
            // an id is bound to those that were trusted, not to whoever else signed along
            keys.retain(|key| trusted.contains(&KeyId::of(key)));
        }
        let mut names: Vec<String> = keys.iter().map(|key| KeyId::of(key).to_string()).collect();
        names.sort_unstable();
        Ok(Signatures {
            scheme,
            signer: names.join("+"),
            keys,
            threshold,
            handed_over: None,
            publishers,
            warnings: Vec::new(),
        })
    }
}

fn changed(id: &str, pin: &Pin, found: &str) -> InstallError {
    InstallError::KeyChanged {
        id: id.to_owned(),
        pinned: pin.signer.clone(),
        found: found.to_owned(),
    }
}

fn refused(id: &str, error: EnvelopeError) -> InstallError {
    match error {
        EnvelopeError::BadSignature(_) | EnvelopeError::Threshold { .. } => InstallError::InvalidSignature {
            id: id.to_owned(),
            detail: error.to_string(),
        },
        other => other.into(),
    }
}

fn join(keys: &[KeyId]) -> String {
    keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
