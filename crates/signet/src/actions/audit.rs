//! The audit log, as its readers expect it (signet spec 9.10).

use chancery_audit::{Entry, Expect, Outcome, Query, limits::MAX_READ};
use chancery_base::Millis;
use chancery_signet_wire::{
    Failure, Json,
    action::input::Logs,
    record::audit::{AuditEntry, AuditVerified},
};

use crate::{core::Core, principal::Principal, records::Root, store::Problem};

/// Entries that are shown when nobody says how many.
const DEFAULT_LIMIT: usize = 50;
/// Most entries of one answer: what fits into a line of the admin socket.
const MAX_LIMIT: usize = 2000;

impl Core {
    pub(crate) async fn logs(&self, who: Principal, input: Logs) -> Result<Vec<AuditEntry>, Failure> {
        self.records.look(who, Root).await?;
        let limit = input.limit.map_or(DEFAULT_LIMIT, |limit| {
            usize::try_from(limit.get()).unwrap_or(usize::MAX).min(MAX_LIMIT)
        });
        let since = input.since.map(|since| since.0);
        let mut entries = self.entries(since).await?;
        let surplus = entries.len().saturating_sub(limit);
        entries.drain(..surplus);
        Ok(entries.into_iter().map(shown).collect())
    }

    pub(crate) async fn export_logs(&self, who: Principal) -> Result<Vec<AuditEntry>, Failure> {
        self.records.look(who, Root).await?;
        Ok(self.entries(None).await?.into_iter().map(shown).collect())
    }

    pub(crate) async fn verify_logs(&self, who: Principal) -> Result<AuditVerified, Failure> {
        self.records.look(who, Root).await?;
        let verified = self.store.read(|sql| {
            let report = chancery_audit::verify(sql, &Expect::default());
            Ok::<_, Problem>(report)
        });
        Ok(match verified.await? {
            Ok(report) => AuditVerified {
                ok: true,
                entries: report.head.seq,
                problem: None,
            },
            Err(broken) => AuditVerified {
                ok: false,
                entries: 0,
                problem: Some(broken.to_string()),
            },
        })
    }

    async fn entries(&self, since: Option<Millis>) -> Result<Vec<Entry>, Failure> {
        let read = self.store.read(move |sql| {
            let mut entries: Vec<Entry> = Vec::new();
            loop {
                let query = Query {
                    after: entries.last().map_or(0, |entry| entry.seq),
                    since,
                    ..Query::default()
                };
                let page = chancery_audit::read(sql, &query)?;
                let last = page.len() < MAX_READ;
                entries.extend(page);
                if last {
                    return Ok::<_, Problem>(entries);
                }
            }
        });
        Ok(read.await?)
    }
}

fn shown(entry: Entry) -> AuditEntry {
    AuditEntry {
        timestamp: entry.at.into(),
        action: entry.kind,
        actor: entry.actor,
        target: (!entry.subject.is_empty()).then_some(entry.subject),
        detail: Json::of(&entry.detail).ok(),
        success: matches!(entry.outcome, Outcome::Done | Outcome::Allowed),
    }
}
