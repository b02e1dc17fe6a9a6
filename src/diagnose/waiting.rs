//! Claims that somebody waits for: whose turn it is, and what keeps each from being bound.

use jiff::{SignedDuration, Timestamp};

use super::context::{ClaimTrouble, Context};
use super::finding::Finding;
use super::provisioner::{Provisioner, Standing};
use super::{Checked, Outcome};
use crate::model::objects::{Claim, Event, StorageClass};
use crate::model::set::Ordinal;

/// A provisioner that runs answers within this time, if only with a failure.
const PATIENCE: SignedDuration = SignedDuration::from_secs(30);

impl<'a> Context<'a> {
    /// The claims that keep this pod from being scheduled or started: unbound ones whose turn it is. A claim of a class
    /// that waits for its consumer has its turn only once the scheduler chose a node, and not if scheduling failed again
    /// after that.
    pub fn awaited_claims<'s>(&'s self, row: &'s Ordinal<'a>) -> impl Iterator<Item = &'a Claim> + 's {
        self.pending_claims(row).filter(move |claim| {
            let class = claim.class().and_then(|name| self.linked.class(name));
            let chosen = || claim.selected_node().is_some() && !self.failed_after_selection(row, claim);
            match class {
                Some(class) if !class.waits_for_consumer() => true,
                // The scheduler matches volumes made by hand itself; without one that fits it chooses no node.
                Some(class) if class.by_hand() => self.shortage(claim).is_some(),
                Some(_) => chosen(),
                // A class that could not be read tells its mode through what the binder says of the claim.
                None if self.need(&self.linked.snapshot.classes).is_err() => {
                    self.events(&claim.metadata.uid, "WaitForFirstConsumer")
                        .next()
                        .is_none()
                        || chosen()
                }
                None => true,
            }
        })
    }

    /// When the scheduler chose the claim's node, by its entry in managedFields.
    pub fn selected_at(claim: &Claim) -> Option<Timestamp> {
        let scheduler = |manager: &str| manager.contains("scheduler");
        let writes = claim
            .metadata
            .managed_fields
            .iter()
            .filter(|entry| scheduler(&entry.manager) && entry.owns("metadata", "annotations"));
        writes.filter_map(|entry| entry.time).max()
    }

    fn failed_after_selection(&self, row: &Ordinal<'_>, claim: &Claim) -> bool {
        let Some(pod) = row.pod else { return false };
        let failed = self
            .events(&pod.metadata.uid, "FailedScheduling")
            .next()
            .and_then(Event::last_seen);
        matches!((failed, Self::selected_at(claim)), (Some(failed), Some(selected)) if failed > selected)
    }

    /// Whether a pod that is not Ready has an unbound claim.
    pub fn waits_for_a_claim(&self) -> bool {
        let mut rows = self.model.rows().filter(|row| row.pod.is_some_and(|pod| !pod.ready()));
        rows.any(|row| self.pending_claims(row).next().is_some())
    }

    /// What keeps an unbound claim from being bound.
    pub fn claim_trouble(&self, claim: &'a Claim) -> ClaimTrouble<'a> {
        let failed = self.events(&claim.metadata.uid, "ProvisioningFailed").next();
        let class = claim.class().and_then(|name| self.linked.class(name));
        let asked = claim.provisioner().or(class.map(|class| class.provisioner.as_str()));
        let (Some(class), Some(asked)) = (class.filter(|class| !class.by_hand()), asked) else {
            return self.by_hand_trouble(claim);
        };
        let provisioner = self.provisioner(asked);
        match (&provisioner.standing, failed) {
            // Whoever reports a failure is there; that its workload cannot be seen is then beside the point.
            (Standing::Running(_) | Standing::Hidden, Some(failed)) => ClaimTrouble::Failed(failed),
            (Standing::Running(_), None) if self.asked_lately(claim) => ClaimTrouble::UnderWay,
            (Standing::Running(_), None) => ClaimTrouble::Other,
            _ => ClaimTrouble::Provisioner(class, provisioner),
        }
    }

    /// Whether the claim was made, or its node chosen, so lately that no answer means nothing yet.
    fn asked_lately(&self, claim: &Claim) -> bool {
        let asked = Self::selected_at(claim).or(claim.metadata.creation_timestamp);
        asked.is_some_and(|at| self.now().duration_since(at) < PATIENCE)
    }

    /// Claims that somebody waits for, by what keeps them: rows with their claims, lowest ordinal first.
    pub fn waiting_claims(&self) -> Vec<(&Ordinal<'a>, &'a Claim, ClaimTrouble<'a>)> {
        let rows = self.model.rows().filter(|row| row.pod.is_some_and(|pod| !pod.ready()));
        rows.flat_map(|row| {
            self.awaited_claims(row)
                .map(move |claim| (row, claim, self.claim_trouble(claim)))
        })
        .collect()
    }
}

/// A claim that its provisioner keeps waiting.
#[derive(Debug)]
pub struct Kept<'a, 'p> {
    /// The claim.
    pub claim: &'a Claim,
    /// Its class.
    pub class: &'a StorageClass,
    /// The provisioner that the class names.
    pub provisioner: &'p Provisioner<'a>,
}

/// What a rule finds on claims that their provisioner keeps waiting: `says` speaks of the standings that are the rule's.
///
/// # Errors
/// The gap in the claims or in the classes.
pub fn kept_by_provisioner<'a>(cx: &Context<'a>, says: impl Fn(&Kept<'a, '_>) -> Option<Finding>) -> Checked {
    cx.need(&cx.linked.snapshot.claims)?;
    cx.need(&cx.linked.snapshot.classes)?;
    let (mut findings, mut not_checked) = (Vec::new(), Vec::new());
    for (row, claim, trouble) in cx.waiting_claims() {
        let ClaimTrouble::Provisioner(class, provisioner) = trouble else {
            continue;
        };
        let provisioner = provisioner.as_ref();
        let kept = Kept {
            claim,
            class,
            provisioner,
        };
        let Some(finding) = says(&kept) else { continue };
        let mut finding = finding.ordinals([row.ordinal]).since(claim.metadata.creation_timestamp);
        finding.evidence.extend(provisioner.evidence.clone());
        findings.push(finding);
        not_checked.extend(provisioner.gaps.clone());
    }
    Ok(Outcome { findings, not_checked })
}
