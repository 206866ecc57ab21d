//! Looking for records by a part of their ids or labels (signet spec 9.8).

use chancery_signet_wire::{
    Author,
    action::input::SearchResources,
    record::lookup::{ResourceMatch, ResourceMatches, ResourceType},
    record::operator::OperatorStatus,
};

use crate::{
    authorize::Right,
    records::{Case, Look, chats, credentials, operators, policies},
    store::Problem,
};

/// Matches that are shown when nobody says how many.
const DEFAULT_LIMIT: u64 = 20;
/// Most matches that are shown: what fits a page.
const MAX_LIMIT: u64 = 200;

impl Look for SearchResources {
    type Found = ResourceMatches;
    const RIGHT: Right = Right::See;

    fn look(self, case: &Case<'_>) -> Result<ResourceMatches, Problem> {
        let needle = self.query.as_str().to_lowercase();
        let wanted = |kind| self.r#type.is_none_or(|only| only == kind);
        let mut matches = Vec::new();
        let mut offer = |kind, id: String, label: String, also: &str| {
            if [&id, &label, also]
                .iter()
                .any(|text| text.to_lowercase().contains(&needle))
            {
                matches.push(ResourceMatch {
                    r#type: kind,
                    id,
                    label,
                });
            }
        };
        if wanted(ResourceType::Operator) {
            for operator in operators::row::all(case.sql)? {
                let removed = operator.status == OperatorStatus::Removed;
                if !removed && case.caller.sees(Author::Operator(operator.id)) {
                    offer(
                        ResourceType::Operator,
                        operator.id.to_string(),
                        operator.label.into_string(),
                        "",
                    );
                }
            }
        }
        if wanted(ResourceType::Policy) {
            for policy in policies::known(case)? {
                offer(
                    ResourceType::Policy,
                    policy.id.to_string(),
                    policy.label.into_string(),
                    "",
                );
            }
        }
        if wanted(ResourceType::Credential) {
            for credential in credentials::known(case)? {
                let label = format!("operator:{}", credential.operator_id);
                offer(ResourceType::Credential, credential.id.to_string(), label, "");
            }
        }
        if wanted(ResourceType::Conversation) {
            for chat in chats::known(case)? {
                offer(
                    ResourceType::Conversation,
                    chat.id.to_string(),
                    chat.title,
                    &chat.name.0,
                );
            }
        }
        let total = u64::try_from(matches.len()).unwrap_or(u64::MAX);
        let limit = self.limit.map_or(DEFAULT_LIMIT, |limit| limit.get().min(MAX_LIMIT));
        matches.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(ResourceMatches {
            query: self.query.into_string(),
            matches,
            total,
        })
    }
}
