//! Letting a harness in (signet spec 5.2).

use std::{fmt, sync::Arc};

use chancery_base::{digest::sha256, ed25519::PublicKey};
use chancery_signet_wire::{
    CredentialId,
    frame::{Auth, Authenticated, CloseCode, FEATURES, proof_text},
    record::credential::TokenMetadata,
};
use chancery_store::rusqlite::{Connection, OptionalExtension as _};

use super::{Harness, HarnessSession, Link, answer::InFlight};
use crate::{
    store::{Problem, Step, Tx},
    stream::{
        ingest::Delivery,
        log::{self, StreamId},
        mailbox::Mailbox,
        resume::{Checkpoint, Kept, Start},
        standing::{self, Standing},
    },
    traffic::Traffic,
};

/// What a harness shows to be let in.
#[derive(Debug)]
pub struct HarnessLogin {
    /// The frame by which it asks.
    pub auth: Auth,
    /// The nonce that it was given on this connection, if it asked for one.
    pub nonce: Option<String>,
    /// The uid that it runs under, as the kernel says, if it is on this machine.
    pub uid: PeerUid,
}

/// Asks the kernel who is at the other end. That is asked only for a credential that is bound to a uid: the answer may cost a
/// walk through all sockets of the machine.
pub struct PeerUid(Box<dyn Fn() -> Option<u32> + Send + Sync>);

impl PeerUid {
    /// Asks by `ask`, which gives none when the other end is not on this machine.
    pub fn new(ask: impl Fn() -> Option<u32> + Send + Sync + 'static) -> Self {
        Self(Box::new(ask))
    }
}

impl fmt::Debug for PeerUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerUid(..)")
    }
}

/// Why a harness is not let in. It says nothing of the token: whether there is such a one, and what is wrong with it, is not
/// for who does not hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthRefused {
    /// The token is of no credential in force, or the harness is not the one that it is bound to.
    #[error("Auth failed")]
    Refused,
    /// There are as many connections as there may be.
    #[error("Too many connections")]
    Full,
    /// The database failed; the same may work later.
    #[error("The signet cannot answer")]
    Failed,
}

impl AuthRefused {
    /// With what the connection closes.
    #[must_use]
    pub const fn close(self) -> CloseCode {
        match self {
            Self::Refused => CloseCode::AuthFailed,
            Self::Full => CloseCode::RateLimited,
            Self::Failed => CloseCode::GoingAway,
        }
    }
}

impl From<Problem> for AuthRefused {
    fn from(problem: Problem) -> Self {
        tracing::error!(error = %problem, "a harness could not be looked up");
        Self::Failed
    }
}

/// Whom a token was given to.
struct Known {
    credential: CredentialId,
    stream: Option<StreamId>,
    standing: Standing,
    key: Option<[u8; 32]>,
    uid: Option<u32>,
}

impl Traffic {
    /// The credential of a login that is right at this moment.
    pub(crate) async fn recognise(&self, login: &HarnessLogin) -> Result<CredentialId, AuthRefused> {
        Ok(self.known(login).await?.credential)
    }

    async fn known(&self, login: &HarnessLogin) -> Result<Known, AuthRefused> {
        let hash = sha256(login.auth.token.reveal());
        let decided = Arc::clone(&self.decided);
        let known = self.store.read(move |sql| known(sql, &hash, &decided.rules)).await?;
        let known = known.ok_or(AuthRefused::Refused)?;
        if known.standing.in_force(self.clock.now()).is_err() || !known.is_held_by(login) {
            return Err(AuthRefused::Refused);
        }
        Ok(known)
    }

    /// Lets a harness in.
    pub(crate) async fn authenticate(self: &Arc<Self>, login: HarnessLogin) -> Result<HarnessSession, AuthRefused> {
        let known = self.known(&login).await?;
        let now = self.clock.now();
        let stream = match known.stream {
            Some(stream) => stream,
            None => self.commit(Begin(known.credential)).await?,
        };
        if self.hub.connections() >= self.settings.connections {
            return Err(AuthRefused::Full);
        }
        let mailbox = Arc::new(Mailbox::new(self.settings.send_buffer));
        let most = self.settings.connections_per_credential;
        let (connection, seat) = self
            .hub
            .join(stream, known.standing, &mailbox, (now, most))
            .map_err(|_| AuthRefused::Full)?;
        let link = Arc::new(Link {
            traffic: Arc::clone(self),
            mailbox,
            stream,
            seat,
            connection,
            credential: known.credential,
            in_flight: InFlight::default(),
        });
        // looked at again now that whatever changes reaches this connection: nothing falls between
        let (credential, decided) = (known.credential, Arc::clone(&self.decided));
        let again = self.store.read(move |sql| {
            let standing = Standing::load(sql, credential, &decided.rules)?;
            Ok::<_, Problem>((standing, log::kept(sql, stream)?))
        });
        let (standing, kept) = again.await?;
        let standing = standing.filter(|standing| standing.in_force(self.clock.now()).is_ok());
        let standing = standing.ok_or(AuthRefused::Refused)?;
        Ok(begun(link, standing, &kept, &login))
    }
}

fn begun(link: Arc<Link>, standing: Standing, kept: &Kept, login: &HarnessLogin) -> HarnessSession {
    let checkpoint = Checkpoint {
        seq: login.auth.last_seen_seq,
        epoch: login.auth.last_seen_epoch.clone(),
    };
    let start = Start::of(&checkpoint, kept);
    link.mailbox.read_to(start.position(kept));
    if !start.recovers() {
        // nothing is to be sent again, and what comes is taken from now on
        link.mailbox.caught_up(kept.last);
    }
    let authenticated = Authenticated {
        connection_id: link.connection,
        credential: TokenMetadata {
            credential_id: standing.id,
            operator_id: standing.operator,
            fingerprint: login.auth.token.fingerprint(),
            issued_at: standing.issued_at.into(),
            expires_at: standing.expires_at.into(),
            id: Some(standing.id),
        },
        effective_scopes: standing.bounds.scopes,
        resumed_from_seq: start.resumed_from(kept),
        stream_epoch: Some(kept.epoch.clone()),
        features: Some(FEATURES.map(str::to_owned).to_vec()),
    };
    link.traffic.hub.update(link.stream, standing);
    HarnessSession::new(Harness { link }, authenticated, start, kept.last)
}

impl Known {
    /// Whether `login` comes from the harness that the credential is bound to: who holds its key, or runs under its uid. One
    /// that is bound to neither is anybody's who has the token.
    fn is_held_by(&self, login: &HarnessLogin) -> bool {
        let proven = |key: &[u8; 32]| {
            let key = PublicKey::from_bytes(key).ok()?;
            let (nonce, proof) = (login.nonce.as_ref()?, login.auth.proof.as_ref()?);
            key.verify(proof_text(nonce, &login.auth.token).as_bytes(), proof).ok()
        };
        self.key.as_ref().is_none_or(|key| proven(key).is_some())
            && self.uid.is_none_or(|uid| (login.uid.0)() == Some(uid))
    }
}

fn known(sql: &Connection, hash: &[u8; 32], rules: &standing::Rules) -> Result<Option<Known>, Problem> {
    let Some(credential) = standing::by_token(sql, hash)? else {
        return Ok(None);
    };
    let bound = sql
        .prepare_cached("SELECT harness_key, harness_uid FROM credentials WHERE id = ?1")?
        .query_row([credential.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let standing = Standing::load(sql, credential, rules)?;
    let (Some(standing), Some((key, uid))) = (standing, bound) else {
        return Ok(None);
    };
    Ok(Some(Known {
        credential,
        stream: log::begun(sql, credential)?,
        standing,
        key,
        uid,
    }))
}

/// Begins the stream of a credential that never had an event.
struct Begin(CredentialId);

impl Step for Begin {
    type Done = (StreamId, Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        Ok((log::stream_of(tx, self.0)?, Vec::new()))
    }
}
