//! Finding what a reveal brings to light: the messages are where they always were, in the inbox.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chancery_base::Millis;
use chancery_signet_wire::Uuid;

use super::{
    ids,
    reveal::{self, Release, Where},
    standing::Standing,
};
use crate::{
    network::{ConversationName, Inbox, Message, MessageName, MessageQuery, NetworkError},
    store::Problem,
    traffic::Traffic,
};

/// Messages that are read at a time.
const PAGE: usize = 200;
/// Messages that one reveal looks through, from the newest on: what is older is read by asking for the history.
const MOST: usize = 5_000;
/// How long until an inbox that could not be read is read again.
const PAUSE: Duration = Duration::from_secs(2);

/// Why nothing was released yet.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Store(#[from] Problem),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("the inbox is not open")]
    Closed,
}

impl Traffic {
    /// Tells the harness what a reveal that was granted brings to light; as often as it takes.
    pub(crate) fn release(self: &Arc<Self>, id: Uuid) {
        let traffic = Arc::clone(self);
        self.spawn(async move {
            while let Err(trouble) = traffic.release_now(id).await {
                tracing::warn!(reveal = %id, error = %trouble, "what a reveal shows cannot be read yet");
                tokio::time::sleep(PAUSE).await;
            }
        });
    }

    /// Takes up the reveals of which nothing was told when the signet ended.
    pub(crate) async fn release_all(self: &Arc<Self>) -> Result<(), Problem> {
        for id in self.store.read(reveal::unreleased).await? {
            self.release(id);
        }
        Ok(())
    }

    async fn release_now(&self, id: Uuid) -> Result<(), Trouble> {
        let decided = Arc::clone(&self.decided);
        let found = self.store.read(move |sql| {
            let Some(kept) = reveal::find(sql, id)? else {
                return Ok(None);
            };
            let standing = Standing::load(sql, kept.credential, &decided.rules)?;
            let place = kept.reveal.as_ref().and_then(Where::of);
            let (Some(standing), Some(place)) = (standing, place) else {
                return Ok(None);
            };
            let (Some(inbox), Some(name)) = (standing.inbox_in(place.chat), ids::conversation(sql, place.chat)?) else {
                return Ok(None);
            };
            let message = match place.message {
                Some(id) => Some(ids::message_in(sql, id, place.chat)?.map(|(name, _)| name)),
                None => None,
            };
            Ok::<_, Problem>(Some((inbox, name, message, place)))
        });
        let mut messages = Vec::new();
        if let Some((inbox, name, message, place)) = found.await? {
            let inbox = self.inbox(inbox).ok_or(Trouble::Closed)?;
            messages = match message {
                Some(message) => one(&*inbox, message).await?,
                None => all(&*inbox, &name, (place.before, place.after)).await?,
            };
        }
        let release = Release {
            id,
            messages,
            decided: Arc::clone(&self.decided),
        };
        self.commit(release).await?;
        Ok(())
    }
}

async fn one(inbox: &dyn Inbox, name: Option<MessageName>) -> Result<Vec<Message>, NetworkError> {
    match name {
        Some(name) => Ok(inbox.message(&name).await?.into_iter().collect()),
        None => Ok(Vec::new()),
    }
}

/// The messages of a conversation before and after a time, oldest first; the newest when there are very many.
pub(crate) async fn all(
    inbox: &dyn Inbox,
    name: &ConversationName,
    (mut before, after): (Option<Millis>, Option<Millis>),
) -> Result<Vec<Message>, NetworkError> {
    let mut seen = HashSet::new();
    let mut newest_first = Vec::new();
    while newest_first.len() < MOST {
        let page = inbox.messages(MessageQuery {
            conversation: name,
            before,
            after,
            limit: PAGE,
        });
        let page = page.await?;
        let (full, oldest) = (page.len() >= PAGE, page.first().map(|message| message.sent_at));
        let known = seen.len();
        for message in page.into_iter().rev() {
            if seen.insert(message.name.clone()) {
                newest_first.push(message);
            }
        }
        let Some(oldest) = oldest.filter(|_| full) else { break };
        // others of the same millisecond may be on the next page; when it brings nothing new, they were all there
        before = Some(if seen.len() > known { oldest.plus(1) } else { oldest });
    }
    newest_first.reverse();
    Ok(newest_first)
}
