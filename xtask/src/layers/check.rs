//! The rules, over a plan and a graph that are already in memory.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::graph::{Dependency, Graph, Kind, Target};
use super::plan::Plan;

/// One rule broken, in a sentence that says where.
#[derive(Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub(crate) enum Violation {
    #[error("crates/{0} stands on no floor: add it to layers.toml")]
    Unplaced(String),
    #[error("{0} is neither in crates/ nor listed as beside the house")]
    Stray(String),
    #[error("layers.toml lists {0}, and crates/{0} is no member of the workspace")]
    Missing(String),
    #[error("layers.toml lists {0} twice")]
    Twice(String),
    #[error("crates/{from} ({floor}) imports {to} from a higher floor, in its {kind}")]
    Upward {
        from: String,
        floor: String,
        to: String,
        kind: Kind,
    },
    #[error("crates/{from} imports {to} of its own floor ({floor}) without an arrow, in its {kind}")]
    Sideways {
        from: String,
        floor: String,
        to: String,
        kind: Kind,
    },
    #[error("crates/{from} imports {folder}, which is outside the house, in its {kind}")]
    Outside { from: String, folder: String, kind: Kind },
    #[error("crates/{from} ({floor}) names {package} in its {kind}: {reason}")]
    Denied {
        from: String,
        floor: String,
        package: String,
        kind: Kind,
        reason: String,
    },
    #[error("the arrow {0} -> {1} names a crate that layers.toml places nowhere")]
    ArrowToNowhere(String, String),
    #[error("the arrow {0} -> {1} joins two floors: downwards needs none, upwards is not to be had")]
    ArrowAcross(String, String),
    #[error("the arrow {0} -> {1} is on the floor of the {2}, which has none")]
    ArrowForbidden(String, String, String),
    #[error("the arrow {0} -> {1} gives no reason")]
    ArrowWithoutReason(String, String),
    #[error("the arrow {0} -> {1} is listed twice")]
    ArrowTwice(String, String),
    #[error("no crate uses the arrow {0} -> {1}: take it out of layers.toml")]
    ArrowUnused(String, String),
}

/// Every rule that the workspace breaks: those of the plan itself first, then crate by crate in the order of names.
pub(crate) fn check(plan: &Plan, graph: &Graph) -> Vec<Violation> {
    let mut checker = Checker {
        plan,
        floors: BTreeMap::new(),
        used: BTreeSet::new(),
        found: Vec::new(),
    };
    checker.place_crates(graph);
    checker.judge_arrows();
    for (folder, dependencies) in &graph.members {
        checker.judge_member(folder, dependencies);
    }
    checker.report_unused_arrows();
    checker.found
}

struct Checker<'a> {
    plan: &'a Plan,
    /// Index of the floor on which a crate stands, 0 lowest.
    floors: BTreeMap<&'a str, usize>,
    used: BTreeSet<(&'a str, &'a str)>,
    found: Vec<Violation>,
}

impl<'a> Checker<'a> {
    fn place_crates(&mut self, graph: &Graph) {
        for (level, floor) in self.plan.floor.iter().enumerate() {
            for name in &floor.crates {
                if self.floors.insert(name, level).is_some() {
                    self.found.push(Violation::Twice(name.clone()));
                }
                if !graph.members.contains_key(&format!("crates/{name}")) {
                    self.found.push(Violation::Missing(name.clone()));
                }
            }
        }
    }

    fn judge_arrows(&mut self) {
        let mut seen = BTreeSet::new();
        for arrow in &self.plan.arrow {
            let (from, to) = (arrow.from.clone(), arrow.to.clone());
            if !seen.insert((from.clone(), to.clone())) {
                self.found.push(Violation::ArrowTwice(from, to));
                continue;
            }
            if arrow.reason.trim().is_empty() {
                self.found.push(Violation::ArrowWithoutReason(from.clone(), to.clone()));
            }
            match (self.floors.get(arrow.from.as_str()), self.floors.get(arrow.to.as_str())) {
                (Some(a), Some(b)) if a != b => self.found.push(Violation::ArrowAcross(from, to)),
                (Some(&level), Some(_)) => {
                    let floor = &self.plan.floor[level];
                    if !floor.arrows {
                        self.found.push(Violation::ArrowForbidden(from, to, floor.name.clone()));
                    }
                }
                _ => self.found.push(Violation::ArrowToNowhere(from, to)),
            }
        }
    }

    fn judge_member(&mut self, folder: &str, dependencies: &[Dependency]) {
        let Some(name) = folder.strip_prefix("crates/") else {
            if !self.plan.beside.iter().any(|beside| beside == folder) {
                self.found.push(Violation::Stray(folder.to_owned()));
            }
            return;
        };
        let Some(&level) = self.floors.get(name) else {
            self.found.push(Violation::Unplaced(name.to_owned()));
            return;
        };
        for dependency in dependencies {
            match &dependency.target {
                Target::Foreign(package) => self.judge_foreign(name, level, package, dependency.kind),
                Target::Local(to) => self.judge_local(name, level, to, dependency.kind),
            }
        }
    }

    fn judge_foreign(&mut self, from: &str, level: usize, package: &str, kind: Kind) {
        let floor = &self.plan.floor[level];
        if let Some(reason) = floor.deny.get(package) {
            self.found.push(Violation::Denied {
                from: from.to_owned(),
                floor: floor.name.clone(),
                package: package.to_owned(),
                kind,
                reason: reason.clone(),
            });
        }
    }

    fn judge_local(&mut self, from: &str, level: usize, folder: &str, kind: Kind) {
        let Some(to) = folder.strip_prefix("crates/") else {
            self.found.push(Violation::Outside {
                from: from.to_owned(),
                folder: folder.to_owned(),
                kind,
            });
            return;
        };
        // A crate's own tests may name the crate itself; a target without a floor is reported where it is a member.
        let Some(&below) = self.floors.get(to).filter(|_| from != to) else {
            return;
        };
        let floor = self.plan.floor[level].name.clone();
        let (from, to) = (from.to_owned(), to.to_owned());
        if below > level {
            self.found.push(Violation::Upward { from, floor, to, kind });
        } else if below == level {
            match self
                .plan
                .arrow
                .iter()
                .find(|arrow| arrow.from == from && arrow.to == to)
            {
                Some(arrow) => {
                    self.used.insert((&arrow.from, &arrow.to));
                }
                None => self.found.push(Violation::Sideways { from, floor, to, kind }),
            }
        }
    }

    fn report_unused_arrows(&mut self) {
        for arrow in &self.plan.arrow {
            if !self.used.contains(&(arrow.from.as_str(), arrow.to.as_str())) {
                self.found
                    .push(Violation::ArrowUnused(arrow.from.clone(), arrow.to.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A house of four floors that keeps every rule: `b -> a` is its only arrow.
    fn plan() -> Plan {
        toml::from_str(
            r#"
            beside = ["tests"]
            floor = [
                { name = "facts", crates = ["a", "b"], deny = { tokio = "facts are pure" } },
                { name = "tools", crates = ["c"] },
                { name = "engines", crates = ["d", "e"], arrows = false },
                { name = "edges", crates = ["f"] },
            ]
            arrow = [{ from = "b", to = "a", reason = "b is made of a" }]
            "#,
        )
        .unwrap()
    }

    fn graph() -> Graph {
        let mut graph = Graph::default();
        for name in ["a", "b", "c", "d", "e", "f"] {
            graph.members.insert(format!("crates/{name}"), Vec::new());
        }
        import(&mut graph, "crates/b", "crates/a", Kind::Normal);
        import(&mut graph, "crates/f", "crates/a", Kind::Normal);
        import(&mut graph, "tests", "crates/f", Kind::Dev);
        graph
    }

    fn import(graph: &mut Graph, from: &str, to: &str, kind: Kind) {
        let target = Target::Local(to.to_owned());
        graph
            .members
            .entry(from.to_owned())
            .or_default()
            .push(Dependency { target, kind });
    }

    fn arrow(from: &str, to: &str, reason: &str) -> super::super::plan::Arrow {
        super::super::plan::Arrow {
            from: from.into(),
            to: to.into(),
            reason: reason.into(),
        }
    }

    #[test]
    fn a_house_that_keeps_the_rules_has_nothing_to_report() {
        assert_eq!(check(&plan(), &graph()), []);
    }

    #[test]
    fn a_crate_without_a_floor_is_reported() {
        let mut graph = graph();
        import(&mut graph, "crates/new", "crates/f", Kind::Normal);
        assert_eq!(check(&plan(), &graph), [Violation::Unplaced("new".into())]);
    }

    #[test]
    fn a_package_outside_crates_must_be_listed_as_beside() {
        let mut graph = graph();
        graph.members.insert("shed".into(), Vec::new());
        assert_eq!(check(&plan(), &graph), [Violation::Stray("shed".into())]);
    }

    #[test]
    fn a_listed_crate_must_exist() {
        let mut graph = graph();
        graph.members.remove("crates/c");
        assert_eq!(check(&plan(), &graph), [Violation::Missing("c".into())]);
    }

    #[test]
    fn a_crate_stands_on_one_floor_only() {
        let mut plan = plan();
        plan.floor[1].crates.push("f".into());
        assert_eq!(check(&plan, &graph()), [Violation::Twice("f".into())]);
    }

    #[test]
    fn an_import_from_a_higher_floor_is_refused_in_every_table() {
        for kind in [Kind::Normal, Kind::Dev, Kind::Build] {
            let mut graph = graph();
            import(&mut graph, "crates/a", "crates/d", kind);
            let upward = Violation::Upward {
                from: "a".into(),
                floor: "facts".into(),
                to: "d".into(),
                kind,
            };
            assert_eq!(check(&plan(), &graph), [upward]);
        }
    }

    #[test]
    fn an_import_on_the_same_floor_needs_an_arrow_of_its_own_direction() {
        let mut graph = graph();
        import(&mut graph, "crates/a", "crates/b", Kind::Dev);
        let sideways = Violation::Sideways {
            from: "a".into(),
            floor: "facts".into(),
            to: "b".into(),
            kind: Kind::Dev,
        };
        assert_eq!(check(&plan(), &graph), [sideways]);
    }

    #[test]
    fn a_crate_may_name_itself_in_its_tests() {
        let mut graph = graph();
        import(&mut graph, "crates/d", "crates/d", Kind::Dev);
        assert_eq!(check(&plan(), &graph), []);
    }

    #[test]
    fn no_crate_imports_what_is_beside_the_house() {
        let mut graph = graph();
        import(&mut graph, "crates/f", "tests", Kind::Dev);
        let outside = Violation::Outside {
            from: "f".into(),
            folder: "tests".into(),
            kind: Kind::Dev,
        };
        assert_eq!(check(&plan(), &graph), [outside]);
    }

    #[test]
    fn a_denied_package_is_refused_on_its_floor_and_nowhere_else() {
        let mut graph = graph();
        let tokio = Dependency {
            target: Target::Foreign("tokio".into()),
            kind: Kind::Dev,
        };
        for folder in ["crates/a", "crates/c"] {
            graph.members.entry(folder.into()).or_default().push(tokio.clone());
        }
        let denied = Violation::Denied {
            from: "a".into(),
            floor: "facts".into(),
            package: "tokio".into(),
            kind: Kind::Dev,
            reason: "facts are pure".into(),
        };
        assert_eq!(check(&plan(), &graph), [denied]);
    }

    #[test]
    fn engines_have_no_arrows() {
        let (mut plan, mut graph) = (plan(), graph());
        plan.arrow.push(arrow("e", "d", "because"));
        import(&mut graph, "crates/e", "crates/d", Kind::Normal);
        assert_eq!(
            check(&plan, &graph),
            [Violation::ArrowForbidden("e".into(), "d".into(), "engines".into())]
        );
    }

    #[test]
    fn an_arrow_that_nobody_uses_is_reported() {
        let mut plan = plan();
        plan.arrow.push(arrow("a", "b", "one day"));
        assert_eq!(check(&plan, &graph()), [Violation::ArrowUnused("a".into(), "b".into())]);
    }

    #[test]
    fn an_arrow_needs_a_reason() {
        let mut plan = plan();
        plan.arrow[0].reason = "  ".into();
        assert_eq!(
            check(&plan, &graph()),
            [Violation::ArrowWithoutReason("b".into(), "a".into())]
        );
    }

    #[test]
    fn an_arrow_is_listed_once() {
        let mut plan = plan();
        plan.arrow.push(arrow("b", "a", "again"));
        assert_eq!(check(&plan, &graph()), [Violation::ArrowTwice("b".into(), "a".into())]);
    }

    #[test]
    fn an_arrow_stays_on_its_floor() {
        let mut plan = plan();
        plan.arrow.push(arrow("f", "a", "downwards"));
        let across = ("f".to_owned(), "a".to_owned());
        let found = check(&plan, &graph());
        assert_eq!(found[0], Violation::ArrowAcross(across.0.clone(), across.1.clone()));
        assert_eq!(found[1..], [Violation::ArrowUnused(across.0, across.1)]);
    }

    #[test]
    fn an_arrow_names_crates_that_are_placed() {
        let mut plan = plan();
        plan.arrow.push(arrow("a", "ghost", "boo"));
        assert!(check(&plan, &graph()).contains(&Violation::ArrowToNowhere("a".into(), "ghost".into())));
    }
}
