//! The daemon (signet spec 9.4).

use crate::Timestamp;

words! {
    /// What the daemon does.
    pub enum DaemonState {
        /// It serves.
        Running = "running",
        /// It ends what it has begun.
        Draining = "draining",
        /// Nothing.
        Stopped = "stopped",
        /// It waits for its vault to be opened, and serves nothing else.
        Locked = "locked",
    }
}

words! {
    /// What the part of the daemon does that speaks to the network.
    pub enum CoreState {
        /// It has not begun.
        Uninitialized = "uninitialized",
        /// It works without the network.
        ReadyLocal = "ready-local",
        /// It is on its way to the network.
        Initializing = "initializing",
        /// It works.
        Ready = "ready",
        /// It is ending.
        ShuttingDown = "shutting-down",
        /// It has ended.
        Stopped = "stopped",
        /// It failed.
        Error = "error",
    }
}

words! {
    /// Which network.
    pub enum XmtpEnv {
        /// A node on this machine.
        Local = "local",
        /// The network for tries.
        Dev = "dev",
        /// The network.
        Production = "production",
    }
}

words! {
    /// Whether each group has an identity of its own.
    pub enum IdentityMode {
        /// It has.
        PerGroup = "per-group",
        /// One for all.
        Shared = "shared",
    }
}

words! {
    /// Whether the network is there.
    pub enum NetworkState {
        /// At least one inbox has a live stream.
        Connected = "connected",
        /// None has.
        Disconnected = "disconnected",
    }
}

shape! {
    /// How one inbox fares.
    record InboxState {
        /// What the network calls it.
        inbox_id: String,
        /// Whether its stream is live.
        state: NetworkState,
        /// When it had everything last.
        last_sync_at|null: Timestamp,
        /// What went wrong last.
        last_error|null: String,
    }
}

shape! {
    /// How the daemon fares.
    record Status {
        /// What it does.
        state: DaemonState,
        /// What its part at the network does.
        core_state: CoreState,
        /// Its process.
        pid: u32,
        /// Since its start, seconds.
        uptime: f64,
        /// Credentials in force.
        active_credentials: u64,
        /// Harnesses that are connected.
        active_connections: u64,
        /// How people and agents find each other: `convos`.
        onboarding_scheme: String,
        /// Which network.
        xmtp_env: XmtpEnv,
        /// Whether each group has an identity of its own.
        identity_mode: IdentityMode,
        /// Port of the WebSocket.
        ws_port: u16,
        /// Version of the daemon.
        version: String,
        /// Managed identities.
        identity_count: u64,
        /// Whether the network is there.
        network_state: NetworkState,
        /// What the network calls the inboxes that are connected.
        connected_inbox_ids: Vec<String>,
        /// Each inbox by itself.
        inboxes?: Vec<InboxState>,
        /// What the owner should know, such as limits that are advisory for a harness.
        warnings?: Vec<String>,
    }
}

shape! {
    /// What anybody may know of the daemon.
    record Health {
        /// Whether it serves.
        ok: bool,
        /// What it does.
        state: DaemonState,
    }
}

shape! {
    /// The daemon ends.
    record Stopping {
        /// Always `true`.
        stopped: bool,
    }
}

shape! {
    /// The line that `daemon start` prints.
    record Started {
        /// Always `running`.
        status: DaemonState,
        /// Its process.
        pid: u32,
        /// `ws://host:port`.
        ws: String,
        /// The admin socket.
        admin_socket: String,
        /// Which network.
        env: XmtpEnv,
        /// Where its files are.
        data_dir: String,
    }
}
