//! The store in an SQLite file.

use std::path::Path;

use chancery_base::{Millis, Ulid};
use chancery_identity::AgentDid;
use chancery_store::{
    Command, Database, Migration, Options, StoreError,
    rusqlite::{Connection, OptionalExtension as _, Row, params},
};

use super::{columns::*, *};

const MIGRATIONS: &[Migration] = &[Migration {
    name: "0001-connector",
    sql: include_str!("schema.sql"),
}];

/// A handle to the file. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct SqliteStore(Database);

/// One step as a closure: the statements are below, each method is one step.
struct Write<F> {
    weight: usize,
    run: F,
}

impl<T, F> Command for Write<F>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
{
    type Output = T;
    type Error = StoreError;

    fn weight(&self) -> usize {
        self.weight
    }

    fn apply(self, tx: &Connection) -> Result<T, StoreError> {
        (self.run)(tx)
    }
}

impl SqliteStore {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self(Database::open(path, MIGRATIONS, Options::default())?))
    }

    pub(crate) async fn close(&self) {
        self.0.close().await;
    }

    fn write<T, F>(&self, weight: usize, run: F) -> Step<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        Box::pin(self.0.submit(Write { weight, run }))
    }

    fn read<T, F>(&self, run: F) -> Step<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let database = self.0.clone();
        Box::pin(async move { database.read(run).await })
    }

    pub(crate) fn accept_outbound(&self, message: Outbound, limit: u64) -> Step<AcceptedOutbound> {
        self.write(message.payload.get().len(), move |tx| {
            let digest = message.digest();
            let known: Option<String> = tx
                .prepare_cached("SELECT digest FROM outbound WHERE id = ?1")?
                .query_row([message.id.to_string()], |row| row.get(0))
                .optional()?;
            if let Some(known) = known {
                return Ok(if known == digest {
                    AcceptedOutbound::Repeat
                } else {
                    AcceptedOutbound::Conflict
                });
            }
            if meter(tx, "out:queued")?.0 >= limit {
                return Ok(AcceptedOutbound::Full);
            }
            tx.prepare_cached(
                "INSERT INTO outbound (id, to_did, payload, content_type, conversation, reply_to, sent_at, sig, digest,
                     state, created, updated)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'queued', ?10, ?10)",
            )?
            .execute(params![
                message.id.to_string(),
                message.to.as_str(),
                message.payload.get(),
                message.content_type,
                message.conversation_id,
                message.reply_to,
                message.sent_at,
                message.sig.to_bytes(),
                digest,
                message.created.0,
            ])?;
            Ok(AcceptedOutbound::Stored(tx.last_insert_rowid()))
        })
    }

    pub(crate) fn queued_outbound(&self) -> Step<Vec<QueuedOutbound>> {
        self.read(|db| {
            let sql = "SELECT seq, id, to_did, conversation, created FROM outbound WHERE state = 'queued' ORDER BY seq";
            collect(db, sql, [], |row| {
                Ok(QueuedOutbound {
                    seq: row.get(0)?,
                    id: parsed(row, 1)?,
                    to: parsed(row, 2)?,
                    conversation_id: row.get(3)?,
                    created: Millis(row.get(4)?),
                })
            })
        })
    }

    pub(crate) fn load_outbound(&self, ids: Vec<Ulid>) -> Step<Vec<Outbound>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(&format!(
                "SELECT {OUTBOUND} FROM outbound WHERE id = ?1 AND state = 'queued' AND payload IS NOT NULL"
            ))?;
            let mut out = Vec::with_capacity(ids.len());
            for id in ids {
                out.extend(statement.query_row([id.to_string()], outbound).optional()?);
            }
            Ok(out)
        })
    }

    pub(crate) fn outbound_accepted(&self, id: Ulid, now: Millis) -> Step<bool> {
        self.write(0, move |tx| {
            let sql = "UPDATE outbound SET state = 'accepted', reason = NULL, payload = NULL, updated = ?2
                       WHERE id = ?1 AND state = 'queued'";
            Ok(tx.prepare_cached(sql)?.execute(params![id.to_string(), now.0])? == 1)
        })
    }

    pub(crate) fn outbound_refused(&self, id: Ulid, reason: String, now: Millis) -> Step<u32> {
        self.write(0, move |tx| {
            let sql = "UPDATE outbound SET refusals = refusals + 1, reason = ?2, updated = ?3
                       WHERE id = ?1 AND state = 'queued' RETURNING refusals";
            let row = params![id.to_string(), reason, now.0];
            Ok(tx
                .prepare_cached(sql)?
                .query_row(row, |row| row.get(0))
                .optional()?
                .unwrap_or(0))
        })
    }

    pub(crate) fn outbound_dead(&self, id: Ulid, reason: String, now: Millis) -> Step<bool> {
        self.write(0, move |tx| {
            let sql = "UPDATE outbound SET state = 'dead_lettered', reason = ?2, updated = ?3
                       WHERE id = ?1 AND state = 'queued'";
            Ok(tx
                .prepare_cached(sql)?
                .execute(params![id.to_string(), reason, now.0])?
                == 1)
        })
    }

    pub(crate) fn outbound_receipt(&self, receipt: InReceipt) -> Step<ReceiptEffect> {
        self.write(0, move |tx| {
            let row = tx
                .prepare_cached("SELECT state, verified FROM outbound WHERE id = ?1 AND to_did = ?2")?
                .query_row([receipt.id.to_string().as_str(), receipt.by.as_str()], |row| {
                    Ok((word(row, 0)?, word_or_null(row, 1)?))
                })
                .optional()?;
            let Some((state, known)): Option<(OutboundState, _)> = row else { return Ok(ReceiptEffect::Unknown) };
            let next = OutboundState::of(receipt.status);
            if !state.may_become(known, next, receipt.verified) {
                return Ok(ReceiptEffect::Ignored);
            }
            tx.prepare_cached(
                "UPDATE outbound SET state = ?2, reason = ?3, verified = ?4, updated = ?5, payload = NULL WHERE id = ?1",
            )?
            .execute(params![
                receipt.id.to_string(),
                next.as_str(),
                receipt.reason,
                receipt.verified.as_str(),
                receipt.now.0
            ])?;
            Ok(ReceiptEffect::Recorded { was_queued: state == OutboundState::Queued })
        })
    }

    pub(crate) fn outbound_view(&self, id: Ulid) -> Step<Option<OutboundView>> {
        self.read(move |db| {
            let sql = format!("SELECT {OUTBOUND_VIEW} FROM outbound WHERE id = ?1");
            Ok(db
                .prepare_cached(&sql)?
                .query_row([id.to_string()], outbound_view)
                .optional()?)
        })
    }

    pub(crate) fn list_outbound(&self, state: OutboundState, limit: u32) -> Step<(u64, Vec<OutboundView>)> {
        self.read(move |db| {
            let count = meter(db, &format!("out:{}", state.as_str()))?.0;
            let sql = format!("SELECT {OUTBOUND_VIEW} FROM outbound WHERE state = ?1 ORDER BY seq LIMIT ?2");
            Ok((count, collect(db, &sql, params![state.as_str(), limit], outbound_view)?))
        })
    }

    pub(crate) fn accept_inbound(&self, message: Inbound, caps: Caps) -> Step<AcceptedInbound> {
        self.write(message.payload.get().len(), move |tx| {
            let hash = message.payload_hash();
            let id = message.id.to_string();
            let known: Option<String> = tx
                .prepare_cached("SELECT hash FROM inbound WHERE from_did = ?1 AND message_id = ?2")?
                .query_row([message.from.as_str(), &message.message_id], |row| row.get(0))
                .optional()?;
            if let Some(known) = known {
                return Ok(if known == hash { AcceptedInbound::Repeat } else { AcceptedInbound::Conflict });
            }
            if tx.prepare_cached("SELECT 1 FROM inbound WHERE id = ?1")?.exists([&id])? {
                return Ok(AcceptedInbound::Conflict);
            }
            let (mut count, mut bytes) = (0, 0);
            for kind in ["in:pending", "in:attempting", "in:held", "in:dead_lettered"] {
                let found = meter(tx, kind)?;
                count += found.0;
                bytes += found.1;
            }
            if count >= caps.messages {
                return Ok(AcceptedInbound::FullMessages);
            }
            if bytes + message.bytes() > caps.bytes {
                return Ok(AcceptedInbound::FullBytes);
            }
            tx.prepare_cached(
                "INSERT INTO inbound (id, from_did, to_did, message_id, payload, bytes, hash, content_type, conversation,
                     reply_to, sent_at, verified, identity, receipt_wanted, received, state, since, next_attempt, changed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 'pending', ?15, ?15, ?15)",
            )?
            .execute(params![
                id,
                message.from.as_str(),
                message.to.as_str(),
                message.message_id,
                message.payload.get(),
                i64::try_from(message.bytes()).unwrap_or(i64::MAX),
                hash,
                message.content_type,
                message.conversation_id,
                message.reply_to,
                message.sent_at,
                message.verified.as_str(),
                message.identity.as_ref().map(json),
                message.receipt_wanted,
                message.received.0,
            ])?;
            Ok(AcceptedInbound::Stored(tx.last_insert_rowid()))
        })
    }

    pub(crate) fn recover(&self, redeliver: bool) -> Step<Recovered> {
        self.write(0, move |tx| {
            let changed = if redeliver {
                let sql = "UPDATE inbound SET state = 'pending', next_attempt = 0 WHERE state = 'attempting'";
                tx.execute(sql, [])?
            } else {
                let sql = "UPDATE inbound SET state = 'held', last_error = ?1 WHERE state = 'attempting'";
                tx.execute(sql, [HELD_REASON])?
            } as u64;
            let (redelivered, held) = if redeliver { (changed, 0) } else { (0, changed) };
            Ok(Recovered { redelivered, held })
        })
    }

    pub(crate) fn waiting_inbound(&self) -> Step<Vec<WaitingInbound>> {
        self.read(|db| {
            let sql = format!("SELECT {WAITING} FROM inbound WHERE state = 'pending' ORDER BY seq");
            collect(db, &sql, [], waiting)
        })
    }

    pub(crate) fn begin_attempt(&self, id: Ulid, now: Millis) -> Step<Option<Attempt>> {
        self.write(0, move |tx| {
            let sql = format!(
                "UPDATE inbound SET state = 'attempting', attempts = attempts + 1, tries = tries + 1, last_attempt = ?2,
                     changed = ?2
                 WHERE id = ?1 AND state = 'pending' RETURNING {ATTEMPT}"
            );
            Ok(tx
                .prepare_cached(&sql)?
                .query_row(params![id.to_string(), now.0], attempt)
                .optional()?)
        })
    }

    pub(crate) fn delivered(&self, id: Ulid, now: Millis, receipt: Option<OutReceipt>) -> Step<bool> {
        self.write(0, move |tx| {
            let sql = "UPDATE inbound SET state = 'delivered', last_error = NULL, payload = NULL, changed = ?2
                       WHERE id = ?1 AND state = 'attempting'";
            let changed = tx.prepare_cached(sql)?.execute(params![id.to_string(), now.0])? == 1;
            if changed {
                put_receipt(tx, id, receipt)?;
            }
            Ok(changed)
        })
    }

    pub(crate) fn attempt_failed(&self, id: Ulid, failure: AttemptFailure) -> Step<bool> {
        self.write(0, move |tx| {
            let sql =
                "UPDATE inbound SET state = 'pending', refusals = refusals + ?2, last_error = ?3, next_attempt = ?4
                       WHERE id = ?1 AND state = 'attempting'";
            let row = params![id.to_string(), failure.refused, failure.reason, failure.next_attempt.0];
            Ok(tx.prepare_cached(sql)?.execute(row)? == 1)
        })
    }

    pub(crate) fn dead_letter(&self, id: Ulid, reason: String, now: Millis, receipt: Option<OutReceipt>) -> Step<bool> {
        self.write(0, move |tx| {
            let sql = "UPDATE inbound SET state = 'dead_lettered', last_error = ?2, changed = ?3
                       WHERE id = ?1 AND state = 'attempting'";
            let changed = tx
                .prepare_cached(sql)?
                .execute(params![id.to_string(), reason, now.0])?
                == 1;
            if changed {
                put_receipt(tx, id, receipt)?;
            }
            Ok(changed)
        })
    }

    pub(crate) fn release_held(&self, ids: Option<Vec<Ulid>>, now: Millis) -> Step<Vec<WaitingInbound>> {
        self.move_back(InboundState::Held, "next_attempt = ?1", ids, now)
    }

    pub(crate) fn replay_dead(&self, ids: Option<Vec<Ulid>>, now: Millis) -> Step<Vec<WaitingInbound>> {
        self.move_back(
            InboundState::DeadLettered,
            "next_attempt = ?1, tries = 0, refusals = 0, since = ?1",
            ids,
            now,
        )
    }

    /// Makes messages in `state` wait again, and returns them in order.
    fn move_back(
        &self,
        state: InboundState,
        set: &'static str,
        ids: Option<Vec<Ulid>>,
        now: Millis,
    ) -> Step<Vec<WaitingInbound>> {
        self.write(0, move |tx| {
            let sql = format!(
                "UPDATE inbound SET state = 'pending', changed = ?1, {set}
                 WHERE state = ?2 AND {SELECTED} RETURNING {WAITING}"
            );
            let mut out = collect(tx, &sql, params![now.0, state.as_str(), id_list(ids)], waiting)?;
            out.sort_unstable_by_key(|entry| entry.seq);
            Ok(out)
        })
    }

    pub(crate) fn purge_dead(&self, ids: Option<Vec<Ulid>>, now: Millis) -> Step<u64> {
        self.write(0, move |tx| {
            let sql = format!(
                "UPDATE inbound SET state = 'purged', changed = ?1, payload = NULL WHERE state = ?2 AND {SELECTED}"
            );
            let row = params![now.0, InboundState::DeadLettered.as_str(), id_list(ids)];
            Ok(tx.prepare_cached(&sql)?.execute(row)? as u64)
        })
    }

    pub(crate) fn list_inbound(&self, state: InboundState, limit: u32) -> Step<(u64, Vec<InboundView>)> {
        self.read(move |db| {
            let count = meter(db, &format!("in:{}", state.as_str()))?.0;
            let sql = format!("SELECT {INBOUND_VIEW} FROM inbound WHERE state = ?1 ORDER BY seq LIMIT ?2");
            Ok((count, collect(db, &sql, params![state.as_str(), limit], inbound_view)?))
        })
    }

    pub(crate) fn receipts_after(&self, after: i64, limit: u32) -> Step<Vec<(i64, OutReceipt)>> {
        self.read(move |db| {
            let sql = "SELECT seq, frame, message_id, from_did, to_did, status, reason, at, sig FROM receipts
                       WHERE seq > ?1 ORDER BY seq LIMIT ?2";
            collect(db, sql, params![after, limit], receipt)
        })
    }

    pub(crate) fn receipt_acked(&self, frame: Ulid) -> Step<bool> {
        self.write(0, move |tx| {
            let sql = "DELETE FROM receipts WHERE frame = ?1";
            Ok(tx.prepare_cached(sql)?.execute([frame.to_string()])? == 1)
        })
    }

    pub(crate) fn remember_peer(&self, did: AgentDid, peer: PeerRecord) -> Step<()> {
        self.write(0, move |tx| {
            tx.prepare_cached(
                "INSERT INTO peers (did, token_hash, key, identity, expires) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (did) DO UPDATE SET token_hash = ?2, key = ?3, identity = ?4, expires = ?5",
            )?
            .execute(params![
                did.as_str(),
                peer.token_hash,
                peer.key.to_b64(),
                json(&peer.identity),
                peer.expires.0
            ])?;
            Ok(())
        })
    }

    pub(crate) fn peer(&self, did: AgentDid) -> Step<Option<PeerRecord>> {
        self.read(move |db| {
            let sql = "SELECT token_hash, key, identity, expires FROM peers WHERE did = ?1";
            Ok(db.prepare_cached(sql)?.query_row([did.as_str()], peer).optional()?)
        })
    }

    pub(crate) fn counts(&self) -> Step<Counts> {
        self.read(|db| {
            let first = |sql: &str| -> Result<Option<Millis>, StoreError> {
                Ok(db
                    .prepare_cached(sql)?
                    .query_row([], |row| row.get(0).map(Millis))
                    .optional()?)
            };
            let (pending, pending_bytes) = meter(db, "in:pending")?;
            let (dead, dead_bytes) = meter(db, "in:dead_lettered")?;
            Ok(Counts {
                outbound_queued: meter(db, "out:queued")?.0,
                outbound_dead: meter(db, "out:dead_lettered")?.0,
                outbound_oldest: first("SELECT created FROM outbound WHERE state = 'queued' ORDER BY seq LIMIT 1")?,
                pending,
                pending_bytes,
                attempting: meter(db, "in:attempting")?.0,
                held: meter(db, "in:held")?.0,
                dead,
                dead_bytes,
                oldest_pending: first("SELECT received FROM inbound WHERE state = 'pending' ORDER BY seq LIMIT 1")?,
                oldest_dead: first("SELECT changed FROM inbound WHERE state = 'dead_lettered' ORDER BY seq LIMIT 1")?,
                receipts: db
                    .prepare_cached("SELECT count(*) FROM receipts")?
                    .query_row([], |row| unsigned(row, 0))?,
            })
        })
    }

    pub(crate) fn prune(&self, before: Millis, receipts: u64) -> Step<u64> {
        self.write(0, move |tx| {
            let mut gone = 0;
            gone += tx.execute(
                "DELETE FROM outbound WHERE state <> 'queued' AND updated < ?1",
                [before.0],
            )?;
            gone += tx.execute(
                "DELETE FROM inbound WHERE state IN ('delivered', 'purged') AND changed < ?1",
                [before.0],
            )?;
            gone += tx.execute(
                "DELETE FROM receipts WHERE seq <= (SELECT seq FROM receipts ORDER BY seq DESC LIMIT 1 OFFSET ?1)",
                [i64::try_from(receipts).unwrap_or(i64::MAX)],
            )?;
            gone += tx.execute("DELETE FROM peers WHERE expires < ?1", [before.0])?;
            Ok(gone as u64)
        })
    }
}

/// Rows and bytes of one kind.
fn meter(db: &Connection, kind: &str) -> Result<(u64, u64), StoreError> {
    let sql = "SELECT n, bytes FROM meter WHERE kind = ?1";
    Ok(db
        .prepare_cached(sql)?
        .query_row([kind], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)))?)
}

fn put_receipt(tx: &Connection, delivery: Ulid, receipt: Option<OutReceipt>) -> Result<(), StoreError> {
    let Some(receipt) = receipt else { return Ok(()) };
    let delivery = delivery.to_string();
    tx.prepare_cached("DELETE FROM receipts WHERE delivery = ?1")?
        .execute([&delivery])?;
    tx.prepare_cached(
        "INSERT INTO receipts (delivery, frame, message_id, from_did, to_did, status, reason, at, sig)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        delivery,
        receipt.frame.to_string(),
        receipt.message_id,
        receipt.from.as_str(),
        receipt.to.as_str(),
        receipt.status.as_str(),
        receipt.reason,
        receipt.at,
        receipt.sig.to_bytes(),
    ])?;
    Ok(())
}

fn collect<T>(
    db: &Connection,
    sql: &str,
    params: impl chancery_store::rusqlite::Params,
    read: impl FnMut(&Row<'_>) -> chancery_store::rusqlite::Result<T>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params, read)?;
    Ok(rows.collect::<chancery_store::rusqlite::Result<_>>()?)
}
