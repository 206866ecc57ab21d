//! Which grants may cover a request, found without looking at the others.
//!
//! A lookup walks the components of a path, the labels of a host, or takes one step for a name: its cost follows the
//! request, not the number of grants. What it finds is then judged by the one algebra ([`Permission::covers`]); the
//! index only leaves out what cannot cover. Networks in CIDR form alone are gone through one by one.

use std::{collections::HashMap, path::Path};

use chancery_policy::{Constraints, Permission, Request, Resource};

/// A grant by its place in the list, and which of its patterns was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) grant: usize,
    pub(crate) pattern: usize,
}

/// Grants for one capability of one skill.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Without constraints.
    open: Vec<Candidate>,
    /// Nodes of the tree of path components; the first is `/`.
    nodes: Vec<Node>,
    /// Hosts, programs and names, as they are written.
    exact: HashMap<String, Vec<Candidate>>,
    /// Domains whose names are granted.
    below: HashMap<String, Vec<Candidate>>,
    networks: Vec<Candidate>,
    /// Any of them, for saying why not.
    pub(crate) first: Option<usize>,
}

#[derive(Debug, Default)]
struct Node {
    children: HashMap<Box<str>, usize>,
    here: Vec<Candidate>,
}

impl Index {
    /// Adds the grant at place `grant`.
    pub(crate) fn add(&mut self, grant: usize, permission: &Permission) {
        self.first.get_or_insert(grant);
        let at = |pattern| Candidate { grant, pattern };
        match permission.constraints() {
            Constraints::Unconstrained => self.open.push(at(0)),
            Constraints::Paths(set) => {
                for (place, path) in set.as_slice().iter().enumerate() {
                    self.add_path(path.as_str(), at(place));
                }
            }
            Constraints::Hosts(set) => {
                for (place, host) in set.as_slice().iter().enumerate() {
                    let text = host.to_string();
                    let name = without_port(&text);
                    if let Some(domain) = name.strip_prefix("*.") {
                        self.below.entry(domain.to_owned()).or_default().push(at(place));
                    } else if host.is_address() && name.contains('/') {
                        self.networks.push(at(place));
                    } else {
                        self.exact.entry(name.to_owned()).or_default().push(at(place));
                    }
                }
            }
            Constraints::Executables(set) => {
                for (place, program) in set.as_slice().iter().enumerate() {
                    self.exact
                        .entry(program.asked().to_owned())
                        .or_default()
                        .push(at(place));
                }
            }
            Constraints::Names(set) => {
                for (place, name) in set.as_slice().iter().enumerate() {
                    self.exact.entry(name.as_str().to_owned()).or_default().push(at(place));
                }
            }
        }
    }

    fn add_path(&mut self, path: &str, candidate: Candidate) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for component in components(path) {
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            at = *node.children.entry(component.into()).or_insert(next);
            if at == next {
                self.nodes.push(Node::default());
            }
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.here.push(candidate);
        }
    }

    /// Adds a path that stands for itself and what is below, whatever it was granted for.
    pub(crate) fn add_place(&mut self, path: &Path) {
        if let Some(path) = path.to_str() {
            self.add_path(path, Candidate { grant: 0, pattern: 0 });
        }
    }

    /// Whether a path that was added is `path` or above it.
    pub(crate) fn holds(&self, path: &str) -> bool {
        self.along(path, &mut |_| Some(())).is_some()
    }

    /// Calls `try_it` with what may cover `request`, the narrowest first, until it answers with something.
    pub(crate) fn find<T>(&self, request: &Request, mut try_it: impl FnMut(Candidate) -> Option<T>) -> Option<T> {
        let among = match request.resources().first() {
            None => None,
            Some(Resource::Path(path)) => self.along(path.as_str(), &mut try_it),
            Some(Resource::Executable(program)) => self.named(program.asked(), &mut try_it),
            Some(Resource::Name(name)) => self.named(name.as_str(), &mut try_it),
            Some(Resource::Host(endpoint)) => {
                let host = endpoint.host();
                self.named(&host, &mut try_it)
                    .or_else(|| self.under(&host, &mut try_it))
                    .or_else(|| self.networks.iter().copied().find_map(&mut try_it))
            }
        };
        among.or_else(|| self.open.iter().copied().find_map(try_it))
    }

    fn named<T>(&self, name: &str, try_it: &mut impl FnMut(Candidate) -> Option<T>) -> Option<T> {
        self.exact.get(name)?.iter().copied().find_map(try_it)
    }

    fn under<T>(&self, host: &str, try_it: &mut impl FnMut(Candidate) -> Option<T>) -> Option<T> {
        let mut rest = host;
        while let Some((_, domain)) = rest.split_once('.') {
            if let Some(found) = self
                .below
                .get(domain)
                .and_then(|here| here.iter().copied().find_map(&mut *try_it))
            {
                return Some(found);
            }
            rest = domain;
        }
        None
    }

    fn along<T>(&self, path: &str, try_it: &mut impl FnMut(Candidate) -> Option<T>) -> Option<T> {
        let mut passed = Vec::with_capacity(16);
        let mut at = self.nodes.first()?;
        passed.push(at);
        for component in components(path) {
            let Some(next) = at.children.get(component).and_then(|next| self.nodes.get(*next)) else {
                break;
            };
            passed.push(next);
            at = next;
        }
        passed
            .into_iter()
            .rev()
            .flat_map(|node| node.here.iter().copied())
            .find_map(try_it)
    }
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|component| !component.is_empty())
}

/// `host:port`, `[v6]:port` and `host` without their ports and brackets.
fn without_port(text: &str) -> &str {
    if let Some(inner) = text.strip_prefix('[') {
        return inner.split_once(']').map_or(inner, |(address, _)| address);
    }
    match text.rsplit_once(':') {
        // more colons: an IPv6 address without a port
        Some((name, _)) if !name.contains(':') => name,
        _ => text,
    }
}
