//! Reading the settings from variables, and saying everything that is wrong with them at once.

use std::collections::BTreeMap;

use chancery_base::{Rng, ed25519::SecretKey};
use chancery_identity::{
    Origin,
    key_set::{KeySet, RegistryKey},
    token::{ServiceSecret, Token},
};
use zeroize::Zeroizing;

use super::{BootstrapService, Config, ConfigError, Environment, Generated, Secret, is_service_id, variable};
use crate::{
    keys::SigningKeys,
    limits::{Limits, PerMinute},
};

pub(super) struct Reader<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
    problems: BTreeMap<&'static str, String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(get: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            get,
            problems: BTreeMap::new(),
        }
    }

    /// The settings, or everything that is wrong with them.
    pub(super) fn read(mut self, rng: &dyn Rng) -> Result<(Config, Vec<Generated>), ConfigError> {
        match self.config(rng) {
            Some(found) if self.problems.is_empty() => Ok(found),
            _ => Err(ConfigError {
                problems: self.problems,
            }),
        }
    }

    fn text(&self, name: &'static str) -> Option<String> {
        (self.get)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    fn wrong<T>(&mut self, name: &'static str, what: impl Into<String>) -> Option<T> {
        self.problems.entry(name).or_insert_with(|| what.into());
        None
    }

    fn config(&mut self, rng: &dyn Rng) -> Option<(Config, Vec<Generated>)> {
        let mut generated = Vec::new();
        let environment = match self.text(variable::ENVIRONMENT).map(|text| text.parse()) {
            None => Environment::Local,
            Some(Ok(environment)) => environment,
            Some(Err(())) => return self.wrong(variable::ENVIRONMENT, "must be local, development or production"),
        };
        let local = environment == Environment::Local;
        let issuer = self.origin(variable::REGISTRY_ISSUER_URL, local.then_some("http://127.0.0.1:8788"));
        let proxy_url = self.origin(variable::PROXY_URL, local.then_some("http://127.0.0.1:4000"));
        if let Some(issuer) = &issuer {
            self.check_issuer(issuer, environment);
        }
        let version = self.text(variable::APP_VERSION);
        if version.is_none() && !local {
            self.wrong::<()>(variable::APP_VERSION, "is required outside the local environment");
        }
        if self
            .text(variable::EVENT_BUS_BACKEND)
            .is_some_and(|backend| backend != "memory")
        {
            self.wrong::<()>(
                variable::EVENT_BUS_BACKEND,
                "must be memory: events are kept in the database",
            );
        }
        let bootstrap_secret = self.text(variable::BOOTSTRAP_SECRET).map(Secret::new);
        if bootstrap_secret.is_none() && !local {
            self.wrong::<()>(variable::BOOTSTRAP_SECRET, "is required outside the local environment");
        }
        let bootstrap_service = self.service(local, rng, &mut generated);
        let signing_keys = self.signing_keys(local, rng, &mut generated);
        let limits = self.limits();
        let extra = self.text(variable::REGISTRY_AUTHORITIES).unwrap_or_default();
        let extra = extra
            .split(',')
            .map(|text| text.trim().to_ascii_lowercase())
            .filter(|text| !text.is_empty());
        let mut config = Config::new(issuer?, proxy_url?, signing_keys?);
        config.environment = environment;
        config.version = version.unwrap_or(config.version);
        config.extra_authorities = extra.collect();
        config.bootstrap_secret = bootstrap_secret;
        config.bootstrap_service = bootstrap_service;
        config.limits = limits;
        Some((config, generated))
    }

    fn origin(&mut self, name: &'static str, default: Option<&str>) -> Option<Origin> {
        match self.text(name).as_deref().or(default).map(str::parse) {
            Some(Ok(origin)) => Some(origin),
            Some(Err(_)) => self.wrong(
                name,
                "must be an http or https URL without user, path, query and fragment",
            ),
            None => self.wrong(name, "is required outside the local environment"),
        }
    }

    fn check_issuer(&mut self, issuer: &Origin, environment: Environment) {
        let name = variable::REGISTRY_ISSUER_URL;
        if issuer.authority().is_none() {
            self.wrong::<()>(
                name,
                "must name a host that DIDs can bear: localhost, an IPv4 address or a DNS name",
            );
        }
        if environment == Environment::Production && !issuer.is_https() && !issuer.is_loopback() {
            self.wrong::<()>(name, "must be https in production, unless it is this machine");
        }
    }

    fn service(&mut self, local: bool, rng: &dyn Rng, generated: &mut Vec<Generated>) -> Option<BootstrapService> {
        let (id_name, secret_name) = (
            variable::BOOTSTRAP_INTERNAL_SERVICE_ID,
            variable::BOOTSTRAP_INTERNAL_SERVICE_SECRET,
        );
        let (id, secret) = (self.text(id_name), self.text(secret_name));
        let secret = match secret.as_deref().map(str::parse::<Token<ServiceSecret>>) {
            Some(Ok(secret)) => secret,
            Some(Err(_)) => return self.wrong(secret_name, "must start with clw_srv_"),
            None if id.is_none() && local => {
                let secret = Token::generate(&rng);
                generated.push(Generated {
                    variable: secret_name,
                    value: Secret::new(secret.expose()),
                });
                secret
            }
            None if id.is_some() => return self.wrong(secret_name, "is required beside the service's id"),
            None => return self.wrong(secret_name, "is required outside the local environment"),
        };
        let id = match id {
            Some(id) if is_service_id(&id) => id,
            Some(_) => return self.wrong(id_name, "must be 1 to 128 visible ASCII characters"),
            None if local => "proxy-pairing".to_owned(),
            None => return self.wrong(id_name, "is required beside the service's secret"),
        };
        Some(BootstrapService { id, secret })
    }

    fn signing_keys(&mut self, local: bool, rng: &dyn Rng, generated: &mut Vec<Generated>) -> Option<SigningKeys> {
        let (seed_name, set_name) = (variable::REGISTRY_SIGNING_KEY, variable::REGISTRY_SIGNING_KEYS);
        let seed = self.text(seed_name).map(Zeroizing::new);
        let set = self.text(set_name);
        let secret = match seed.as_ref().map(|seed| SecretKey::from_b64(seed)) {
            Some(Ok(secret)) => secret,
            Some(Err(_)) => return self.wrong(seed_name, "must be 32 bytes in base64url without padding"),
            None if local && set.is_none() => {
                let secret = SecretKey::generate(&rng);
                generated.push(Generated {
                    variable: seed_name,
                    value: Secret(secret.to_b64()),
                });
                secret
            }
            None => return self.wrong(seed_name, "is required"),
        };
        let Some(set) = set else {
            return if local {
                Some(SigningKeys::single(secret))
            } else {
                self.wrong(set_name, "is required outside the local environment")
            };
        };
        let Ok(keys) = chancery_base::json::from_slice_strict::<Vec<RegistryKey>>(set.as_bytes()) else {
            return self.wrong(set_name, "must be a JSON array of {kid, alg, crv, x, status}");
        };
        match SigningKeys::new(KeySet { keys }, secret) {
            Ok(keys) => Some(keys),
            Err(error) => self.wrong(set_name, format!("cannot be used: {error}")),
        }
    }

    fn limits(&mut self) -> Limits {
        let mut limits = Limits::default();
        self.limit("REGISTRY_RESOLVE_PER_MINUTE", &mut limits.resolve);
        self.limit("REGISTRY_CRL_PER_MINUTE", &mut limits.crl);
        self.limit("REGISTRY_REFRESH_PER_MINUTE", &mut limits.refresh);
        self.limit("REGISTRY_VALIDATE_PER_MINUTE", &mut limits.validate);
        self.limit("REGISTRY_BOOTSTRAP_PER_MINUTE", &mut limits.bootstrap);
        self.limit("REGISTRY_REDEEM_PER_MINUTE", &mut limits.redeem);
        self.limit("REGISTRY_CHALLENGE_PER_MINUTE", &mut limits.challenge);
        self.limit("REGISTRY_CREATE_PER_MINUTE", &mut limits.create);
        let mut readers = PerMinute(u32::try_from(limits.feed_readers).unwrap_or(u32::MAX));
        self.limit("REGISTRY_FEED_READERS", &mut readers);
        limits.feed_readers = usize::try_from(readers.0).unwrap_or(usize::MAX);
        limits
    }

    fn limit(&mut self, name: &'static str, slot: &mut PerMinute) {
        match self.text(name).map(|text| text.parse()) {
            None => {}
            Some(Ok(limit)) => *slot = limit,
            Some(Err(_)) => {
                self.wrong::<()>(name, "must be a whole number of at least 1");
            }
        }
    }
}
