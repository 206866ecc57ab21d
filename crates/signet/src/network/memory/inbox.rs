//! An inbox on a network in memory.

use std::{future::ready, sync::Arc, time::Duration};

use chancery_base::Millis;
use futures_util::{
    future::BoxFuture,
    stream::{self, BoxStream},
};
use tokio::sync::watch;

use super::{Shared, world::World};
use crate::network::{
    Change, Consent, ConsentSubject, Content, Conversation, ConversationName, Cursor, Details, Event, Health, Inbox,
    InboxName, InviteTerms, Member, Message, MessageName, MessageQuery, NetworkError, Returned, Sent, State,
};

/// An inbox that is open. Dropped, it closes.
pub(super) struct MemoryInbox {
    shared: Arc<Shared>,
    name: InboxName,
    opening: u64,
}

/// How far somebody is in a log.
struct Reader {
    shared: Arc<Shared>,
    name: InboxName,
    opening: u64,
    after: usize,
    bell: watch::Receiver<()>,
}

impl MemoryInbox {
    pub(super) fn new(shared: Arc<Shared>, name: InboxName, opening: u64) -> Self {
        Self { shared, name, opening }
    }

    /// Looks at the world once everything that is due has come.
    fn look<T>(&self, look: impl FnOnce(&World) -> Result<T, NetworkError>) -> Result<T, NetworkError> {
        let mut world = self.shared.world();
        world.read_log(&self.name, self.shared.now());
        look(&world)
    }

    fn change_world<'a, T: Send + 'a>(
        &self,
        change: impl FnOnce(&mut World, Millis) -> Result<T, NetworkError>,
    ) -> BoxFuture<'a, Result<T, NetworkError>> {
        let done = self.shared.change(|world, now| {
            world.read_log(&self.name, now);
            change(world, now)
        });
        Box::pin(ready(done))
    }
}

impl Inbox for MemoryInbox {
    fn name(&self) -> &InboxName {
        &self.name
    }

    fn health(&self) -> Health {
        let mut world = self.shared.world();
        world.read_log(&self.name, self.shared.now());
        let trouble = world.reach(&self.name).err();
        Health {
            state: match trouble {
                Some(_) => State::Disconnected,
                None => State::Live,
            },
            last_sync: world.line(&self.name).ok().and_then(|line| line.last_sync),
            last_error: trouble.map(|error| error.to_string()),
        }
    }

    fn events(&self, after: Cursor) -> BoxStream<'static, Result<(Cursor, Event), NetworkError>> {
        let reader = Reader {
            shared: Arc::clone(&self.shared),
            name: self.name.clone(),
            opening: self.opening,
            after: usize::try_from(after.0).unwrap_or(usize::MAX),
            bell: self.shared.bell.subscribe(),
        };
        Box::pin(stream::unfold(
            Some(reader),
            |reader| async move { reader?.next().await },
        ))
    }

    fn end(&self) -> BoxFuture<'_, Result<Cursor, NetworkError>> {
        let end = self.look(|world| Ok(cursor(world.line(&self.name)?.end())));
        Box::pin(ready(end))
    }

    fn send<'a>(
        &'a self,
        conversation: &'a ConversationName,
        content: &'a Content,
        idempotency_key: &'a str,
    ) -> BoxFuture<'a, Result<Sent, NetworkError>> {
        self.change_world(|world, now| world.send(&self.name, conversation, content, idempotency_key, now))
    }

    fn sync<'a>(&'a self, conversation: Option<&'a ConversationName>) -> BoxFuture<'a, Result<(), NetworkError>> {
        self.change_world(|world, _| {
            if let Some(name) = conversation {
                world.conversation(&self.name, name)?;
            }
            world.reach(&self.name)
        })
    }

    fn conversations(&self) -> BoxFuture<'_, Result<Vec<Conversation>, NetworkError>> {
        let all = self.look(|world| {
            let joined = world.line(&self.name)?.events().filter_map(|event| match event {
                Event::Joined(joined) => Some(world.conversation(&self.name, &joined.name)),
                Event::Said(_) => None,
            });
            joined.collect()
        });
        Box::pin(ready(all))
    }

    fn conversation<'a>(&'a self, name: &'a ConversationName) -> BoxFuture<'a, Result<Conversation, NetworkError>> {
        let found = self.look(|world| world.conversation(&self.name, name));
        Box::pin(ready(found))
    }

    fn members<'a>(&'a self, name: &'a ConversationName) -> BoxFuture<'a, Result<Vec<Member>, NetworkError>> {
        let found = self.look(|world| {
            world.conversation(&self.name, name)?;
            let roles = world.roles(name).into_iter().flatten();
            let member = |(inbox, role): (&InboxName, &_)| Member {
                inbox: inbox.clone(),
                role: *role,
            };
            Ok(roles.map(member).collect())
        });
        Box::pin(ready(found))
    }

    fn messages<'a>(&'a self, query: MessageQuery<'a>) -> BoxFuture<'a, Result<Vec<Message>, NetworkError>> {
        let found = self.look(|world| {
            world.conversation(&self.name, query.conversation)?;
            let asked = |message: &Message| {
                message.conversation == *query.conversation
                    && query.before.is_none_or(|before| message.sent_at < before)
                    && query.after.is_none_or(|after| message.sent_at > after)
            };
            let newest = world.line(&self.name)?.events().rev().filter_map(|event| match event {
                Event::Said(message) if asked(message) => Some(message.clone()),
                _ => None,
            });
            let mut newest: Vec<_> = newest.take(query.limit).collect();
            newest.reverse();
            Ok(newest)
        });
        Box::pin(ready(found))
    }

    fn message<'a>(&'a self, name: &'a MessageName) -> BoxFuture<'a, Result<Option<Message>, NetworkError>> {
        let found = self.look(|world| {
            let mut events = world.line(&self.name)?.events();
            Ok(events.find_map(|event| match event {
                Event::Said(message) if message.name == *name => Some(message.clone()),
                _ => None,
            }))
        });
        Box::pin(ready(found))
    }

    fn create_group<'a>(
        &'a self,
        members: &'a [InboxName],
        details: &'a Details,
    ) -> BoxFuture<'a, Result<ConversationName, NetworkError>> {
        self.change_world(|world, now| world.create(&self.name, members, details, None, now))
    }

    fn create_dm<'a>(&'a self, peer: &'a InboxName) -> BoxFuture<'a, Result<ConversationName, NetworkError>> {
        self.change_world(|world, now| {
            if *peer == self.name {
                return Err(NetworkError::Invalid("a conversation with oneself".to_owned()));
            }
            match world.dm_of(&self.name, peer) {
                Some(there) => Ok(there),
                None => {
                    let dm = Some([self.name.clone(), peer.clone()]);
                    world.create(&self.name, std::slice::from_ref(peer), &Details::default(), dm, now)
                }
            }
        })
    }

    fn change<'a>(&'a self, name: &'a ConversationName, change: &'a Change) -> BoxFuture<'a, Result<(), NetworkError>> {
        self.change_world(|world, now| world.change(&self.name, name, change, now))
    }

    fn invite<'a>(&'a self, terms: &'a InviteTerms) -> BoxFuture<'a, Result<String, NetworkError>> {
        self.change_world(|world, _| {
            world.conversation(&self.name, &terms.conversation)?;
            world.invites.make(&self.name, terms)
        })
    }

    fn returned<'a>(&'a self, text: &'a str) -> BoxFuture<'a, Result<Returned, NetworkError>> {
        let returned = self.look(|world| world.invites.read(text)?.returned_to(&self.name));
        Box::pin(ready(returned))
    }

    fn consent<'a>(&'a self, of: &'a ConsentSubject) -> BoxFuture<'a, Result<Consent, NetworkError>> {
        let found = self.look(|world| {
            if let ConsentSubject::Conversation(name) = of {
                world.conversation(&self.name, name)?;
            }
            let consents = &world.line(&self.name)?.consents;
            Ok(consents.get(of).copied().unwrap_or(Consent::Unknown))
        });
        Box::pin(ready(found))
    }

    fn set_consent<'a>(&'a self, of: &'a ConsentSubject, consent: Consent) -> BoxFuture<'a, Result<(), NetworkError>> {
        self.change_world(|world, _| {
            if let ConsentSubject::Conversation(name) = of {
                world.conversation(&self.name, name)?;
            }
            if let Some(line) = world.line_mut(&self.name) {
                line.consents.insert(of.clone(), consent);
            }
            Ok(())
        })
    }
}

/// What somebody sees who looks at a log.
enum Seen {
    /// The next event.
    Event(Event),
    /// Nothing yet; the next one is there after so many milliseconds.
    Nothing(Option<u64>),
    /// The inbox was closed.
    Closed,
    /// The log ends before the place where the reader is.
    Lost,
}

impl Reader {
    fn look(&self) -> Seen {
        let now = self.shared.now();
        let mut world = self.shared.world();
        world.read_log(&self.name, now);
        match world.line(&self.name) {
            Ok(line) if line.open == Some(self.opening) => match line.event(self.after) {
                Some(event) => Seen::Event(event.clone()),
                None if self.after > line.end() => Seen::Lost,
                None => {
                    let due = line.next_due().map(|due| due.since(now));
                    Seen::Nothing(due.and_then(|due| u64::try_from(due).ok()).filter(|due| *due > 0))
                }
            },
            _ => Seen::Closed,
        }
    }

    /// The next event, and the reader unless this is the end.
    async fn next(mut self) -> Option<(Result<(Cursor, Event), NetworkError>, Option<Self>)> {
        loop {
            // before looking, so that what comes while we look is seen the next time
            self.bell.borrow_and_update();
            let wait = match self.look() {
                Seen::Event(event) => {
                    self.after += 1;
                    return Some((Ok((cursor(self.after), event)), Some(self)));
                }
                Seen::Nothing(wait) => wait,
                Seen::Closed => return None,
                Seen::Lost => {
                    let lost = NetworkError::Local("the log ends before the cursor".to_owned());
                    return Some((Err(lost), None));
                }
            };
            tokio::select! {
                rung = self.bell.changed() => rung.ok()?,
                () = sleep(wait) => {}
            }
        }
    }
}

impl Drop for MemoryInbox {
    fn drop(&mut self) {
        self.shared.change(|world, _| {
            if let Some(line) = world.line_mut(&self.name)
                && line.open == Some(self.opening)
            {
                line.open = None;
            }
        });
    }
}

fn cursor(place: usize) -> Cursor {
    Cursor(u64::try_from(place).unwrap_or(u64::MAX))
}

/// Sleeps so many milliseconds, or for ever.
async fn sleep(wait: Option<u64>) {
    match wait {
        Some(wait) => tokio::time::sleep(Duration::from_millis(wait)).await,
        None => std::future::pending().await,
    }
}
