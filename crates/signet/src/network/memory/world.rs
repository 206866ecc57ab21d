//! What there is on a network in memory, and what may be done to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chancery_base::{Millis, digest::sha256_hex, json};
use serde_json::{Value, json};

use super::{
    invites::Invites,
    updated::{Updated, check, role_changes},
};
use crate::network::{
    Change, Consent, ConsentSubject, Content, Conversation, ConversationName, Details, Event, InboxName, Message,
    MessageName, NetworkError, Role, Sent,
};

#[derive(Default)]
pub(super) struct World {
    pub(super) cut_off: bool,
    pub(super) cut_off_inboxes: BTreeSet<InboxName>,
    pub(super) lose_answers: usize,
    pub(super) lose_sends: usize,
    pub(super) delay: Duration,
    inboxes: BTreeMap<InboxName, Line>,
    /// Whose file is under which local name, and its key.
    places: BTreeMap<String, (InboxName, [u8; 32])>,
    chats: BTreeMap<ConversationName, Chat>,
    pub(super) invites: Invites,
    /// Counts what is made, so that names differ.
    made: u64,
}

/// What there is of one inbox.
#[derive(Default)]
pub(super) struct Line {
    address: String,
    /// By which opening it is open.
    pub(super) open: Option<u64>,
    /// All that was meant for it, and when it is there.
    log: Vec<(Millis, Event)>,
    /// So much of the log has reached it.
    read: usize,
    pub(super) consents: BTreeMap<ConsentSubject, Consent>,
    pub(super) last_sync: Option<Millis>,
}

struct Chat {
    dm: Option<[InboxName; 2]>,
    details: Details,
    members: BTreeMap<InboxName, Role>,
    said: BTreeMap<MessageName, Sent>,
}

impl Line {
    /// What has reached the inbox.
    pub(super) fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.log.iter().take(self.read).map(|(_, event)| event)
    }

    pub(super) fn end(&self) -> usize {
        self.read
    }

    /// When the next event is there.
    pub(super) fn next_due(&self) -> Option<Millis> {
        self.log.get(self.read).map(|(due, _)| *due)
    }

    pub(super) fn event(&self, number: usize) -> Option<&Event> {
        let (_, event) = self.log.get(..self.read)?.get(number)?;
        Some(event)
    }
}

impl World {
    /// The number of this opening.
    pub(super) fn open(
        &mut self,
        local: &str,
        name: &InboxName,
        address: String,
        key: [u8; 32],
        now: Millis,
    ) -> Result<u64, NetworkError> {
        let place = (name.clone(), key);
        match self.places.get(local) {
            Some(there) if *there != place => {
                return Err(NetworkError::Local(format!("{local} has other keys")));
            }
            Some(_) => {}
            None => self.reach(name)?,
        }
        self.made += 1;
        let line = self.inboxes.entry(name.clone()).or_default();
        if line.open.is_some() {
            return Err(NetworkError::Local(format!("{local} is open already")));
        }
        line.address = address;
        line.open = Some(self.made);
        self.places.insert(local.to_owned(), place);
        self.read_log(name, now);
        Ok(self.made)
    }

    pub(super) fn forget(&mut self, local: &str) -> Result<(), NetworkError> {
        let Some((name, _)) = self.places.get(local) else {
            return Ok(());
        };
        if let Some(line) = self.inboxes.get_mut(name) {
            if line.open.is_some() {
                return Err(NetworkError::Local(format!("{local} is open")));
            }
            // the inbox stays on the network; what was on the disk is gone
            line.log.clear();
            line.read = 0;
            line.consents.clear();
        }
        self.places.remove(local);
        Ok(())
    }

    pub(super) fn resolve(&self, name_or_address: &str) -> Result<Option<InboxName>, NetworkError> {
        if self.cut_off {
            return Err(unreachable());
        }
        let wanted = name_or_address.to_lowercase();
        let mut found = self.inboxes.iter();
        let found = found.find(|(name, line)| name.0 == wanted || line.address == wanted);
        Ok(found.map(|(name, _)| name.clone()))
    }

    /// Whether `inbox` reaches the network.
    pub(super) fn reach(&self, inbox: &InboxName) -> Result<(), NetworkError> {
        if self.cut_off || self.cut_off_inboxes.contains(inbox) {
            return Err(unreachable());
        }
        Ok(())
    }

    /// What there is of an inbox that is open.
    pub(super) fn line(&self, inbox: &InboxName) -> Result<&Line, NetworkError> {
        let found = self.inboxes.get(inbox);
        found.ok_or_else(|| NetworkError::NotFound(format!("inbox {inbox}")))
    }

    pub(super) fn line_mut(&mut self, inbox: &InboxName) -> Option<&mut Line> {
        self.inboxes.get_mut(inbox)
    }

    /// Lets what is due reach an inbox that reaches the network.
    pub(super) fn read_log(&mut self, inbox: &InboxName, now: Millis) {
        if self.reach(inbox).is_err() {
            return;
        }
        if let Some(line) = self.inboxes.get_mut(inbox) {
            let due = line.log.iter().skip(line.read).take_while(|(due, _)| *due <= now);
            line.read += due.count();
            line.last_sync = Some(now);
        }
    }

    pub(super) fn conversation(
        &self,
        inbox: &InboxName,
        name: &ConversationName,
    ) -> Result<Conversation, NetworkError> {
        let mut events = self.line(inbox)?.events();
        let joined = events.find_map(|event| match event {
            Event::Joined(joined) if joined.name == *name => Some(joined),
            _ => None,
        });
        let (Some(joined), Some(chat)) = (joined, self.chats.get(name)) else {
            return Err(no_conversation(name));
        };
        Ok(Conversation {
            details: chat.details.clone(),
            members: chat.members.keys().cloned().collect(),
            active: chat.members.contains_key(inbox),
            ..joined.clone()
        })
    }

    pub(super) fn roles(&self, name: &ConversationName) -> Option<&BTreeMap<InboxName, Role>> {
        self.chats.get(name).map(|chat| &chat.members)
    }

    pub(super) fn send(
        &mut self,
        inbox: &InboxName,
        name: &ConversationName,
        content: &Content,
        key: &str,
        now: Millis,
    ) -> Result<Sent, NetworkError> {
        if !self.conversation(inbox, name)?.active {
            return Err(NetworkError::Forbidden("no member any more".to_owned()));
        }
        self.reach(inbox)?;
        if take_one(&mut self.lose_sends) {
            return Err(unreachable());
        }
        let sent = self.say(inbox, name, content, key, now)?;
        if let Some(line) = self.inboxes.get_mut(inbox) {
            let subject = ConsentSubject::Conversation(name.clone());
            // who speaks where nobody decided wants it
            let consent = line.consents.entry(subject).or_insert(Consent::Unknown);
            if *consent == Consent::Unknown {
                *consent = Consent::Allowed;
            }
        }
        if take_one(&mut self.lose_answers) {
            return Err(unreachable());
        }
        Ok(sent)
    }

    /// Puts a message into the order of its conversation, unless it is there, and into the logs of all members.
    fn say(
        &mut self,
        inbox: &InboxName,
        name: &ConversationName,
        content: &Content,
        key: &str,
        now: Millis,
    ) -> Result<Sent, NetworkError> {
        let message = message_name(name, content, key)?;
        let chat = self.chats.get_mut(name).ok_or_else(|| no_conversation(name))?;
        if let Some(sent) = chat.said.get(&message) {
            return Ok(sent.clone());
        }
        let sent = Sent {
            name: message.clone(),
            sent_at: now,
        };
        chat.said.insert(message.clone(), sent.clone());
        let said = said(name, inbox, content, message, now);
        let members: Vec<_> = chat.members.keys().cloned().collect();
        for member in members {
            self.tell(&member, Event::Said(said.clone()), now);
        }
        Ok(sent)
    }

    fn tell(&mut self, inbox: &InboxName, event: Event, now: Millis) {
        let due = now.plus(i64::try_from(self.delay.as_millis()).unwrap_or(i64::MAX));
        if let Some(line) = self.inboxes.get_mut(inbox) {
            line.log.push((due, event));
        }
        self.read_log(inbox, now);
    }

    pub(super) fn create(
        &mut self,
        inbox: &InboxName,
        members: &[InboxName],
        details: &Details,
        dm: Option<[InboxName; 2]>,
        now: Millis,
    ) -> Result<ConversationName, NetworkError> {
        self.reach(inbox)?;
        check(details)?;
        self.registered(members)?;
        self.made += 1;
        let hash = sha256_hex(format!("conversation {}", self.made));
        let name = ConversationName(hash.get(..32).unwrap_or_default().to_owned());
        let role = if dm.is_some() { Role::Member } else { Role::SuperAdmin };
        self.chats.insert(
            name.clone(),
            Chat {
                dm,
                details: details.clone(),
                members: BTreeMap::from([(inbox.clone(), role)]),
                said: BTreeMap::new(),
            },
        );
        self.joins(inbox, &name, Consent::Allowed, now);
        self.add(inbox, &name, members, now)?;
        Ok(name)
    }

    fn registered(&self, inboxes: &[InboxName]) -> Result<(), NetworkError> {
        match inboxes.iter().find(|inbox| !self.inboxes.contains_key(*inbox)) {
            Some(unknown) => Err(NetworkError::NotFound(format!("inbox {unknown}"))),
            None => Ok(()),
        }
    }

    /// The direct conversation of two, if they have one.
    pub(super) fn dm_of(&self, one: &InboxName, two: &InboxName) -> Option<ConversationName> {
        let between = |chat: &Chat| chat.dm.as_ref().is_some_and(|dm| dm.contains(one) && dm.contains(two));
        let mut chats = self.chats.iter();
        chats.find(|(_, chat)| between(chat)).map(|(name, _)| name.clone())
    }

    fn joins(&mut self, inbox: &InboxName, name: &ConversationName, consent: Consent, now: Millis) {
        let Some(chat) = self.chats.get(name) else { return };
        let conversation = Conversation {
            name: name.clone(),
            peer: chat
                .dm
                .as_ref()
                .and_then(|dm| dm.iter().find(|one| *one != inbox).cloned()),
            details: chat.details.clone(),
            members: chat.members.keys().cloned().collect(),
            created_at: now,
            active: true,
        };
        let Some(line) = self.inboxes.get_mut(inbox) else {
            return;
        };
        let known = |(_, event): &(Millis, Event)| matches!(event, Event::Joined(joined) if joined.name == *name);
        if line.log.iter().any(known) {
            return;
        }
        let subject = ConsentSubject::Conversation(name.clone());
        line.consents.entry(subject).or_insert(consent);
        self.tell(inbox, Event::Joined(conversation), now);
    }

    fn add(
        &mut self,
        by: &InboxName,
        name: &ConversationName,
        inboxes: &[InboxName],
        now: Millis,
    ) -> Result<(), NetworkError> {
        self.registered(inboxes)?;
        let chat = self.chats.get_mut(name).ok_or_else(|| no_conversation(name))?;
        let mut added: Vec<_> = inboxes.to_vec();
        added.retain(|inbox| !chat.members.contains_key(inbox));
        added.dedup();
        let updated = Updated {
            added: added.clone(),
            ..Updated::default()
        };
        // those who are there read it in the order of the group, and those who come are told each by himself
        self.tell_update(by, name, &updated, now)?;
        if let Some(chat) = self.chats.get_mut(name) {
            chat.members
                .extend(added.iter().map(|inbox| (inbox.clone(), Role::Member)));
        }
        for inbox in &added {
            self.joins(inbox, name, Consent::Unknown, now);
            let own = Updated {
                added: vec![inbox.clone()],
                ..Updated::default()
            };
            self.made += 1;
            let content = own.content(by);
            let message = message_name(name, &content, &self.made.to_string())?;
            let said = said(name, by, &content, message, now);
            self.tell(inbox, Event::Said(said), now);
        }
        Ok(())
    }

    pub(super) fn change(
        &mut self,
        by: &InboxName,
        name: &ConversationName,
        change: &Change,
        now: Millis,
    ) -> Result<(), NetworkError> {
        if !self.conversation(by, name)?.active {
            return Err(NetworkError::Forbidden("no member any more".to_owned()));
        }
        self.reach(by)?;
        let chat = self.chats.get_mut(name).ok_or_else(|| no_conversation(name))?;
        let mine = chat.members.get(by).copied().unwrap_or(Role::Member);
        let direct = chat.dm.is_some();
        let mut updated = Updated::default();
        match change {
            Change::Add(_) | Change::Remove(_) | Change::Role(..) | Change::Leave if direct => {
                return Err(NetworkError::Forbidden(
                    "a direct conversation has its two members".to_owned(),
                ));
            }
            Change::Add(inboxes) => return self.add(by, name, inboxes, now),
            Change::Remove(_) if mine == Role::Member => {
                return Err(NetworkError::Forbidden("only admins send members out".to_owned()));
            }
            Change::Remove(inboxes) => {
                updated.removed = inboxes.clone();
                updated.removed.retain(|inbox| chat.members.contains_key(inbox));
            }
            Change::Role(..) if mine != Role::SuperAdmin => {
                return Err(NetworkError::Forbidden("only super admins give roles".to_owned()));
            }
            Change::Role(inbox, role) => {
                let found = chat.members.get_mut(inbox);
                let found = found.ok_or_else(|| NetworkError::NotFound(format!("member {inbox}")))?;
                updated.roles = role_changes(*found, *role)
                    .into_iter()
                    .map(|field| (field, inbox.clone()))
                    .collect();
                *found = *role;
            }
            Change::Leave if mine == Role::SuperAdmin => {
                return Err(NetworkError::Forbidden("a super admin cannot leave".to_owned()));
            }
            Change::Leave => updated.left = vec![by.clone()],
            Change::Title(new) => updated.field(0, &mut chat.details.title, new)?,
            Change::Description(new) => updated.field(1, &mut chat.details.description, new)?,
            Change::ImageUrl(new) => updated.field(2, &mut chat.details.image_url, new)?,
        }
        self.tell_update(by, name, &updated, now)?;
        if let Some(chat) = self.chats.get_mut(name) {
            let gone = |inbox: &InboxName| updated.removed.contains(inbox) || updated.left.contains(inbox);
            chat.members.retain(|inbox, _| !gone(inbox));
        }
        Ok(())
    }

    fn tell_update(
        &mut self,
        by: &InboxName,
        name: &ConversationName,
        updated: &Updated,
        now: Millis,
    ) -> Result<(), NetworkError> {
        if updated.is_empty() {
            return Ok(());
        }
        self.made += 1;
        let key = self.made.to_string();
        self.say(by, name, &updated.content(by), &key, now)?;
        Ok(())
    }
}

fn said(name: &ConversationName, by: &InboxName, content: &Content, message: MessageName, now: Millis) -> Message {
    let reply = content.content_type.starts_with("xmtp.org/reply:");
    let reference = content.body.get("reference").and_then(Value::as_str);
    Message {
        name: message,
        conversation: name.clone(),
        sender: by.clone(),
        reply_to: reference.filter(|_| reply).map(|name| MessageName(name.to_owned())),
        content: content.clone(),
        sent_at: now,
    }
}

fn message_name(name: &ConversationName, content: &Content, key: &str) -> Result<MessageName, NetworkError> {
    let whole = json!([name.0, content.content_type, content.body, key]);
    let bytes = json::canonical(&whole).map_err(|error| NetworkError::Invalid(error.to_string()))?;
    Ok(MessageName(sha256_hex(bytes)))
}

fn no_conversation(name: &ConversationName) -> NetworkError {
    NetworkError::NotFound(format!("conversation {name}"))
}

fn unreachable() -> NetworkError {
    NetworkError::Unreachable("cut off".to_owned())
}

fn take_one(left: &mut usize) -> bool {
    let any = *left > 0;
    *left = left.saturating_sub(1);
    any
}
