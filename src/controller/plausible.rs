//! The behaviours that one API server's controller may show: of what decides them, only the API server's version can be
//! seen. The controller manager may be one minor version older while a cluster is upgraded, and feature gates may be
//! set by hand. Source: <https://kubernetes.io/releases/version-skew-policy/#kube-controller-manager-kube-scheduler-and-cloud-controller-manager>.

use std::cell::OnceCell;

use super::profile::{PROVEN, parse};
use super::revision_bytes::hash_label;
use super::sync::compares_revisions;
use super::{Call, Decision, Input, Op, Profile, outdated, sync};

/// The behaviour that is expected, and those that cannot be ruled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profiles {
    /// The server's own version with its default gates, or the nearest that is known.
    pub first: Profile,
    /// Why answers under `first` are only likely, as a clause: what is asked about is not a version that was proven.
    pub unproven: Option<String>,
    /// What else is plausible.
    pub others: Vec<Alternative>,
}

/// A behaviour that cannot be ruled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// The behaviour.
    pub profile: Profile,
    /// What would have to be so, as a clause after "if".
    pub fact: String,
}

/// What all plausible behaviours come to.
#[derive(Clone, Debug)]
pub struct Consensus {
    /// The decision of the expected behaviour.
    pub decision: Decision,
    /// Why the expected behaviour itself is a guess, as a clause; `None` for a proven version and a known strategy.
    pub unproven: Option<String>,
    /// Where the controller would do or wait for something else, and if what.
    pub otherwise: Vec<Otherwise>,
}

/// Another decision, and what would have to be so for it.
#[derive(Clone, Debug)]
pub struct Otherwise {
    /// As in [`Alternative`].
    pub fact: String,
    /// What the controller does then.
    pub decision: Decision,
}

impl Consensus {
    /// Whether every plausible behaviour, and all of them proven, comes to the same.
    pub fn certain(&self) -> bool {
        self.unproven.is_none() && self.otherwise.is_empty()
    }

    /// What makes the decision uncertain, as clauses.
    pub fn doubts(&self) -> impl Iterator<Item = String> {
        let otherwise = self.otherwise.iter().map(|other| format!("differs if {}", other.fact));
        self.unproven.iter().cloned().chain(otherwise)
    }
}

impl Profiles {
    /// What a controller behind an API server of this version (such as `v1.36.3`) may be like; `None` when the version
    /// was not read.
    pub fn plausible(server_version: Option<&str>) -> Self {
        let version = server_version.unwrap_or_default();
        let expected = Profile::for_version(version);
        let first = Profile {
            exact: expected.exact && !version.is_empty(),
            ..expected
        };
        let mut profiles = Self {
            first,
            unproven: unproven(version, first),
            others: Vec::new(),
        };
        if version.is_empty() || parse(version).is_none() {
            profiles.add(
                Profile::for_version("v1.33.0"),
                "the controller manager is 1.33 or older",
            );
            profiles.add(
                Profile::for_version("v1.37.0"),
                "the controller manager is 1.37 or newer",
            );
        } else if first.minor > *PROVEN.start() {
            let older = first.minor - 1;
            // Late patch levels; what only early ones do is what a gate does, too.
            let before = Profile::for_version(&format!("v1.{older}"));
            profiles.add(before, &format!("the controller manager is still 1.{older}"));
        }
        let gate = |name: &str, on: bool| format!("the feature gate {name} is {}", if on { "on" } else { "off" });
        let max_unavailable = !first.max_unavailable;
        let other = Profile {
            max_unavailable,
            ..first
        };
        profiles.add(other, &gate("MaxUnavailableStatefulSet", max_unavailable));
        if first.minor >= 34 {
            let semantic_revisions = !first.semantic_revisions;
            let other = Profile {
                semantic_revisions,
                ..first
            };
            profiles.add(
                other,
                &gate("StatefulSetSemanticRevisionComparison", semantic_revisions),
            );
        }
        if first.knows_recreate {
            let other = Profile {
                recreate: true,
                ..first
            };
            profiles.add(other, &gate("StatefulSetRecreateStrategy", true));
        }
        profiles
    }

    fn add(&mut self, profile: Profile, fact: &str) {
        let fact = fact.to_owned();
        self.others.push(Alternative { profile, fact });
    }

    /// The alternatives that could decide otherwise about this input. Cheap, and empty for most sets.
    pub fn relevant<'s>(&'s self, input: &'s Input, first: &'s Decision) -> impl Iterator<Item = &'s Alternative> {
        let updates = OnceCell::new();
        let updates = move || *updates.get_or_init(|| !outdated(input, first).is_empty());
        let compares = OnceCell::new();
        let compares = move || *compares.get_or_init(|| compares_revisions(input));
        self.others.iter().filter(move |other| {
            let (a, b) = (self.first, other.profile);
            at_first(a, b) && compares() || later(a, b, input, first, &updates)
        })
    }

    /// Whether a forecast can come otherwise under an alternative. `moves`: whether anything happens in it. Which revision
    /// the template is, the first sync finds.
    pub(super) fn lasts(&self, other: &Alternative, input: &Input, consensus: &Consensus, moves: bool) -> bool {
        let differs = || consensus.otherwise.iter().any(|otherwise| otherwise.fact == other.fact);
        later(self.first, other.profile, input, &consensus.decision, || moves) || differs()
    }

    /// One sync under each behaviour that matters for this input; `input.profile` is not looked at.
    pub fn decide(&self, input: &Input) -> Consensus {
        let under = |profile| {
            sync(&Input {
                profile,
                ..input.clone()
            })
        };
        let decision = if input.profile == self.first {
            sync(input)
        } else {
            under(self.first)
        };
        let otherwise = self
            .relevant(input, &decision)
            .map(|other| Otherwise {
                fact: other.fact.clone(),
                decision: under(other.profile),
            })
            .filter(|other| differ(input, &decision, &other.decision))
            .collect();
        let strategy = &input.set.spec.update_strategy.kind;
        let unknown = || {
            let known = matches!(strategy.as_str(), "" | "RollingUpdate" | "OnDelete");
            let told = self.first.knows_recreate && strategy == "Recreate";
            (!known && !told).then(|| format!("Kubernetes 1.{} knows no strategy {strategy:?}", self.first.minor))
        };
        Consensus {
            unproven: self.unproven.clone().or_else(unknown),
            otherwise,
            decision,
        }
    }
}

fn unproven(version: &str, first: Profile) -> Option<String> {
    let Profile { minor, exact, .. } = first;
    let asked = parse(version).map(|(minor, _)| minor);
    match asked {
        _ if exact => None,
        // All that is known is plausible then: where it agrees there is nothing to doubt.
        _ if version.is_empty() => None,
        None => Some(format!(
            "server version {version:?} is not known; Kubernetes 1.{minor} is assumed"
        )),
        Some(asked) if asked == minor => Some(format!(
            "Kubernetes 1.{minor} is known from documents, not from its code"
        )),
        Some(asked) => Some(format!(
            "Kubernetes 1.{asked} is not known; 1.{minor} is the nearest that is"
        )),
    }
}

/// Whether two behaviours can find another revision for a template that has to be compared.
fn at_first(a: Profile, b: Profile) -> bool {
    (a.semantic_revisions, a.null_timestamps) != (b.semantic_revisions, b.null_timestamps)
}

/// Whether two behaviours can decide differently about this input for another reason; says yes where that is not easily
/// ruled out. `updates`: whether pods are to be updated.
fn later(a: Profile, b: Profile, input: &Input, first: &Decision, updates: impl Fn() -> bool) -> bool {
    let set = input.set;
    let strategy = set.spec.update_strategy.kind.as_str();
    let availability = || {
        let unusual = |phase: &str| phase != "Running";
        let ready_elsewhere = || input.pods.iter().any(|pod| pod.ready() && unusual(&pod.status.phase));
        set.spec.min_ready_seconds > 0 || ready_elsewhere()
    };
    let hashes = || input.revisions.iter().any(|revision| hash_label(revision).is_some());
    let updates = || strategy != "OnDelete" && updates();
    let asks = || {
        let rolling = set.spec.update_strategy.rolling_update.as_ref();
        rolling.is_some_and(|rolling| rolling.max_unavailable.is_some())
    };
    let unordered = !set.ordered();
    let max_unavailable = a.max_unavailable || b.max_unavailable;
    ((a.availability, a.inclusive) != (b.availability, b.inclusive) && availability())
        || (a.hash_labels != b.hash_labels && hashes())
        || (a.max_unavailable != b.max_unavailable && (unordered || asks()) && updates())
        || (a.replaces_unavailable != b.replaces_unavailable && max_unavailable && unordered && updates())
        || (a.max_unavailable_reported != b.max_unavailable_reported && max_unavailable && asks())
        || ((a.knows_recreate, a.recreate) != (b.knows_recreate, b.recreate) && strategy == "Recreate")
        || (a.condemned_first != b.condemned_first && unordered && first.error.is_some())
}

/// Whether they do or wait for something else. In which order a Parallel set is worked on does not count, nor does
/// under which name the same wait goes.
fn differ(input: &Input, a: &Decision, b: &Decision) -> bool {
    // A revision that does not exist yet goes under the name that each behaviour would give it, unless pods bear it already.
    let borne = |name: &str| input.pods.iter().any(|pod| pod.revision() == name);
    let spoken = |decision: &Decision, name: &str| {
        let new = decision.update_revision_is_new && name == decision.update_revision && !borne(name);
        if new { String::new() } else { name.to_owned() }
    };
    let calls = |decision: &Decision| {
        let revision = |call: &Call| call.revision.as_ref().map(|name| spoken(decision, name));
        let mut calls: Vec<_> = decision
            .calls
            .iter()
            .map(|call| (call.op, spoken(decision, &call.name), revision(call)))
            .collect();
        calls.sort();
        // What is deleted twice is deleted once.
        calls.dedup();
        calls.retain(|(op, ..)| *op != Op::DeleteRevision);
        calls
    };
    let waits = |decision: &Decision| {
        let mut waits: Vec<_> = decision
            .waits_for
            .iter()
            .map(|wait| (wait.kind, wait.name.clone()))
            .collect();
        waits.sort();
        waits
    };
    calls(a) != calls(b) || waits(a) != waits(b) || a.error.is_some() != b.error.is_some()
}

#[cfg(test)]
mod tests;
