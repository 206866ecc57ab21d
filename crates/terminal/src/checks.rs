//! What a `doctor` finds.

use serde::Serialize;

use crate::Failure;

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Pass,
    /// Worth a word.
    Warn,
    /// Wrong.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Stable name for programs.
    pub id: &'static str,
    /// Name for people.
    pub label: String,
    /// How it is.
    pub status: Status,
    /// What was found.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remediation_hint: Option<String>,
}

/// Everything that was looked at, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The findings.
    pub checks: Vec<Check>,
}

impl Report {
    /// Adds a finding.
    pub fn add(
        &mut self,
        id: &'static str,
        label: &str,
        status: Status,
        message: impl Into<String>,
        hint: Option<&str>,
    ) {
        self.checks.push(Check {
            id,
            label: label.to_owned(),
            status,
            message: message.into(),
            remediation_hint: hint.map(str::to_owned),
        });
    }

    /// Adds what is as it should be.
    pub fn pass(&mut self, id: &'static str, label: &str, message: impl Into<String>) {
        self.add(id, label, Status::Pass, message, None);
    }

    /// Adds what is worth a word.
    pub fn warn(&mut self, id: &'static str, label: &str, message: impl Into<String>, hint: &str) {
        self.add(id, label, Status::Warn, message, Some(hint));
    }

    /// Adds what is wrong.
    pub fn fail(&mut self, id: &'static str, label: &str, message: impl Into<String>, hint: &str) {
        self.add(id, label, Status::Fail, message, Some(hint));
    }

    /// Adds what could not be looked at, or was refused: the sentence with its code, and the failure's hint.
    pub fn failed(&mut self, id: &'static str, label: &str, failure: impl Into<Failure>) {
        let failure = failure.into();
        let message = if failure.message.contains(&failure.code) {
            failure.message
        } else {
            format!("{} ({})", failure.message, failure.code)
        };
        self.add(id, label, Status::Fail, message, failure.hint.as_deref());
    }

    /// How many findings are of this kind.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.count(Status::Fail) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_is_enough() {
        let mut report = Report::default();
        report.pass("a", "A", "fine");
        report.warn("b", "B", "old", "renew it");
        assert!(report.is_healthy());
        report.failed("c", "C", Failure::new("X_GONE", "it is gone").with_hint("find it"));
        assert!(!report.is_healthy());
        assert_eq!((report.count(Status::Pass), report.count(Status::Warn)), (1, 1));
        let last = serde_json::to_value(&report.checks[2]).unwrap();
        let expected = serde_json::json!({ "id": "c", "label": "C", "status": "fail", "message": "it is gone (X_GONE)",
            "remediationHint": "find it" });
        assert_eq!(last, expected);
    }
}
