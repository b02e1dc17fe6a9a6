//! The ledger: one row for every ordinal that the set should have, and for those that are on their way out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::context::Context;
use super::finding::Certainty;
use super::next::next;
use crate::controller::Call;
use crate::model::answer::RecordType;
use crate::model::objects::Claim;
use crate::model::pod_state::{pod_state, since};
use crate::model::set::{ClaimSlot, Ordinal};

/// What `status` shows of a set beyond its diagnosis.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// Wanted pods.
    pub desired: i32,
    /// Ready pods among the wanted ordinals.
    pub ready: usize,
    /// Revisions.
    pub revisions: Revisions,
    /// `OrderedReady` or `Parallel`.
    pub pod_management_policy: String,
    /// `RollingUpdate`, `OnDelete` …
    pub strategy: String,
    /// Partition, an index from the first ordinal.
    pub partition: i32,
    /// What the controller does next.
    pub decision: Next,
    /// Rows, ascending by ordinal; condemned ones last.
    pub ordinals: Vec<Row>,
    /// Claims kept for ordinals that the set does not have.
    pub parked: Vec<String>,
}

/// The revisions in play.
#[derive(Clone, Debug, Serialize)]
pub struct Revisions {
    /// Where the last completed update ended.
    pub current: String,
    /// What the template asks for.
    pub update: String,
}

/// The controller's next action.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Next {
    /// The writes that it makes.
    pub calls: Vec<Call>,
    /// What it waits for.
    pub waits_for: Vec<WaitsFor>,
    /// All of it in words.
    pub because: String,
    /// How sure.
    pub certainty: Certainty,
    /// Why it is no more than likely.
    pub doubts: Vec<String>,
}

/// One fact that the controller waits for.
#[derive(Clone, Debug, Serialize)]
pub struct WaitsFor {
    /// Kind of the object.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The fact.
    pub fact: &'static str,
}

/// How a pod's revision stands to the one that it should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RevisionStanding {
    /// What it would be made from now.
    Wanted,
    /// On the update's revision although its ordinal is not asked to be.
    New,
    /// On the current revision while the update's is wanted.
    Old,
    /// On one that the template has left.
    Withdrawn,
}

impl RevisionStanding {
    /// As JSON spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::New => "new",
            Self::Old => "old",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// One ordinal.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The number.
    pub ordinal: i64,
    /// The pod's name.
    pub pod: String,
    /// One word, or the API's own reason.
    pub state: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Whether it is Ready.
    pub ready: bool,
    /// Restarts of its containers.
    pub restarts: Option<i32>,
    /// Its revision.
    pub revision: Option<String>,
    /// How that stands.
    pub revision_standing: Option<RevisionStanding>,
    /// Its node.
    pub node: Option<String>,
    /// The node's zone.
    pub zone: Option<String>,
    /// Its address.
    pub address: Option<String>,
    /// Its claims.
    pub claims: Vec<ClaimCell>,
    /// Whether an endpoint slice publishes its name; absent where that could not be read or nothing should publish it.
    pub dns: Option<Published>,
    /// Whether the set should no longer have it.
    pub condemned: bool,
}

impl Row {
    /// Whether its name should be in DNS and is not, or leads elsewhere: a Ready pod is published unless it is on its way out.
    pub fn misses_record(&self) -> bool {
        self.ready && self.dns.is_some_and(|dns| dns != Published::Published)
    }
}

/// A claim of a row.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimCell {
    /// Name.
    pub name: String,
    /// `bound`, `pending`, `lost`, `terminating`, `missing`, or `unknown` when claims could not be read.
    pub state: String,
    /// The volume it is bound to.
    pub volume: Option<String>,
    /// Its size.
    pub size: Option<String>,
}

/// Whether a pod's name is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Published {
    /// A slice holds its host name as ready.
    Published,
    /// Slices do, with other addresses than the pod has.
    Differs,
    /// No slice does.
    Unpublished,
}

/// Lays out the rows of one set.
pub fn ledger(cx: &Context<'_>) -> Ledger {
    let set = cx.set();
    let names = published(cx);
    let claims_known = cx.need(&cx.linked.snapshot.claims).is_ok();
    let pods_known = cx.need(&cx.linked.snapshot.pods).is_ok();
    let row = |row: &Ordinal<'_>, condemned| Row {
        condemned,
        ..lay_out(cx, row, names.as_ref(), pods_known, claims_known)
    };
    let waits = cx.decision.waits_for.iter().map(|wait| WaitsFor {
        kind: format!("{:?}", wait.kind),
        name: wait.name.clone(),
        fact: wait.fact.name(),
    });
    // Without pods the model would speak of a set that has none.
    let (calls, waits_for) = match pods_known {
        true => (cx.decision.calls.clone(), waits.collect()),
        false => (Vec::new(), Vec::new()),
    };
    Ledger {
        desired: set.replicas(),
        ready: cx.model.ready(),
        revisions: Revisions {
            current: set.status.current_revision.clone(),
            update: set.status.update_revision.clone(),
        },
        pod_management_policy: set.spec.pod_management_policy.clone(),
        strategy: set.spec.update_strategy.kind.clone(),
        partition: set.partition(),
        decision: Next {
            calls,
            waits_for,
            because: next(cx),
            certainty: cx.certainty(),
            doubts: cx.doubts.clone(),
        },
        ordinals: cx
            .model
            .ordinals
            .iter()
            .map(|ordinal| row(ordinal, false))
            .chain(cx.model.condemned.iter().map(|ordinal| row(ordinal, true)))
            .collect(),
        parked: cx
            .model
            .parked
            .iter()
            .map(|claim| claim.metadata.name.clone())
            .collect(),
    }
}

fn lay_out(
    cx: &Context<'_>,
    row: &Ordinal<'_>,
    names: Option<&BTreeMap<i64, Published>>,
    pods_known: bool,
    claims_known: bool,
) -> Row {
    let pod = row.pod;
    let node = pod
        .map(|pod| pod.spec.node_name.as_str())
        .filter(|node| !node.is_empty());
    let state = match (pod, row.foreign) {
        (Some(pod), _) => pod_state(pod, cx.now()).word().to_owned(),
        (None, Some(_)) => "name taken".to_owned(),
        (None, None) if pods_known => "missing".to_owned(),
        (None, None) => "unknown".to_owned(),
    };
    let named = names.map(|names| names.get(&row.ordinal).copied().unwrap_or(Published::Unpublished));
    Row {
        ordinal: row.ordinal,
        pod: row.name.clone(),
        state,
        since: pod.and_then(since),
        ready: pod.is_some_and(|pod| pod.ready()),
        restarts: pod
            .filter(|pod| !pod.status.container_statuses.is_empty())
            .map(|pod| pod.restarts()),
        revision: pod
            .map(|pod| pod.revision().to_owned())
            .filter(|revision| !revision.is_empty()),
        revision_standing: pod.map(|pod| standing(cx, row, pod.revision())),
        node: node.map(str::to_owned),
        zone: node.and_then(|node| cx.linked.node(node)?.zone()).map(str::to_owned),
        address: pod
            .map(|pod| pod.status.pod_ip.clone())
            .filter(|address| !address.is_empty()),
        claims: row.claims.iter().map(|slot| cell(slot, claims_known)).collect(),
        dns: pod.filter(|pod| !pod.metadata.terminating()).and(named),
        condemned: false,
    }
}

/// How a pod's revision stands to the one that its ordinal should have.
pub(super) fn standing(cx: &Context<'_>, row: &Ordinal<'_>, revision: &str) -> RevisionStanding {
    if revision == cx.desired_revision(row) {
        RevisionStanding::Wanted
    } else if revision == cx.decision.update_revision {
        RevisionStanding::New
    } else if revision == cx.decision.current_revision {
        RevisionStanding::Old
    } else {
        RevisionStanding::Withdrawn
    }
}

fn cell(slot: &ClaimSlot<'_>, known: bool) -> ClaimCell {
    let state = |claim: &Claim| match claim.metadata.terminating() {
        true => "terminating".to_owned(),
        false => claim.status.phase.to_lowercase(),
    };
    let absent = if known { "missing" } else { "unknown" };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ClaimCell {
        name: slot.name.clone(),
        state: slot.claim.map_or_else(|| absent.to_owned(), state),
        volume: slot.claim.and_then(|claim| given(&claim.spec.volume_name)),
        size: slot.claim.and_then(|claim| {
            let has = claim.status.capacity.storage.as_deref();
            has.or(claim.request()).and_then(given)
        }),
    }
}

/// How the pods' names are published, by ordinal. `None` when slices were not read whole, or no headless Service publishes
/// names.
fn published(cx: &Context<'_>) -> Option<BTreeMap<i64, Published>> {
    cx.model.service.filter(|service| service.headless())?;
    let mut names = BTreeMap::new();
    for row in &cx.records().rows {
        let published = row.published.as_ref()?;
        let Some(ordinal) = row.ordinal.filter(|_| row.question.kind != RecordType::Ptr) else {
            continue;
        };
        let wanted = row.expected.as_ref().is_some_and(|expected| !expected.is_empty());
        let state = match row.published_as_expected() {
            _ if published.is_empty() => Published::Unpublished,
            Some(false) if wanted => Published::Differs,
            _ => Published::Published,
        };
        let worst = names.entry(ordinal).or_insert(state);
        *worst = state.max(*worst);
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::recorded;
    use crate::model::link::link;
    use crate::model::snapshot::Snapshot;

    fn published(change: impl FnOnce(&mut Snapshot)) -> Vec<Option<Published>> {
        let mut snapshot = recorded("healthy-ordered");
        change(&mut snapshot);
        let linked = link(&snapshot);
        let rows = ledger(&Context::new(&linked, &linked.sets()[0])).ordinals;
        rows.iter().map(|row| row.dns).collect()
    }

    #[test]
    fn a_name_that_leads_to_an_earlier_pod_s_address_differs() {
        let all = published(|_| ());
        assert_eq!(all, [Some(Published::Published); 3]);
        let found = published(|snapshot| {
            let endpoints = snapshot.slices.items[0].endpoints.as_mut().unwrap();
            endpoints[1].addresses = vec!["10.244.0.99".to_owned()];
            endpoints.remove(2);
        });
        let states = [Published::Published, Published::Differs, Published::Unpublished];
        assert_eq!(found, states.map(Some));
    }
}
