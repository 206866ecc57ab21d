//! Events for those who asked for them, without what was said.

use chancery_base::Millis;
use chancery_signet::{Seen, Watch, Watched};
use chancery_signet_wire::{
    CredentialId, Failure, Json, Uuid,
    action::{Call, input::ByCredential},
    admin::{EventParams, Notification, Subscribe},
    frame::EventKind,
    record::credential::CredentialView,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::connection::Out;
use crate::{admin::Admin, locked};

/// What tells a client that it read too slowly. It has a `count`, and comes to whoever asked for any events.
const LOST: &str = "events.lost";

/// Which events somebody wants.
#[derive(Debug)]
pub(super) struct Filter {
    kinds: Option<Vec<EventKind>>,
    credential: Option<CredentialId>,
}

impl Filter {
    /// Reads what is wanted.
    ///
    /// # Errors
    /// When there is no such credential.
    pub(super) async fn of(admin: &Admin, wanted: Subscribe) -> Result<Self, Failure> {
        let credential = match wanted.credential_id {
            Some(credential_id) => {
                let found: CredentialView = admin
                    .look(Call::CredentialLookup(ByCredential { credential_id }))
                    .await?;
                Some(found.id)
            }
            None => None,
        };
        Ok(Self {
            kinds: wanted.types.map(chancery_signet_wire::List::into_vec),
            credential,
        })
    }

    fn passes(&self, event: &Watched) -> bool {
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&event.kind))
            && self.credential.is_none_or(|credential| credential == event.credential)
    }
}

/// Events on their way to one client.
#[derive(Debug)]
pub(super) struct Subscription {
    admin: Admin,
    id: Uuid,
    watch: Watch,
    filter: Filter,
    /// When the proof of whoever asked ends.
    until: Option<Millis>,
    ended: CancellationToken,
}

impl Subscription {
    /// From now on, until `ended` is cancelled.
    pub(super) fn new(
        admin: &Admin,
        id: Uuid,
        filter: Filter,
        until: Option<Millis>,
        ended: CancellationToken,
    ) -> Result<Self, Failure> {
        let open = admin.open().map_err(locked::refusal)?;
        Ok(Self {
            admin: admin.clone(),
            id,
            watch: open.signet.watch(),
            filter,
            until,
            ended,
        })
    }

    /// Tells `out` of each, for as long as it reads.
    pub(super) async fn tell(mut self, out: Out) {
        let ended = self.ended.clone();
        let telling = async {
            while let Some(seen) = self.watch.next().await {
                if self.until.is_some_and(|until| self.admin.now() >= until) {
                    return;
                }
                if let Some(params) = self.told(seen)
                    && !out.send(&Notification::event(params)).await
                {
                    return;
                }
            }
        };
        tokio::select! {
            () = telling => {}
            () = ended.cancelled() => {}
        }
    }

    fn told(&self, seen: Seen) -> Option<EventParams> {
        let (credential, seq, at, event) = match seen {
            Seen::Event(event) if !self.filter.passes(&event) => return None,
            Seen::Event(event) => {
                let body = Json::parse(event.event.to_string()).ok()?;
                (Some(event.credential), Some(event.seq), event.at, body)
            }
            Seen::Lost(count) => {
                let body = Json::of(&json!({"type": LOST, "count": count})).ok()?;
                (None, None, self.admin.now(), body)
            }
        };
        Some(EventParams {
            subscription_id: self.id,
            credential_id: credential,
            seq,
            occurred_at: at.into(),
            event,
        })
    }
}
