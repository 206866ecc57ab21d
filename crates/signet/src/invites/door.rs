//! Answering those who ask an inbox to be let in (signet spec 10.5, the host).

use std::{sync::Arc, time::Duration};

use chancery_base::Millis;
use chancery_policy::messaging::WellKnown;
use chancery_signet_wire::InboxId;
use serde_json::json;
use tokio::sync::Notify;

use super::{
    profiles,
    requests::{self, Admit, End, Request, Settle},
    rows::Void,
};
use crate::{
    network::{Change, Consent, ConsentSubject, Content, Inbox, NetworkError, Returned},
    store::Problem,
    traffic::Traffic,
};

/// First pause after something failed that may work later; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause: whoever waits to be let in does not wait much longer than the network does.
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// Why a request is answered later.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] Problem),
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl Traffic {
    /// Answers those who ask `inbox`, in the order in which they came, for ever. `bell` says that there are more.
    pub(crate) async fn keep_door(self: Arc<Self>, id: InboxId, inbox: Arc<dyn Inbox>, bell: Arc<Notify>) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.answer_all(id, &*inbox).await {
                Ok(()) => {
                    pause = FIRST_PAUSE;
                    bell.notified().await;
                }
                Err(trouble) => {
                    tracing::warn!(inbox = %id, error = %trouble, "who asks to be let in is answered later");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
        }
    }

    async fn answer_all(&self, id: InboxId, inbox: &dyn Inbox) -> Result<(), Trouble> {
        while let Some(request) = self.store.read(move |sql| requests::next(sql, id)).await? {
            let end = self.answer_one(id, inbox, &request).await?;
            let accepted = match &end {
                End::Accepted(returned) => Some(returned.clone()),
                _ => None,
            };
            let settle = Settle {
                inbox: id,
                request: self.as_it_is(id, request.clone()).await?,
                end,
            };
            self.commit(settle).await?;
            if let Some(returned) = accepted {
                profiles::introduce(inbox, &returned.conversation, &request).await;
            }
        }
        Ok(())
    }

    /// `request` with what was decided since it was read.
    async fn as_it_is(&self, id: InboxId, request: Request) -> Result<Request, Problem> {
        let now = self.store.read(move |sql| requests::next(sql, id)).await?;
        Ok(now.unwrap_or(request))
    }

    async fn answer_one(&self, id: InboxId, inbox: &dyn Inbox, request: &Request) -> Result<End, Trouble> {
        let returned = match inbox.returned(&request.slug).await {
            Ok(returned) => returned,
            Err(error) if error.is_retryable() => return Err(error.into()),
            // a long word of people
            Err(NetworkError::Invalid(_)) if request.plain => return Ok(End::Nothing),
            Err(_) => return Ok(End::Foreign),
        };
        let subject = ConsentSubject::Inbox(request.sender.clone());
        if matches!(inbox.consent(&subject).await, Ok(Consent::Denied)) {
            // who is kept out is not told so
            return Ok(End::Refused(Void::Denied, Some(returned)));
        }
        match inbox.members(&returned.conversation).await {
            Ok(members) if members.iter().any(|member| member.inbox == request.sender) => {
                // the second of two copies, or the end of what was begun before a crash
                return Ok(match request.admitted {
                    true => End::Accepted(returned),
                    false => End::Nothing,
                });
            }
            Err(error) if error.is_retryable() => return Err(error.into()),
            _ => {}
        }
        let admit = Admit {
            inbox: id,
            request: request.clone(),
            returned: returned.clone(),
            settings: (*self.records.settings).clone(),
        };
        let admitted = self.commit(admit).await?;
        let void = match admitted {
            Err(void) => void,
            Ok(()) => {
                let add = Change::Add(vec![request.sender.clone()]);
                match inbox.change(&returned.conversation, &add).await {
                    Ok(()) => return Ok(End::Accepted(returned)),
                    Err(error) if error.is_retryable() => return Err(error.into()),
                    Err(error) => {
                        tracing::warn!(inbox = %id, %error, "who asked cannot be let in");
                        Void::Failed
                    }
                }
            }
        };
        tell(inbox, request, &returned, void).await?;
        Ok(End::Refused(void, Some(returned)))
    }
}

/// Tells whoever asked why they are not let in. The same each time, so that it comes once.
async fn tell(inbox: &dyn Inbox, request: &Request, returned: &Returned, void: Void) -> Result<(), NetworkError> {
    let content = Content {
        content_type: WellKnown::InviteJoinError.as_str().to_owned(),
        body: json!({
            "errorType": void.kind(),
            "inviteTag": returned.tag,
            "timestamp": Millis(request.sent_at.0).to_rfc3339(),
            "reason": void.as_str(),
        }),
    };
    let key = format!("join-error:{}", request.message);
    match inbox.send(&request.conversation, &content, &key).await {
        Err(error) if error.is_retryable() => Err(error),
        Err(error) => {
            tracing::debug!(%error, "whoever asked to be let in cannot be told why not");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}
