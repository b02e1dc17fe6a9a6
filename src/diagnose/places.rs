//! Nodes and volumes under a set's pods: which of them keep a pod where nothing that is done to the pod helps.

use super::context::{ClaimTrouble, Context};
use super::finding::{Evidence, ObjectRef};
use super::fit::{Misfits, misfits};
use crate::model::gap::Gap;
use crate::model::objects::{Claim, Condition, Node, PersistentVolume, Pod};
use crate::model::resource::Resource;
use crate::model::set::Ordinal;

impl<'a> Context<'a> {
    /// The pod's node with its condition Ready, when that is not True: what runs there is unknown, and what the API
    /// says of its pods is old.
    pub fn lost_node(&self, pod: &Pod) -> Option<(&'a Node, &'a Condition)> {
        let node = self.linked.node(&pod.spec.node_name)?;
        let ready = node
            .status
            .conditions
            .iter()
            .find(|condition| condition.kind == "Ready")?;
        (ready.status != "True").then_some((node, ready))
    }

    /// A claim's volume; `None` where it names none, or one that does not exist.
    ///
    /// # Errors
    /// What kept the volume from being read.
    pub fn volume(&self, claim: &Claim) -> Result<Option<&'a PersistentVolume>, Gap> {
        let (name, snapshot) = (claim.spec.volume_name.as_str(), self.linked.snapshot);
        let volume = self.linked.volume(name);
        let known =
            volume.is_some() || name.is_empty() || snapshot.confirmed_absent(Resource::PersistentVolumes, None, name);
        if !known {
            self.need(&snapshot.volumes)?;
        }
        Ok(volume)
    }

    /// A claim of a pod without a node whose volume no node of the cluster can reach, and where that volume is.
    pub fn stranded(&self, row: &Ordinal<'a>) -> Option<(&'a Claim, &'a PersistentVolume, String)> {
        let nodes = self.need(&self.linked.snapshot.nodes).ok()?;
        row.pod.filter(|pod| pod.spec.node_name.is_empty())?;
        row.claims.iter().filter_map(|slot| slot.claim).find_map(|claim| {
            let volume = self.linked.volume(&claim.spec.volume_name)?;
            Some((claim, volume, volume.out_of_reach(nodes)?))
        })
    }

    /// What keeps a claim waiting that no provisioner can serve: its class, or the volumes made by hand. `Other` where a
    /// volume could serve it, or where classes or volumes were not read.
    pub fn by_hand_trouble(&self, claim: &'a Claim) -> ClaimTrouble<'a> {
        let snapshot = self.linked.snapshot;
        let Ok(classes) = self.need(&snapshot.classes) else {
            return ClaimTrouble::Other;
        };
        let shortage = self.shortage(claim).map(ClaimTrouble::NoVolume);
        match claim.class() {
            None if classes.iter().any(|class| class.is_default()) => ClaimTrouble::Other,
            None => match shortage {
                Some(_) => ClaimTrouble::NoDefault,
                None => ClaimTrouble::Other,
            },
            Some(name) if name.is_empty() || self.linked.class(name).is_some() => {
                shortage.unwrap_or(ClaimTrouble::Other)
            }
            // The names of volumes' classes are free text: where some carry it, they are what is meant.
            Some(name) => match shortage {
                Some(ClaimTrouble::NoVolume(volumes)) if volumes.is_empty() => ClaimTrouble::ClassMissing(name),
                trouble => trouble.unwrap_or(ClaimTrouble::Other),
            },
        }
    }

    /// What keeps every volume of its class from a claim; `None` where one could serve it, where volumes were not read,
    /// or where the claim names the volume that it wants.
    pub fn shortage(&self, claim: &Claim) -> Option<Misfits<'a>> {
        let volumes = &self.linked.snapshot.volumes;
        self.need(volumes).ok()?;
        if !claim.spec.volume_name.is_empty() {
            return None;
        }
        misfits(claim, &self.linked.snapshot.volumes.items)
    }
}

/// The command that keeps a volume whatever becomes of its claim.
pub fn keeping(volume: &str) -> [&str; 6] {
    let retain = r#"{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}"#;
    ["kubectl", "patch", "pv", volume, "-p", retain]
}

/// What becomes of a volume when its claim goes.
pub fn reclaim_policy(volume: &PersistentVolume) -> Evidence {
    let object = ObjectRef::of("PersistentVolume", &volume.metadata);
    let policy = volume.spec.persistent_volume_reclaim_policy.as_str();
    Evidence::field(object, "spec.persistentVolumeReclaimPolicy", policy)
}

/// Whether the node controller took readiness from a pod whose containers were well to the last: its node went silent.
/// The node itself says more, where it was read.
/// Source: `pkg/controller/util/node/controller_utils.go` (MarkPodsNotReady).
pub fn lost_its_node(pod: &Pod) -> bool {
    let is = |kind, status| pod.condition(kind).filter(|condition| condition.status == status);
    // A readiness gate that is not passed gives its reason.
    is("Ready", "False").is_some_and(|ready| ready.reason.is_empty()) && is("ContainersReady", "True").is_some()
}
