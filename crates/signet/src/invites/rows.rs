//! Links as they are kept.

use chancery_base::{Millis, Rng};
use chancery_policy::messaging::Scope;
use chancery_signet_wire::{
    ConversationId, Failure, InboxId, Positive, Reference,
    action::input::{ChatInvite, ChatRevokeInvite},
    record::chat::InviteRevoked,
};
use chancery_store::rusqlite::{self, Connection, OptionalExtension as _, params};
use serde_json::json;

use crate::{
    authorize::{Caller, Right},
    network::Returned,
    principal::Principal,
    records::{
        Case, Look as _, Rule,
        chats::{self, Entry, Place},
    },
    settings::CredentialSettings,
    store::{
        Problem, Step, Tx,
        column::{optional_time, parsed},
    },
};

/// Links of one chat that count at a time: far more than anybody keeps track of.
const MAX_INVITES: u32 = 100;
/// Longest time for which a link is made to count, seconds.
const MAX_TTL_SECS: u64 = 366 * 24 * 3600;
/// Characters of a tag (signet spec 10.5): about 51 bits, which nobody guesses through a chat.
const TAG_CHARS: usize = 10;

/// A link.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Invite {
    pub(crate) tag: String,
    pub(crate) chat: ConversationId,
    pub(crate) inbox: InboxId,
    created_by: String,
    pub(crate) expires_at: Option<Millis>,
    pub(crate) single_use: bool,
    uses: u64,
    revoked_at: Option<Millis>,
}

/// Why nobody comes in by a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Void {
    /// It was not made here, it leads elsewhere, or its chat is gone.
    Unknown,
    /// Somebody took it back, or lost the right to have made it.
    Revoked,
    /// Its time is over.
    Expired,
    /// The time of its chat is over.
    Over,
    /// It was good for one.
    Used,
    /// Whoever asks is kept out.
    Denied,
    /// The network did not do it.
    Failed,
}

impl Void {
    /// As it is told and recorded.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Over => "conversation-expired",
            Self::Used => "used",
            Self::Denied => "denied",
            Self::Failed => "failed",
        }
    }

    /// The same in the words that every host of Convos has.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Over => "conversationExpired",
            _ => "genericFailure",
        }
    }

    /// What somebody else's host told, if it is one of these.
    pub(crate) fn told(kind: &str, reason: Option<&str>) -> Option<Self> {
        const ALL: [Void; 7] = [
            Void::Unknown,
            Void::Revoked,
            Void::Expired,
            Void::Over,
            Void::Used,
            Void::Denied,
            Void::Failed,
        ];
        let known = ALL.into_iter().find(|void| reason == Some(void.as_str()));
        known.or_else(|| (kind == Self::Over.kind()).then_some(Self::Over))
    }

    /// The same for people.
    pub(crate) const fn for_people(self) -> &'static str {
        match self {
            Self::Unknown => "the inviter does not know the invite any more",
            Self::Revoked => "the invite was revoked",
            Self::Expired => "the invite has expired",
            Self::Over => "the conversation has ended",
            Self::Used => "the invite was good for one, and has been used",
            Self::Denied => "the inviter keeps us out",
            Self::Failed => "the inviter could not add us",
        }
    }
}

/// A link that was noted and is to be made.
pub(crate) struct Noted {
    pub(crate) place: Place,
    pub(crate) tag: String,
    pub(crate) expires_at: Option<Millis>,
}

/// What it takes to make a link to a chat, or to take one back.
fn entry(chat: Reference, identity: Option<Reference>) -> Entry {
    Entry {
        chat,
        identity,
        scopes: Scope::Invite.into(),
        changes: true,
    }
}

impl Rule for ChatInvite {
    type Done = Noted;
    const RIGHT: Right = Right::See;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<Noted, Problem> {
        let seconds = self.expires_in_seconds.map(Positive::get);
        if seconds.is_some_and(|seconds| seconds > MAX_TTL_SECS) {
            let reason = format!("longer than {MAX_TTL_SECS} seconds");
            return Err(Failure::validation("expiresInSeconds", &reason).into());
        }
        let ms = seconds.and_then(|seconds| i64::try_from(seconds).ok());
        let expires_at = ms.map(|seconds| tx.now.plus(seconds * 1000));
        let place = entry(self.chat_id, self.identity_label).look(case)?;
        if count(tx.sql, place.chat.id, tx.now)? >= MAX_INVITES {
            let reason = format!("{MAX_INVITES} invites to this chat count already: revoke some");
            return Err(Failure::validation("chatId", &reason).with("limit", "invites").into());
        }
        let invite = Invite {
            tag: tag(tx.rng()),
            chat: place.chat.id,
            inbox: place.inbox.id,
            created_by: case.caller.principal.to_string(),
            expires_at,
            single_use: self.single_use.unwrap_or(false),
            uses: 0,
            revoked_at: None,
        };
        invite.insert(tx)?;
        let detail = json!({"tag": invite.tag, "inboxId": invite.inbox, "expiresAt": expires_at.map(|at| at.0),
                            "singleUse": invite.single_use});
        case.record(tx, "chat.invite", invite.chat, detail)?;
        Ok(Noted {
            place,
            tag: invite.tag,
            expires_at,
        })
    }
}

impl Rule for ChatRevokeInvite {
    type Done = InviteRevoked;
    const RIGHT: Right = Right::See;

    fn run(self, tx: &Tx<'_>, case: &Case<'_>) -> Result<InviteRevoked, Problem> {
        let place = entry(self.chat_id, None).look(case)?;
        let tag = self.invite_tag.as_str();
        let by = case.caller.principal.to_string();
        // a harness takes back its own
        let may = |invite: &Invite| {
            invite.chat == place.chat.id && (case.caller.credential().is_none() || invite.created_by == by)
        };
        let invite = find(tx.sql, tag)?.filter(may);
        let invite = invite.ok_or_else(|| Failure::not_found("invite", tag))?;
        if invite.revoked_at.is_none() {
            tx.sql
                .prepare_cached("UPDATE invites SET revoked_at = ?2 WHERE tag = ?1")?
                .execute(params![invite.tag, tx.now.0])?;
            case.record(tx, "chat.revoke-invite", invite.chat, json!({"tag": invite.tag}))?;
        }
        Ok(InviteRevoked {
            chat_id: invite.chat,
            invite_tag: invite.tag,
            revoked: true,
        })
    }
}

impl Invite {
    fn insert(&self, tx: &Tx<'_>) -> Result<(), Problem> {
        tx.sql
            .prepare_cached(
                "INSERT INTO invites (tag, chat_id, inbox_id, created_by, created_at, expires_at, single_use)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                self.tag,
                self.chat.to_string(),
                self.inbox.to_string(),
                self.created_by,
                tx.now.0,
                self.expires_at.map(|at| at.0),
                self.single_use
            ])?;
        Ok(())
    }

    /// Whether somebody comes in by it now, who shows `returned` to `inbox`.
    pub(crate) fn counts(
        &self,
        tx: &Tx<'_>,
        (inbox, returned): (InboxId, &Returned),
        settings: &CredentialSettings,
    ) -> Result<Result<(), Void>, Problem> {
        let leads = chats::minted(tx, &returned.conversation)? == self.chat;
        if self.inbox != inbox || !leads {
            return Ok(Err(Void::Unknown));
        }
        let over = |end: Option<Millis>| end.is_some_and(|end| end <= tx.now);
        if over(returned.conversation_expires_at) {
            return Ok(Err(Void::Over));
        }
        if over(self.expires_at) || over(returned.expires_at) {
            return Ok(Err(Void::Expired));
        }
        if self.revoked_at.is_some() || !self.is_held_up(tx, settings)? {
            return Ok(Err(Void::Revoked));
        }
        Ok(Ok(()))
    }

    /// Whether it has been used as often as it may.
    pub(crate) fn is_used(&self) -> bool {
        self.single_use && self.uses > 0
    }

    /// Whether whoever made it might make it still: what somebody may do no longer, their links do not do for them.
    fn is_held_up(&self, tx: &Tx<'_>, settings: &CredentialSettings) -> Result<bool, Problem> {
        let Some(principal) = principal(&self.created_by) else {
            return Ok(false);
        };
        let Ok(chat) = self.chat.to_string().parse() else {
            return Ok(false);
        };
        let looked = Caller::load(tx.sql, principal, tx.now).and_then(|caller| {
            entry(chat, None).look(&Case {
                sql: tx.sql,
                now: tx.now,
                caller: &caller,
                settings,
            })
        });
        match looked {
            Ok(_) => Ok(true),
            Err(Problem::Refused(_)) => Ok(false),
            Err(problem) => Err(problem),
        }
    }

    /// Counts one who comes in by it, or takes that back.
    pub(crate) fn count_use(&self, tx: &Tx<'_>, by: i64) -> Result<(), Problem> {
        tx.sql
            .prepare_cached("UPDATE invites SET uses = max(0, uses + ?2) WHERE tag = ?1")?
            .execute(params![self.tag, by])?;
        Ok(())
    }
}

/// Who is written as `text`.
fn principal(text: &str) -> Option<Principal> {
    match text {
        "owner" => Some(Principal::Owner),
        "admin" => Some(Principal::Admin),
        id => {
            let operator = id.parse().map(Principal::Operator);
            operator.or_else(|_| id.parse().map(Principal::Credential)).ok()
        }
    }
}

/// The link with this tag.
pub(crate) fn find(sql: &Connection, tag: &str) -> Result<Option<Invite>, Problem> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Invite {
            tag: row.get(0)?,
            chat: parsed(row, 1)?,
            inbox: parsed(row, 2)?,
            created_by: row.get(3)?,
            expires_at: optional_time(row, 4)?,
            single_use: row.get(5)?,
            uses: row.get(6)?,
            revoked_at: optional_time(row, 7)?,
        })
    };
    Ok(sql
        .prepare_cached(
            "SELECT tag, chat_id, inbox_id, created_by, expires_at, single_use, uses, revoked_at
             FROM invites WHERE tag = ?1",
        )?
        .query_row([tag], read)
        .optional()?)
}

/// Links to `chat` that count.
fn count(sql: &Connection, chat: ConversationId, now: Millis) -> Result<u32, Problem> {
    Ok(sql
        .prepare_cached(
            "SELECT count(*) FROM invites WHERE chat_id = ?1 AND revoked_at IS NULL
             AND (expires_at IS NULL OR expires_at > ?2) AND NOT (single_use AND uses > 0)",
        )?
        .query_row(params![chat.to_string(), now.0], |row| row.get(0))?)
}

/// Takes away a link that could not be made.
pub(crate) struct Withdraw(pub(crate) String);

impl Step for Withdraw {
    type Done = ();

    fn run(self, tx: &Tx<'_>) -> Result<(), Problem> {
        tx.sql
            .prepare_cached("DELETE FROM invites WHERE tag = ?1")?
            .execute([self.0])?;
        Ok(())
    }
}

/// Forgets the links to a chat.
pub(crate) fn forget(tx: &Tx<'_>, chat: ConversationId) -> Result<(), Problem> {
    tx.sql
        .prepare_cached("DELETE FROM invites WHERE chat_id = ?1")?
        .execute([chat.to_string()])?;
    Ok(())
}

/// A new tag: digits and lower-case letters, each as likely as the others.
fn tag(rng: &dyn Rng) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    // the largest multiple of 36 below 256: what is above would make some digits likelier
    const FAIR: u8 = 252;
    let mut tag = String::with_capacity(TAG_CHARS);
    while tag.len() < TAG_CHARS {
        let [byte] = (&rng).bytes::<1>();
        if byte < FAIR
            && let Some(digit) = DIGITS.get(usize::from(byte) % DIGITS.len())
        {
            tag.push(char::from(*digit));
        }
    }
    tag
}
