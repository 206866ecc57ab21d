//! What a new version of a skill asks for that the old one did not.

use chancery_policy::Permission;

use crate::manifest::{CapabilityRequest, Manifest, Tool};

/// The difference between an installed manifest and another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Diff {
    /// What is asked for: first the new manifest's requests in their order, then those that are gone.
    pub requests: Vec<RequestChange>,
    /// The tools, in the same order.
    pub tools: Vec<ToolChange>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestChange {
    /// Asked for as before, perhaps for another reason.
    Unchanged {
        /// As it is now.
        new: CapabilityRequest,
    },
    /// Within what was asked for before.
    Narrowed {
        /// What it was.
        old: Permission,
        /// What it is.
        new: CapabilityRequest,
    },
    /// More than before: what was asked for lies within it.
    Widened {
        /// What it was.
        old: Permission,
        /// What it is.
        new: CapabilityRequest,
    },
    /// Something that nothing before lies within or around.
    Added {
        /// What it is.
        new: CapabilityRequest,
    },
    /// Not asked for any more.
    Removed {
        /// What it was.
        old: CapabilityRequest,
    },
}

/// What became of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChange {
    /// A new one.
    Added {
        /// Its name.
        name: String,
    },
    /// Gone.
    Removed {
        /// Its name.
        name: String,
    },
    /// Of the same name, but not the same.
    Changed {
        /// Its name.
        name: String,
        /// The model is told something else: description or parameters.
        told: bool,
        /// It needs or does something else: requests, effects or annotations.
        does: bool,
    },
}

/// Compares `new` with `old`; without an old one everything is added.
#[must_use]
pub fn diff(old: Option<&Manifest>, new: &Manifest) -> Diff {
    Diff {
        requests: requests(old.map_or(&[], Manifest::requests), new.requests()),
        tools: tools(old, new),
    }
}

impl RequestChange {
    /// Whether it asks for more than before.
    #[must_use]
    pub fn is_more(&self) -> bool {
        matches!(self, Self::Added { .. } | Self::Widened { .. })
    }
}

impl Diff {
    /// Whether somebody has to say yes again: more is asked for, or a tool is not what was approved. What is narrowed or
    /// removed needs nobody (safeclaw spec 15.4, and 16 on tools that change after their approval).
    #[must_use]
    pub fn needs_approval(&self) -> bool {
        self.requests.iter().any(RequestChange::is_more)
            || self
                .tools
                .iter()
                .any(|change| !matches!(change, ToolChange::Removed { .. }))
    }
}

fn requests(old: &[CapabilityRequest], new: &[CapabilityRequest]) -> Vec<RequestChange> {
    let mut kept = vec![false; old.len()];
    let mut changes = Vec::new();
    for request in new {
        let now = &request.permission;
        let position = |relation: &dyn Fn(&Permission) -> bool| {
            old.iter().enumerate().find(|(_, before)| relation(&before.permission))
        };
        let (index, change) = if let Some((index, _)) = position(&|before| before == now) {
            (Some(index), RequestChange::Unchanged { new: request.clone() })
        } else if let Some((index, before)) = position(&|before| now.within(before)) {
            let (old, new) = (before.permission.clone(), request.clone());
            (Some(index), RequestChange::Narrowed { old, new })
        } else if let Some((index, before)) = position(&|before| before.within(now)) {
            let (old, new) = (before.permission.clone(), request.clone());
            (Some(index), RequestChange::Widened { old, new })
        } else {
            (None, RequestChange::Added { new: request.clone() })
        };
        if let Some(flag) = index.and_then(|index| kept.get_mut(index)) {
            *flag = true;
        }
        changes.push(change);
    }
    let gone = old.iter().zip(kept).filter(|(_, kept)| !kept);
    changes.extend(gone.map(|(request, _)| RequestChange::Removed { old: request.clone() }));
    changes
}

fn tools(old: Option<&Manifest>, new: &Manifest) -> Vec<ToolChange> {
    let mut changes = Vec::new();
    for tool in new.tools() {
        let name = tool.name().to_owned();
        match old.and_then(|old| Some((old, old.tool(&name)?))) {
            None => changes.push(ToolChange::Added { name }),
            Some((old, before)) => {
                let told = before.description() != tool.description() || before.schema() != tool.schema();
                let does = before.effects() != tool.effects()
                    || before.annotations() != tool.annotations()
                    || needs(old, before) != needs(new, tool);
                if told || does {
                    changes.push(ToolChange::Changed { name, told, does });
                }
            }
        }
    }
    let gone = old
        .into_iter()
        .flat_map(Manifest::tools)
        .filter(|tool| new.tool(tool.name()).is_none());
    changes.extend(gone.map(|tool| ToolChange::Removed {
        name: tool.name().to_owned(),
    }));
    changes
}

/// The permissions behind the indexes of a tool, in order.
fn needs<'a>(manifest: &'a Manifest, tool: &Tool) -> Vec<&'a Permission> {
    let requests = tool
        .requires()
        .iter()
        .filter_map(|index| manifest.requests().get(*index));
    let mut permissions: Vec<_> = requests.map(|request| &request.permission).collect();
    permissions.sort();
    permissions
}
