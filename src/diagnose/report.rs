//! The report on one set: what renderers draw and JSON carries.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::chain::{self, Link};
use super::context::Context;
use super::finding::{Finding, ObjectRef};
use super::verdict::{self, Verdict};
use crate::model::gap::Gap;
use crate::model::resource::Resource;

/// One set's report, in the shape of the JSON contract.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetReport {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// How its users feel it.
    pub verdict: Verdict,
    /// Since when it has been so, where that is known.
    pub since: Option<Timestamp>,
    /// The verdict's reason in one line.
    pub summary: String,
    /// Ready of wanted pods.
    pub serving: Serving,
    /// Who manages the set.
    pub owner: Option<Owner>,
    /// What was asked for and does not happen: `scale-up`, `scale-down`, `update`, `start`.
    pub held_back: Vec<&'static str>,
    /// Everything the rules said, roots first.
    pub findings: Vec<Finding>,
    /// The ways from the set to each root.
    pub chains: Vec<Vec<Link>>,
    /// What could not be looked at.
    pub not_checked: Vec<NotChecked>,
}

/// Pods that serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Serving {
    /// Ready pods; `None` when pods could not be read.
    pub ready: Option<usize>,
    /// Wanted pods.
    pub wanted: i32,
}

/// The controller of the set itself, such as an operator's custom resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}

/// Something that was not looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotChecked {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

impl From<&Gap> for NotChecked {
    fn from(gap: &Gap) -> Self {
        Self {
            what: gap.what(),
            why: gap.why(),
        }
    }
}

/// Sums up findings and gaps.
pub(super) fn conclude(cx: &Context<'_>, findings: Vec<Finding>, mut gaps: Vec<Gap>) -> SetReport {
    let set = &cx.set().metadata;
    let pods_known = cx.need(&cx.linked.snapshot.pods);
    // Without pods every sentence about an ordinal would be a guess.
    let (findings, conclusion) = match &pods_known {
        Err(gap) => {
            gaps.push((*gap).clone());
            (Vec::new(), verdict::unknown(gap))
        }
        Ok(_) => {
            let conclusion = verdict::conclude(cx, &findings, &mut gaps);
            (findings, conclusion)
        }
    };
    gaps.extend(cx.gaps().cloned());
    let chains = chain::chains(&findings);
    let not_checked: BTreeSet<NotChecked> = gaps.iter().map(NotChecked::from).collect();
    SetReport {
        namespace: set.namespace.clone(),
        name: set.name.clone(),
        verdict: conclusion.verdict,
        since: conclusion.since,
        summary: conclusion.summary,
        serving: Serving {
            ready: pods_known.ok().map(|_| cx.model.ready()),
            wanted: cx.set().replicas(),
        },
        owner: set.controller().map(|owner| Owner {
            kind: owner.kind.clone(),
            name: owner.name.clone(),
        }),
        held_back: conclusion.held_back,
        findings,
        chains,
        not_checked: not_checked.into_iter().collect(),
    }
}

impl SetReport {
    /// The set as an object.
    pub fn object(&self) -> ObjectRef {
        ObjectRef::named(Resource::StatefulSets.info().kind, &self.namespace, &self.name)
    }

    /// The first root, which the verdict speaks of.
    pub fn root(&self) -> Option<&Finding> {
        self.findings
            .iter()
            .find(|finding| finding.role == super::finding::Role::Root)
    }
}
