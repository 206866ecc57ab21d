//! What has to be done from time to time.

use std::{sync::Arc, time::Duration};

use chancery_base::Millis;
use chancery_signet_wire::CredentialId;
use chancery_store::rusqlite::params;

use crate::{
    invites::requests,
    outbound::{ask::ExpireHeld, rows},
    store::{Problem, Step, Tx},
    stream::{ingest::Delivery, log},
    traffic::Traffic,
};

/// How often it is looked whether something is due: an action that nobody decided is told as expired this soon.
const EVERY: Duration = Duration::from_secs(10);
/// After so many looks old rows are taken away: ten minutes.
const SWEEP_AFTER: u32 = 60;
/// How long the key under which something was sent is remembered, milliseconds (signet spec 14.4), and what somebody asked
/// who wanted to be let in.
const KEYS_MS: i64 = 24 * 60 * 60 * 1000;

impl Traffic {
    /// Keeps house until the signet ends.
    pub(crate) async fn keep_house(self: Arc<Self>) {
        let mut looks = 0_u32;
        loop {
            tokio::time::sleep(EVERY).await;
            looks = looks.wrapping_add(1);
            if let Err(error) = self.tidy(looks.is_multiple_of(SWEEP_AFTER)).await {
                tracing::error!(%error, "something that is due was not done");
            }
        }
    }

    /// Ends what is overdue, and takes away what is old.
    pub(crate) async fn tidy(&self, sweep: bool) -> Result<(), Problem> {
        let now = self.clock.now();
        let overdue = self.store.read(move |sql| crate::outbound::hold::overdue(sql, now));
        if !overdue.await?.is_empty() {
            self.commit(ExpireHeld {
                keep: self.decided.keep,
            })
            .await?;
        }
        let heard = self.hub.take_heard();
        if !heard.is_empty() {
            self.commit(Heard(heard)).await?;
        }
        if sweep {
            self.commit(Sweep).await?;
        }
        Ok(())
    }
}

/// Notes when harnesses were heard.
struct Heard(Vec<(CredentialId, Millis)>);

impl Step for Heard {
    type Done = ((), Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        for (credential, at) in self.0 {
            tx.sql
                .prepare_cached("UPDATE credentials SET last_heartbeat = ?2 WHERE id = ?1")?
                .execute(params![credential.to_string(), at.0])?;
        }
        Ok(((), Vec::new()))
    }
}

/// Takes away what nobody can ask for any more.
struct Sweep;

impl Step for Sweep {
    type Done = ((), Delivery);

    fn run(self, tx: &Tx<'_>) -> Result<Self::Done, Problem> {
        log::sweep(tx)?;
        rows::sweep(tx, tx.now.plus(-KEYS_MS))?;
        requests::sweep(tx, tx.now.plus(-KEYS_MS))?;
        Ok(((), Vec::new()))
    }
}
