//! Saying something (xmtp spec 3.6).
//!
//! Those who speak at the same time in one group are taken together: one transaction makes all their messages, one request
//! sends them, in the order of their keys. A receiver lets messages overtake each other a little only.

use bytes::Bytes;
use chancery_base::{Rng as _, digest::sha256};
use chancery_xmtp_wire::content::{EncodedContent, Envelope, HmacKey, MessageId, epoch};
use openmls::group::{GroupId, MlsGroup};
use tokio::sync::oneshot;

use super::{Client, ClientError, Consent, Inner, action::Action, lock};
use crate::{
    network::NodeError,
    storage::{Intent, IntentId, IntentState, OutboxMessage, StorageError, Tx},
};

/// Messages that one request sends: far below what a node takes.
const AT_ONCE: usize = 64;
/// Bytes that one request sends, unless a single message is longer.
const BYTES_AT_ONCE: usize = 4 << 20;
/// Nanoseconds of a millisecond.
const MS: u64 = 1_000_000;

/// Something to be said, and who waits for it.
pub(super) struct Letter {
    content: Vec<u8>,
    key: Option<String>,
    made: oneshot::Sender<Result<MessageId, ClientError>>,
}

impl Client {
    /// Says something. When this answers, the network has it. The first time in a group to which we were welcomed, and when
    /// our keys there are 30 days old, a commit renews them before; what is said does not depend on that.
    ///
    /// # Errors
    /// [`ClientError::NoConversation`], `NotAMember` or `Paused`; those of the file and the node. After one that is retryable,
    /// or [`NodeError::Denied`], the message is [`Pending`](super::Delivery::Pending), and the next sync sends it. After
    /// [`NodeError::Refused`] it has [`Failed`](super::Delivery::Failed), and keeps no other from being sent.
    pub async fn send(&self, group: &GroupId, content: EncodedContent) -> Result<MessageId, ClientError> {
        self.say(group, &content, None).await
    }

    /// The same with a key of one's own: the same content with the same key is one message, however often it is sent. One
    /// that failed is tried once more. A DM is written to in the group in which we write now, unless the message is in
    /// another one already.
    ///
    /// # Errors
    /// Those of [`send`](Self::send).
    pub async fn send_keyed(
        &self,
        group: &GroupId,
        content: EncodedContent,
        idempotency_key: &str,
    ) -> Result<MessageId, ClientError> {
        let groups = self.inner.stitched(group)?;
        let bytes = content.encode();
        let begun = self.inner.db.transaction(|tx| {
            for group in &groups {
                let id = MessageId::of(group.as_slice(), idempotency_key, &bytes);
                if tx.has_message(&id)? {
                    return Ok(Some((group.clone(), Some(id))));
                }
                // one that failed never went out
                if tx.posted(&id)?.is_some_and(|message| !message.has_failed()) {
                    return Ok(Some((group.clone(), None)));
                }
            }
            Ok::<_, ClientError>(None)
        })?;
        let to = match begun {
            Some((_, Some(done))) => return Ok(done),
            Some((begun, None)) => begun,
            None => groups.into_iter().next().ok_or(ClientError::NoConversation)?,
        };
        self.say(&to, &content, Some(idempotency_key.to_owned())).await
    }

    async fn say(
        &self,
        group: &GroupId,
        content: &EncodedContent,
        key: Option<String>,
    ) -> Result<MessageId, ClientError> {
        let inner = &self.inner;
        inner.writable(group)?;
        // a node that is away, a member whose log nobody can verify, a key package that does not fit: what is said is written
        // down all the same, and goes out when it can
        if let Err(
            error @ (ClientError::NoConversation
            | ClientError::NotAMember
            | ClientError::Paused(_)
            | ClientError::Storage(_)),
        ) = inner.refresh_members(group).await
        {
            return Err(error);
        }
        inner.renew_keys_to_speak(group).await?;
        let (made, mut ready) = oneshot::channel();
        let lane = inner.lane(group);
        lock(&lane.letters).push(Letter {
            content: content.encode(),
            key,
            made,
        });
        let turn = lane.post.lock().await;
        let letters = std::mem::take(&mut *lock(&lane.letters));
        if !letters.is_empty() {
            inner.write(group, letters);
        }
        // ours was among them, or among those of somebody who had the turn before
        let id = ready
            .try_recv()
            .map_err(|_| ClientError::Node(NodeError::Unavailable("nobody sent it".into())))??;
        inner.post(group).await?;
        drop(turn);
        match inner.db.transaction(|tx| tx.posted(&id))?.and_then(|left| left.refused) {
            Some(said) => Err(NodeError::Refused(said).into()),
            None => Ok(id),
        }
    }
}

impl Inner {
    /// Makes messages of letters, all in one transaction, and tells each who waits for it.
    fn write(&self, group: &GroupId, letters: Vec<Letter>) {
        let mut answers = Vec::with_capacity(letters.len());
        let (letters, waiting): (Vec<_>, Vec<_>) = letters
            .into_iter()
            .map(|letter| ((letter.content, letter.key), letter.made))
            .unzip();
        let written = self.db.transaction(|tx| {
            let mut made = Vec::new();
            let mut mls = self.load(tx, group)?;
            // who speaks in a conversation wants it
            if tx
                .conversation(group)?
                .is_some_and(|row| row.new.consent == Consent::Unknown)
            {
                tx.conversation_consent(group, Consent::Allowed)?;
            }
            for (content, key) in letters {
                answers.push(self.write_one(tx, &mut mls, content, key, &mut made)?);
            }
            Ok::<_, ClientError>(made)
        });
        match written {
            Ok(made) => {
                lock(&self.unsent).extend(made.into_iter().map(|(id, payload)| (id, (group.clone(), payload))));
                for (waiting, id) in waiting.into_iter().zip(answers) {
                    let _ = waiting.send(Ok(id));
                }
            }
            Err(error) => {
                // the first one hears the reason, the others that it was the same for all
                let said = error.to_string();
                let mut error = Some(error);
                for waiting in waiting {
                    let why = error.take().unwrap_or_else(|| ClientError::Together(said.clone()));
                    let _ = waiting.send(Err(why));
                }
            }
        }
    }

    fn write_one(
        &self,
        tx: &Tx<'_>,
        mls: &mut MlsGroup,
        content: Vec<u8>,
        key: Option<String>,
        made: &mut Vec<(IntentId, Bytes)>,
    ) -> Result<MessageId, ClientError> {
        let group = &mls.group_id().clone();
        let written_ns = self.now_ns();
        let known = |id: &MessageId| Ok::<_, ClientError>(tx.has_message(id)? || tx.posted(id)?.is_some());
        let (key, id) = match key {
            Some(key) => {
                let id = MessageId::of(group.as_slice(), &key, &content);
                if let Some(left) = tx.posted(&id)?.filter(OutboxMessage::has_failed) {
                    let intent = try_again(tx, &left)?;
                    made.push((intent, self.encrypt(tx, mls, intent, &left)?));
                    return Ok(id);
                }
                if known(&id)? {
                    return Ok(id);
                }
                (key, id)
            }
            // the time, as official clients have it; below our clock's milliseconds it is drawn, so that two are two
            None => loop {
                let drawn = u64::from(u32::from_le_bytes(self.rng.bytes())) % MS;
                let key = written_ns.saturating_add(drawn).to_string();
                let id = MessageId::of(group.as_slice(), &key, &content);
                if !known(&id)? {
                    break (key, id);
                }
            },
        };
        let intent = tx.queue_intent(group, &Action::Say.encode()?)?;
        let message = OutboxMessage {
            id,
            group: group.clone(),
            intent: Some(intent),
            written_ns,
            idempotency_key: key,
            content,
            refused: None,
        };
        tx.post(&message)?;
        made.push((intent, self.encrypt(tx, mls, intent, &message)?));
        Ok(id)
    }

    /// Encrypts a message of the outbox for the epoch that the group is in.
    fn encrypt(
        &self,
        tx: &Tx<'_>,
        group: &mut MlsGroup,
        intent: IntentId,
        message: &OutboxMessage,
    ) -> Result<Bytes, ClientError> {
        if !group.is_active() {
            return Err(ClientError::NotAMember);
        }
        let plaintext = Envelope::message(message.content.clone().into(), &message.idempotency_key);
        let payload = group
            .create_message(&tx.provider(), &self.installation, &plaintext)
            .map_err(ClientError::mls("encrypt a message"))?
            .to_bytes()
            .map_err(ClientError::mls("encrypt a message"))?;
        tx.intent_made(intent, &sha256(&payload), group.epoch().as_u64())?;
        tx.keep_payload(intent, &payload, &[])?;
        Ok(payload.into())
    }

    /// Sends what was made for `group` and not sent yet, in order. What the node refuses for good has failed, and the rest
    /// goes on. Whoever calls has the turn.
    async fn post(&self, group: &GroupId) -> Result<(), ClientError> {
        let mut at_once = AT_ONCE;
        loop {
            let mut bytes = 0;
            let next: Vec<_> = lock(&self.unsent)
                .iter()
                .filter(|(_, (of, _))| of == group)
                .take(at_once)
                .take_while(|(_, (_, payload))| {
                    let first = bytes == 0;
                    bytes += payload.len();
                    first || bytes <= BYTES_AT_ONCE
                })
                .map(|(id, (_, payload))| (*id, payload.clone()))
                .collect();
            if next.is_empty() {
                return Ok(());
            }
            let mut messages = Vec::with_capacity(next.len());
            for (_, payload) in &next {
                messages.push((payload.clone(), self.mark(group, payload)?));
            }
            match self.node.send_group_messages(messages).await {
                Ok(()) => {}
                // one of them is refused: which one is seen when each goes alone
                Err(NodeError::Refused(_)) if next.len() > 1 => {
                    at_once = 1;
                    continue;
                }
                Err(NodeError::Refused(said)) => {
                    self.db.transaction(|tx| {
                        // what has come back all the same is over, or is to be made again
                        let there = |intent: &Intent| matches!(intent.state, IntentState::Made { .. });
                        for intent in tx.intents(group)?.into_iter().filter(there) {
                            if next.iter().any(|(id, _)| *id == intent.id) {
                                tx.intent_refused(intent.id, &said)?;
                            }
                        }
                        Ok::<_, StorageError>(())
                    })?;
                }
                Err(error) => return Err(error.into()),
            }
            let mut unsent = lock(&self.unsent);
            for (id, _) in &next {
                unsent.remove(id);
            }
        }
    }

    /// Makes again what came back too late for anybody to read, and sends what is not sent yet.
    pub(super) async fn post_what_is_left(&self, group: &GroupId) -> Result<(), ClientError> {
        let lane = self.lane(group);
        let _turn = lane.post.lock().await;
        let made = self.db.transaction(|tx| {
            let mut made = Vec::new();
            if tx
                .conversation(group)?
                .is_none_or(|row| !row.active || row.paused_for.is_some())
            {
                return Ok(made);
            }
            for intent in tx.intents(group)? {
                let queued = intent.state == IntentState::Queued;
                if queued && Action::decode(&intent.body)? == Action::Say {
                    match tx.posted_by(intent.id)? {
                        Some(message) => {
                            let mut mls = self.load(tx, group)?;
                            made.push((intent.id, self.encrypt(tx, &mut mls, intent.id, &message)?));
                        }
                        None => tx.intent_over(intent.id)?,
                    }
                }
            }
            Ok::<_, ClientError>(made)
        })?;
        lock(&self.unsent).extend(made.into_iter().map(|(id, payload)| (id, (group.clone(), payload))));
        self.post(group).await
    }

    /// Takes up again what an earlier run of the program may not have sent.
    pub(super) fn remember_unsent(&self) -> Result<(), ClientError> {
        let left = self.db.transaction(|tx| {
            let mut left = Vec::new();
            for row in tx.conversations_after(crate::storage::Position(0))? {
                let group = row.new.group;
                for made in tx.payloads(&group)? {
                    if tx.posted_by(made.intent)?.is_some() {
                        left.push((made.intent, (group.clone(), made.payload)));
                    }
                }
            }
            Ok::<_, ClientError>(left)
        })?;
        lock(&self.unsent).extend(left);
        Ok(())
    }

    /// An intent of the outbox is over, or must be made again.
    pub(super) fn forget_unsent(&self, intent: IntentId) {
        lock(&self.unsent).remove(&intent);
    }

    /// The mark by which a push server would know our other devices' sender. Ours share no key for it yet, so that it is
    /// known to this installation only (xmtp spec 3.6).
    pub(super) fn mark(&self, group: &GroupId, payload: &[u8]) -> Result<Bytes, ClientError> {
        let root = sha256(self.installation.key().to_seed().as_slice());
        let key = HmacKey::derive(&root, group.as_slice(), epoch(self.clock.now()))?;
        Ok(Bytes::copy_from_slice(&key.mark(payload)?))
    }
}

/// The intent that sends a message that failed once more.
fn try_again(tx: &Tx<'_>, failed: &OutboxMessage) -> Result<IntentId, ClientError> {
    if let Some(refused) = failed.intent {
        tx.intent_lost(refused)?;
        return Ok(refused);
    }
    let intent = tx.queue_intent(&failed.group, &Action::Say.encode()?)?;
    tx.post_again(&failed.id, intent)?;
    Ok(intent)
}
