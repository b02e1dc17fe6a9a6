//! The way from the set to the root: findings linked by cause, and the paths along them.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::Serialize;

use super::finding::{Finding, ObjectRef, Role, Severity};

/// One step of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What it is about.
    #[serde(flatten)]
    pub object: ObjectRef,
    /// What is the matter with it.
    pub says: String,
    /// The finding that says so.
    pub finding: usize,
}

/// Gives findings their ids, worst first, and resolves `because` into `caused_by`. A finding without a root behind it
/// stays as it is: an effect whose cause no rule knows.
pub fn link_causes(findings: &mut [Finding]) {
    findings.sort_by_key(|finding| {
        (
            finding.role,
            Reverse(finding.severity),
            finding.code,
            finding.ordinals.first().copied(),
            finding.subject.clone(),
        )
    });
    let mut about: HashMap<ObjectRef, usize> = HashMap::new();
    for (id, finding) in findings.iter_mut().enumerate() {
        finding.id = id;
        // The first one wins: roots come before effects, risks explain nothing.
        if finding.role != Role::Risk {
            about.entry(finding.subject.clone()).or_insert(id);
        }
    }
    for finding in findings {
        let cause = finding.because.as_ref().and_then(|object| about.get(object)).copied();
        finding.caused_by = cause.filter(|&id| id != finding.id);
    }
}

/// An effect behind which no root stands is under way: what it waits for has had too little time to count as broken, or
/// could not be read. It is still said, and is no longer an error.
pub fn calm_rootless(findings: &mut [Finding]) {
    let rootless: Vec<usize> = (0..findings.len()).filter(|&id| !has_root(findings, id)).collect();
    for id in rootless {
        findings[id].severity = Severity::Info;
    }
}

fn has_root(findings: &[Finding], id: usize) -> bool {
    let mut at = id;
    // No chain is longer than there are findings, and a circle must not hang the tool.
    for _ in findings {
        match (findings[at].role, findings[at].caused_by) {
            (Role::Effect, Some(cause)) => at = cause,
            (Role::Effect, None) => return false,
            (Role::Root | Role::Risk, _) => return true,
        }
    }
    false
}

/// For every root the shortest-numbered way to it: from the outermost effect that it causes, inwards. Roots come in
/// the order of their findings.
pub fn chains(findings: &[Finding]) -> Vec<Vec<Link>> {
    let roots = findings.iter().filter(|finding| finding.role == Role::Root);
    roots
        .map(|root| path_to(findings, root).into_iter().map(link).collect())
        .collect()
}

fn path_to<'f>(findings: &'f [Finding], root: &'f Finding) -> Vec<&'f Finding> {
    let mut path = vec![root];
    let mut inner = root.id;
    while let Some(outer) = findings.iter().find(|finding| finding.caused_by == Some(inner)) {
        // Causes come from objects that point at each other; a circle must not hang the tool.
        if path.iter().any(|seen| seen.id == outer.id) {
            break;
        }
        path.push(outer);
        inner = outer.id;
    }
    path.reverse();
    path
}

fn link(finding: &Finding) -> Link {
    Link {
        object: finding.subject.clone(),
        says: finding.summary.clone(),
        finding: finding.id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str) -> ObjectRef {
        ObjectRef::named("Pod", "n", name)
    }

    #[test]
    fn effects_lead_to_their_root() {
        let effect =
            |of: &str, because: &str| Finding::new(Role::Effect, Severity::Error, pod(of), of).because(pod(because));
        let mut findings = vec![
            effect("a", "b"),
            effect("b", "c"),
            Finding::new(Role::Root, Severity::Error, pod("c"), "c"),
            Finding::new(Role::Root, Severity::Error, pod("d"), "d"),
        ];
        link_causes(&mut findings);
        let says: Vec<Vec<_>> = chains(&findings)
            .into_iter()
            .map(|chain| chain.into_iter().map(|link| link.says).collect())
            .collect();
        assert_eq!(says, [vec!["a", "b", "c"], vec!["d"]]);
    }

    #[test]
    fn an_effect_without_a_root_is_no_error() {
        let mut findings = vec![
            Finding::new(Role::Effect, Severity::Error, pod("a"), "a").because(pod("b")),
            Finding::new(Role::Effect, Severity::Error, pod("b"), "b").because(pod("gone")),
            Finding::new(Role::Effect, Severity::Error, pod("c"), "c").because(pod("d")),
            Finding::new(Role::Root, Severity::Error, pod("d"), "d"),
        ];
        link_causes(&mut findings);
        calm_rootless(&mut findings);
        let loud: Vec<_> = findings
            .iter()
            .filter(|f| f.severity == Severity::Error)
            .map(|f| f.summary.as_str())
            .collect();
        assert_eq!(loud, ["d", "c"]);
    }

    #[test]
    fn a_circle_ends() {
        let mut findings = vec![
            Finding::new(Role::Effect, Severity::Error, pod("a"), "a").because(pod("b")),
            Finding::new(Role::Root, Severity::Error, pod("b"), "b").because(pod("a")),
        ];
        link_causes(&mut findings);
        calm_rootless(&mut findings);
        assert_eq!(chains(&findings)[0].len(), 2);
    }
}
