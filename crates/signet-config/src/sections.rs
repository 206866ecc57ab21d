//! The sections of the file, and everything in them. What the original has keeps its key, its variable and its default;
//! each limit that it has not has its reason beside it.

use std::collections::BTreeMap;

use chancery_keys::{Gates, KeyPolicy};
use chancery_policy::messaging::{ContentTypeId, Scopes, WellKnown};
use chancery_signet_wire::{
    Label,
    adapter::AdapterName,
    record::status::{IdentityMode, XmtpEnv},
};
use serde::{Deserialize, Serialize};

use crate::{
    Adapter, ApproverChoice, AuthMode, ConfigError, Hidden, Host, Hours, Kind, LogLevel, Millis, Scheme, Seconds,
    Setting, UserPath, WalletProgram,
};

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const DAY_SECS: u64 = 86_400;
const MIB: u64 = 1024 * 1024;

section! {
    /// `[onboarding]`: how people and agents find each other.
    Onboarding = "onboarding" {
        /// The scheme; there is one.
        scheme: Scheme = Scheme::Convos, "scheme", "ONBOARDING_SCHEME";
    }
}

section! {
    /// `[signet]`.
    Signet = "signet" {
        /// Which network.
        env: XmtpEnv = XmtpEnv::Dev, "env", "ENV";
        /// Whether each group has an identity of its own.
        identity_mode: IdentityMode = IdentityMode::PerGroup, "identityMode", "IDENTITY_MODE";
        /// Where the signet's files are, instead of the place for them.
        data_dir: Option<UserPath> = None, "dataDir", "DATA_DIR";
        /// Address of the network's node, instead of the one that `env` stands for.
        node_url: Option<String> = None, "nodeUrl", "NODE_URL";
    }
}

section! {
    /// `[defaults]`.
    Defaults = "defaults" {
        /// The name that groups see where a command names none.
        profile_name: Option<Label> = None, "profileName", "PROFILE_NAME";
    }
}

section! {
    /// `[keys]`: how keys are protected.
    Keys = "keys" {
        /// How the root key is, with which the owner says yes.
        root_key_policy: KeyPolicy = KeyPolicy::Biometric, "rootKeyPolicy", "ROOT_KEY_POLICY";
        /// How operational keys are, beside the vault that they are in.
        operational_key_policy: KeyPolicy = KeyPolicy::Open, "operationalKeyPolicy", "OPERATIONAL_KEY_POLICY";
        /// How the daemon's vault is: `open` starts without anybody, from a private file beside it.
        vault_key_policy: KeyPolicy = KeyPolicy::Open, "vaultKeyPolicy", "VAULT_KEY_POLICY";
        /// Seconds after which operational keys are replaced; 0 for never. A day, as in the original: what a thief signs is bounded.
        rotation: Seconds = Seconds(DAY_SECS), "rotationSeconds", "ROTATION_SECONDS", 0..=365 * DAY_SECS;
    }
}

section! {
    /// `[ws]`: where harnesses connect.
    Ws = "ws" {
        /// Port; 0 takes any that is free.
        port: u16 = 8393, "port", "WS_PORT", 0..=65_535;
        /// Address.
        host: Host = Host::loopback(), "host", "WS_HOST";
        /// Milliseconds between two heartbeats of the signet.
        heartbeat_interval: Millis = Millis(30 * SECOND), "heartbeatIntervalMs", "WS_HEARTBEAT_INTERVAL_MS", 100..=10 * MINUTE;
        /// Heartbeats that may be missed: after so many a connection is dead.
        missed_heartbeats: u32 = 3, "missedHeartbeatsBeforeDead", "WS_MISSED_HEARTBEATS_BEFORE_DEAD", 1..=100;
        /// Milliseconds in which a connection says who it is: one that does not costs memory and nothing else.
        auth_timeout: Millis = Millis(5 * SECOND), "authTimeoutMs", "WS_AUTH_TIMEOUT_MS", 100..=MINUTE;
        /// Milliseconds that a request may take.
        request_timeout: Millis = Millis(30 * SECOND), "requestTimeoutMs", "WS_REQUEST_TIMEOUT_MS", 100..=10 * MINUTE;
        /// Messages of a credential that are kept for a harness that comes back. Each costs its frame on the disk.
        replay_buffer: u32 = 1000, "replayBufferSize", "WS_REPLAY_BUFFER_SIZE", 1..=1_000_000;
        /// Frames that wait for a slow harness before it is told.
        soft_limit: u32 = 64, "sendBufferSoftLimit", "WS_SEND_BUFFER_SOFT_LIMIT", 1..=65_535;
        /// Frames that wait for a slow harness before its connection is closed.
        hard_limit: u32 = 256, "sendBufferHardLimit", "WS_SEND_BUFFER_HARD_LIMIT", 2..=65_536;
        /// Milliseconds that requests under way get when the daemon ends.
        drain_timeout: Millis = Millis(5 * SECOND), "drainTimeoutMs", "WS_DRAIN_TIMEOUT_MS", 0..=MINUTE;
        /// Bytes of the longest frame that a harness may send. A message of XMTP has at most a mebibyte.
        max_frame_bytes: u32 = 1024 * 1024, "maxFrameSizeBytes", "WS_MAX_FRAME_SIZE_BYTES", 1024..=16 * MIB;
        /// Milliseconds over which frames are counted.
        rate_window: Millis = Millis(SECOND), "rateLimitWindowMs", "WS_RATE_LIMIT_WINDOW_MS", 100..=MINUTE;
        /// Frames that a connection may send in that time; any number when absent, since what costs something has limits of its own.
        rate_max: Option<u32> = None, "rateLimitMaxMessages", "WS_RATE_LIMIT_MAX_MESSAGES", 1..=1_000_000;
        /// Web pages, by origin, that may connect. None: a harness is no web page, and any page can try 127.0.0.1.
        allowed_origins: Vec<String> = Vec::new(), "allowedOrigins", "WS_ALLOWED_ORIGINS";
    }
}

section! {
    /// `[http]`: actions over HTTP.
    Http = "http" {
        /// Whether there is such a server.
        enabled: bool = false, "enabled", "HTTP_ENABLED";
        /// Port; 0 takes any that is free.
        port: u16 = 8081, "port", "HTTP_PORT", 0..=65_535;
        /// Address.
        host: Host = Host::loopback(), "host", "HTTP_HOST";
        /// Bytes of the longest body: as much as a line of the admin socket.
        max_body_bytes: u32 = 1024 * 1024, "maxBodyBytes", "HTTP_MAX_BODY_BYTES", 1024..=16 * MIB;
        /// Milliseconds that a request may take, waiting for the network included.
        request_timeout: Millis = Millis(30 * SECOND), "requestTimeoutMs", "HTTP_REQUEST_TIMEOUT_MS", 100..=10 * MINUTE;
    }
}

section! {
    /// `[admin]`: the admin socket.
    Admin = "admin" {
        /// What lets a program administer the signet over HTTP, and over the socket from another user.
        auth_mode: AuthMode = AuthMode::AdminKey, "authMode", "ADMIN_AUTH_MODE";
        /// The socket, instead of the place for it.
        socket_path: Option<UserPath> = None, "socketPath", "ADMIN_SOCKET";
        /// Whether a process of the daemon's own user needs no token on the socket. What the owner decides needs the owner all the
        /// same.
        peer_credentials: bool = true, "peerCredentials", "ADMIN_PEER_CREDENTIALS";
        /// Seconds for which the owner lets an admin read a chat: as in the original, one look.
        read_elevation: Seconds = Seconds(60), "readElevationSeconds", "ADMIN_READ_ELEVATION_SECONDS", 1..=3600;
        /// Connections to the socket at once: a person, some scripts, and a few that watch.
        max_connections: u32 = 64, "maxConnections", "ADMIN_MAX_CONNECTIONS", 1..=4096;
    }
}

section! {
    /// `[credentials]`.
    Credentials = "credentials" {
        /// Seconds that a credential lasts where nobody says otherwise.
        default_ttl: Seconds = Seconds(3600), "defaultTtlSeconds", "CREDENTIAL_TTL_SECONDS", 1..=365 * DAY_SECS;
        /// Credentials of one operator that are in force at once. One more takes the oldest's place.
        max_concurrent: u32 = 3, "maxConcurrentPerOperator", "MAX_CREDENTIALS_PER_OPERATOR", 1..=64;
        /// Seconds before its end in which a credential can be renewed.
        renewal_window: Seconds = Seconds(300), "renewalWindowSeconds", "CREDENTIAL_RENEWAL_SECONDS", 0..=DAY_SECS;
        /// Seconds that an action waits for the owner: what was meant then may not be meant later.
        action_expiry: Seconds = Seconds(300), "actionExpirySeconds", "ACTION_EXPIRY_SECONDS", 1..=DAY_SECS;
        /// Seconds of silence after which a credential that was used is revoked; 0 for never. A lost connection is no reason.
        idle_revocation: Seconds = Seconds(0), "idleRevocationSeconds", "CREDENTIAL_IDLE_SECONDS", 0..=365 * DAY_SECS;
    }
}

section! {
    /// `[logging]`.
    Logging = "logging" {
        /// What is logged.
        level: LogLevel = LogLevel::Info, "level", "LOG_LEVEL";
        /// Where the audit log is written for others to read, instead of the place for it.
        audit_log_path: Option<UserPath> = None, "auditLogPath", "AUDIT_LOG_PATH";
    }
}

section! {
    /// `[contentTypes]`: what passes at all, in both directions.
    ContentTypes = "contentTypes" {
        /// The types; the five that XMTP has accepted.
        allow: Vec<ContentTypeId> = WellKnown::BASELINE.map(ContentTypeId::from).to_vec(), "allow", "CONTENT_TYPES";
    }
}

section! {
    /// `[projection]`.
    Projection = "projection" {
        /// What becomes of messages that a credential may stream and not read.
        hidden: Hidden = Hidden::Drop, "hidden", "PROJECTION_HIDDEN";
    }
}

section! {
    /// `[reveals]`.
    Reveals = "reveals" {
        /// Whether a harness sees what it asks to see without anybody being asked. Then it is no limit any more.
        auto_approve: bool = false, "autoApprove", "REVEALS_AUTO_APPROVE";
        /// Reveals of one credential that wait for the owner: more than anybody looks through.
        max_pending: u32 = 100, "maxPending", "REVEALS_MAX_PENDING", 1..=10_000;
    }
}

section! {
    /// `[confirmations]`: what waits for the owner each time.
    Confirmations = "confirmations" {
        /// Scopes whose use waits for every credential, beside what its policy says.
        scopes: Scopes = Scopes::NONE, "scopes", "CONFIRMATION_SCOPES";
        /// Whether a harness may approve its own actions, as in the original. Then nobody else has looked.
        self_confirm: bool = false, "selfConfirm", "CONFIRMATION_SELF";
        /// Actions of one credential that wait at once: more than an owner looks through.
        max_pending: u32 = 100, "maxPending", "CONFIRMATION_MAX_PENDING", 1..=10_000;
        /// Bytes of the longest action that waits: a person has to read it.
        max_payload_bytes: u32 = 64 * 1024, "maxPayloadBytes", "CONFIRMATION_MAX_PAYLOAD_BYTES", 256..=MIB;
    }
}

section! {
    /// `[seals]`: what the groups are told.
    Seals = "seals" {
        /// Hours after which observers take a seal for stale.
        ttl: Hours = Hours(24), "ttlHours", "SEAL_TTL_HOURS", 1..=8760;
        /// The part of that time after which it is renewed.
        renew_at: f64 = 0.75, "renewAt", "SEAL_RENEW_AT";
        /// Seconds between two signs of life in a group; 0 for none. Every minute to every group would be spam.
        liveness: Seconds = Seconds(300), "livenessSeconds", "SEAL_LIVENESS_SECONDS", 0..=DAY_SECS;
        /// Whether seals are published.
        publish: bool = true, "publish", "SEAL_PUBLISH";
    }
}

section! {
    /// `[limits]`: what one harness may take from the others.
    Limits = "limits" {
        /// Messages that a credential may send in a minute: an agent that says more to people is broken, or abused.
        sends_per_minute: u32 = 30, "sendsPerMinute", "LIMIT_SENDS_PER_MINUTE", 1..=6000;
        /// Messages that it may send at once.
        send_burst: u32 = 10, "sendBurst", "LIMIT_SEND_BURST", 1..=6000;
        /// Messages that all credentials together may send into one chat in a minute: people have to follow.
        chat_sends_per_minute: u32 = 60, "chatSendsPerMinute", "LIMIT_CHAT_SENDS_PER_MINUTE", 1..=6000;
        /// Histories and lists that a credential may ask for in a minute: each reads the disk.
        reads_per_minute: u32 = 120, "readsPerMinute", "LIMIT_READS_PER_MINUTE", 1..=60_000;
        /// Reveals that a credential may ask for in a minute: the owner reads each.
        reveals_per_minute: u32 = 6, "revealsPerMinute", "LIMIT_REVEALS_PER_MINUTE", 1..=6000;
        /// Tokens that one address may get wrong in a minute before it has to wait.
        auth_failures_per_minute: u32 = 5, "authFailuresPerMinute", "LIMIT_AUTH_FAILURES_PER_MINUTE", 1..=6000;
        /// Connections of one credential: a harness, its successor while it restarts, and two to look on.
        connections_per_credential: u32 = 4, "connectionsPerCredential", "LIMIT_CONNECTIONS_PER_CREDENTIAL", 1..=10_000;
        /// Connections of all harnesses: each costs some tens of kibibytes.
        connections: u32 = 1024, "connections", "LIMIT_CONNECTIONS", 1..=1_000_000;
        /// Hours for which a repeated send is known by its key: as long as a harness may be away and try again.
        idempotency: Hours = Hours(24), "idempotencyHours", "LIMIT_IDEMPOTENCY_HOURS", 1..=168;
    }
}

section! {
    /// `[approver]`: who asks the owner.
    Approver = "approver" {
        /// Who asks the owner what waits for the owner.
        kind: ApproverChoice = ApproverChoice::Auto, "kind", "APPROVER";
        /// Seconds that a question waits for its answer: a person has to find the key, and to be still there.
        timeout: Seconds = Seconds(120), "timeoutSeconds", "APPROVER_TIMEOUT_SECONDS", 5..=300;
        /// Where the owner's vault is, instead of below the signet's files: where the daemon is another user than the owner.
        owner_dir: Option<UserPath> = None, "ownerDir", "OWNER_DIR";
    }
}

/// `[agent]`: adapters for harnesses, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Agent {
    /// Each.
    pub adapters: BTreeMap<AdapterName, Adapter>,
}

/// `[wallet]`: providers of wallets, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wallet {
    /// Each.
    pub providers: BTreeMap<AdapterName, WalletProgram>,
}

/// Everything that can be configured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// `[onboarding]`.
    pub onboarding: Onboarding,
    /// `[signet]`.
    pub signet: Signet,
    /// `[defaults]`.
    pub defaults: Defaults,
    /// `[keys]`.
    pub keys: Keys,
    /// `[biometricGating]`: what waits for the owner.
    pub biometric_gating: Gates,
    /// `[ws]`.
    pub ws: Ws,
    /// `[http]`.
    pub http: Http,
    /// `[admin]`.
    pub admin: Admin,
    /// `[credentials]`.
    pub credentials: Credentials,
    /// `[logging]`.
    pub logging: Logging,
    /// `[contentTypes]`.
    pub content_types: ContentTypes,
    /// `[projection]`.
    pub projection: Projection,
    /// `[reveals]`.
    pub reveals: Reveals,
    /// `[confirmations]`.
    pub confirmations: Confirmations,
    /// `[seals]`.
    pub seals: Seals,
    /// `[limits]`.
    pub limits: Limits,
    /// `[approver]`.
    pub approver: Approver,
    /// `[agent]`.
    pub agent: Agent,
    /// `[wallet]`.
    pub wallet: Wallet,
}

/// The switches of `[biometricGating]`, whose type is the keys'.
const GATES: [(&str, &str, &str); 6] = [
    (
        "biometricGating.rootKeyCreation",
        "XMTP_SIGNET_GATE_ROOT_KEY_CREATION",
        "Making the root key waits for the owner.",
    ),
    (
        "biometricGating.operationalKeyRotation",
        "XMTP_SIGNET_GATE_OPERATIONAL_KEY_ROTATION",
        "Replacing an operational key waits for the owner.",
    ),
    (
        "biometricGating.scopeExpansion",
        "XMTP_SIGNET_GATE_SCOPE_EXPANSION",
        "Giving a credential more scopes waits for the owner.",
    ),
    (
        "biometricGating.egressExpansion",
        "XMTP_SIGNET_GATE_EGRESS_EXPANSION",
        "Letting content go where it did not go waits for the owner.",
    ),
    (
        "biometricGating.agentCreation",
        "XMTP_SIGNET_GATE_AGENT_CREATION",
        "Setting an agent up waits for the owner.",
    ),
    (
        "biometricGating.adminReadElevation",
        "XMTP_SIGNET_GATE_ADMIN_READ_ELEVATION",
        "Letting an admin read messages waits for the owner.",
    ),
];

/// Every setting but the maps of programs by name, in the order of the file.
#[must_use]
pub fn settings() -> Vec<Setting> {
    let gates = GATES.map(|(key, variable, about)| Setting {
        key,
        variable,
        about: about.to_owned(),
        kind: Kind::Flag,
        range: None,
    });
    let sections = [
        Onboarding::settings(),
        Signet::settings(),
        Defaults::settings(),
        Keys::settings(),
        gates.to_vec(),
        Ws::settings(),
        Http::settings(),
        Admin::settings(),
        Credentials::settings(),
        Logging::settings(),
        ContentTypes::settings(),
        Projection::settings(),
        Reveals::settings(),
        Confirmations::settings(),
        Seals::settings(),
        Limits::settings(),
        Approver::settings(),
    ];
    sections.into_iter().flatten().collect()
}

impl Config {
    /// What no single setting tells.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.ws.soft_limit >= self.ws.hard_limit {
            let reason = "has to be below ws.sendBufferHardLimit";
            return Err(ConfigError::setting("ws.sendBufferSoftLimit", reason));
        }
        if !(0.1..=0.95).contains(&self.seals.renew_at) {
            return Err(ConfigError::setting(
                "seals.renewAt",
                "expected a number from 0.1 to 0.95",
            ));
        }
        if self.content_types.allow.is_empty() {
            return Err(ConfigError::setting("contentTypes.allow", "nothing would pass"));
        }
        for (name, adapter) in &self.agent.adapters {
            if let Adapter::External { command, .. } = adapter
                && command.is_empty()
            {
                let key = format!("agent.adapters.{name}.command");
                return Err(ConfigError::setting(key, "names no program"));
            }
        }
        Ok(())
    }
}
