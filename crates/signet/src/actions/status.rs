//! How the signet fares (signet spec 9.4).

use chancery_signet_wire::{
    Failure, Json,
    action::input::{CredentialList, Nothing},
    record::{
        chat::StateExport,
        status::{CoreState, DaemonState, InboxState, NetworkState, Status, Stopping},
    },
};
use serde_json::json;

use crate::{
    clients::Fares,
    core::Core,
    network::State,
    principal::Principal,
    records::{Root, credentials::row, inboxes, operators, policies},
};

impl Core {
    pub(crate) async fn status(&self, who: Principal) -> Result<Status, Failure> {
        self.records.look(who, Root).await?;
        let now = self.clock.now();
        let (active, inboxes) = self
            .store
            .read(move |sql| {
                let active = row::count_in_force(sql, now)?;
                Ok::<_, crate::store::Problem>((active, inboxes::row::all(sql)?))
            })
            .await?;
        let states: Vec<InboxState> = inboxes.iter().map(|inbox| self.fares(inbox)).collect();
        let connected: Vec<String> = states
            .iter()
            .filter(|inbox| inbox.state == NetworkState::Connected)
            .map(|inbox| inbox.inbox_id.clone())
            .collect();
        Ok(Status {
            state: DaemonState::Running,
            core_state: match (connected.is_empty(), inboxes.is_empty()) {
                (false, _) => CoreState::Ready,
                (true, true) => CoreState::ReadyLocal,
                (true, false) => CoreState::Initializing,
            },
            pid: std::process::id(),
            uptime: self.started.elapsed().as_secs_f64(),
            active_credentials: active,
            active_connections: u64::try_from(self.traffic.hub.connections()).unwrap_or(u64::MAX),
            onboarding_scheme: "convos".to_owned(),
            xmtp_env: self.about.env,
            identity_mode: self.about.identity_mode,
            ws_port: self.ws_port(),
            version: self.about.version.clone(),
            identity_count: u64::try_from(inboxes.len()).unwrap_or(u64::MAX),
            network_state: match connected.is_empty() {
                true => NetworkState::Disconnected,
                false => NetworkState::Connected,
            },
            connected_inbox_ids: connected,
            inboxes: Some(states),
            warnings: (!self.about.warnings.is_empty()).then(|| self.about.warnings.clone()),
        })
    }

    fn fares(&self, inbox: &inboxes::row::Inbox) -> InboxState {
        let inbox_id = inbox.network_id.clone().unwrap_or_else(|| inbox.id.to_string());
        match self.clients.fares(inbox.id) {
            Fares::Open(client) => {
                let health = client.health();
                InboxState {
                    inbox_id,
                    state: match health.state {
                        State::Live => NetworkState::Connected,
                        State::Connecting | State::Disconnected => NetworkState::Disconnected,
                    },
                    last_sync_at: health.last_sync.map(Into::into),
                    last_error: health.last_error,
                }
            }
            Fares::Closed(error) => InboxState {
                inbox_id,
                state: NetworkState::Disconnected,
                last_sync_at: None,
                last_error: error,
            },
        }
    }

    pub(crate) async fn export_state(&self, who: Principal) -> Result<StateExport, Failure> {
        let status = self.status(who).await?;
        let all = CredentialList {
            operator_id: None,
            all: Some(true),
        };
        let identities = self.records.look(who, inboxes::All(Nothing {})).await?;
        Ok(StateExport {
            status,
            operators: self.records.look(who, operators::All(Nothing {})).await?,
            policies: self.records.look(who, policies::All(Nothing {})).await?,
            credentials: self.records.look(who, all).await?,
            identities: identities
                .into_iter()
                .filter_map(|inbox| Json::of(&json!({"inboxId": inbox.network_inbox_id})).ok())
                .collect(),
            errors: None,
        })
    }

    pub(crate) async fn stop(&self, who: Principal, force: bool) -> Result<Stopping, Failure> {
        self.records.look(who, Root).await?;
        self.stop.send_replace(Some(force));
        Ok(Stopping { stopped: true })
    }
}
