//! Which volumes made by hand could serve a claim, and why each of them does not. Where a class can make no volumes,
//! this is all there is to say about a claim that waits.
//! Source: `staging/src/k8s.io/component-helpers/storage/volume/pv_helpers.go` (FindMatchingVolume),
//! `pkg/controller/volume/persistentvolume/index.go`.

use super::Checked;
use super::context::{ClaimTrouble, Context};
use super::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::model::objects::{Claim, ClaimReference, PersistentVolume};
use crate::model::quantity::quantity;

/// Why a volume does not serve a claim; the later, the nearer it was to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Misfit {
    /// It does not offer an access mode, or is a disk where a file system is asked for, or the reverse.
    Modes,
    /// Its labels are not those that the claim selects.
    Labels,
    /// Another claim has it, or it is reserved for one.
    Taken,
    /// It is being deleted, or its reclaiming failed.
    Broken,
    /// It is smaller than what is asked for.
    TooSmall,
    /// Its claim is gone and it was kept: it serves nobody until somebody frees it.
    Released,
}

/// What is missing, all volumes of the class taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// Released volumes would fit.
    OnlyReleased,
    /// Free ones are there, and smaller.
    TooSmall,
    /// None is near to fitting.
    NoVolume,
}

/// The volumes of a claim's class with what keeps each from serving it.
pub type Misfits<'a> = Vec<(&'a PersistentVolume, Misfit)>;

/// Why none of these volumes serves the claim; `None` where one could.
pub fn misfits<'a>(claim: &Claim, volumes: impl IntoIterator<Item = &'a PersistentVolume>) -> Option<Misfits<'a>> {
    let class = claim.class().unwrap_or_default();
    let of_class = volumes.into_iter().filter(|volume| volume.class() == class);
    of_class.map(|volume| Some((volume, misfit(claim, volume)?))).collect()
}

/// Why this volume does not serve the claim, its class aside.
fn misfit(claim: &Claim, volume: &PersistentVolume) -> Option<Misfit> {
    let (asked, spec) = (&claim.spec, &volume.spec);
    let mode = |mode: &Option<String>| mode.as_deref().unwrap_or("Filesystem").to_owned();
    let offered = asked.access_modes.iter().all(|mode| spec.access_modes.contains(mode));
    if !offered || mode(&asked.volume_mode) != mode(&spec.volume_mode) {
        return Some(Misfit::Modes);
    }
    if asked
        .selector
        .as_ref()
        .is_some_and(|selector| !selector.matches(&volume.metadata.labels))
    {
        return Some(Misfit::Labels);
    }
    let released = volume.status.phase == "Released";
    if spec.claim_ref.as_ref().is_some_and(|of| !names(of, claim)) && !released {
        return Some(Misfit::Taken);
    }
    if volume.metadata.terminating() || volume.status.phase == "Failed" {
        return Some(Misfit::Broken);
    }
    let size = |text: Option<&str>| text.and_then(quantity);
    let capacity = size(spec.capacity.storage.as_deref());
    // A size that cannot be read proves nothing.
    if matches!((capacity, size(claim.request())), (Some(has), Some(wants)) if has < wants) {
        return Some(Misfit::TooSmall);
    }
    released.then_some(Misfit::Released)
}

/// Whether a volume is reserved for just this claim.
fn names(of: &ClaimReference, claim: &Claim) -> bool {
    let meta = &claim.metadata;
    same_name(of, &meta.namespace, &meta.name) && (of.uid.is_empty() || of.uid == meta.uid)
}

/// Whether a volume's claim had, or has, this name.
pub fn same_name(of: &ClaimReference, namespace: &str, name: &str) -> bool {
    of.namespace == namespace && of.name == name
}

/// What is missing.
pub fn lack(volumes: &Misfits<'_>) -> Lack {
    match volumes.iter().map(|(_, misfit)| *misfit).max() {
        Some(Misfit::Released) => Lack::OnlyReleased,
        Some(Misfit::TooSmall) => Lack::TooSmall,
        _ => Lack::NoVolume,
    }
}

/// How many volumes fail to fit for which reason, nearest first.
pub fn tally(volumes: &Misfits<'_>) -> String {
    let reasons = [
        (Misfit::Released, "Released"),
        (Misfit::TooSmall, "too small"),
        (Misfit::Broken, "failed or being deleted"),
        (Misfit::Taken, "taken"),
        (Misfit::Labels, "without the labels it selects"),
        (Misfit::Modes, "of another access or volume mode"),
    ];
    let count = |reason| volumes.iter().filter(|(_, misfit)| *misfit == reason).count();
    let said = reasons.iter().map(|(reason, words)| (count(*reason), words));
    let said = said.filter(|(count, _)| *count > 0);
    said.map(|(count, words)| format!("{count} {words}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// What a rule finds on claims that lack a volume: those that `says` has a sentence and a remedy for.
///
/// # Errors
/// The gap in the volumes, where a claim waits.
pub fn findings<'a>(cx: &Context<'a>, says: impl Fn(&'a Claim, &Misfits<'a>) -> Option<(String, Remedy)>) -> Checked {
    let mut findings = Vec::new();
    if !cx.waits_for_a_claim() {
        return Ok(findings.into());
    }
    cx.need(&cx.linked.snapshot.volumes)?;
    for (row, claim, trouble) in cx.waiting_claims() {
        let ClaimTrouble::NoVolume(volumes) = trouble else {
            continue;
        };
        let Some((summary, remedy)) = says(claim, &volumes) else {
            continue;
        };
        let object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
        let asked = claim.request().unwrap_or_default();
        let mut finding = Finding::new(Role::Root, Severity::Error, object.clone(), summary)
            .ordinals([row.ordinal])
            .since(claim.metadata.creation_timestamp)
            .evidence(Evidence::field(
                object.clone(),
                "spec.resources.requests.storage",
                asked,
            ))
            .remedy(remedy.avoid("deleting the pod or its claim: both come back the same"));
        finding
            .evidence
            .extend(volumes.iter().map(|(volume, misfit)| fact(volume, *misfit)));
        if volumes.is_empty() {
            let all = cx.linked.snapshot.volumes.items.len();
            finding = finding.evidence(Evidence::search(object, &format!("{all} volumes, none of this class")));
        }
        findings.push(finding);
    }
    Ok(findings.into())
}

fn fact(volume: &PersistentVolume, misfit: Misfit) -> Evidence {
    let object = ObjectRef::of("PersistentVolume", &volume.metadata);
    let holder = volume
        .spec
        .claim_ref
        .as_ref()
        .map(|of| format!("{}/{}", of.namespace, of.name))
        .unwrap_or_default();
    match misfit {
        Misfit::Modes => Evidence::field(object, "spec.accessModes", volume.spec.access_modes.clone()),
        Misfit::Labels => Evidence::field(object, "metadata.labels", format!("{:?}", volume.metadata.labels)),
        Misfit::TooSmall => Evidence::field(object, "spec.capacity.storage", volume.size()),
        Misfit::Broken => Evidence::field(object, "status.phase", volume.status.phase.as_str()),
        Misfit::Taken => Evidence::field(object, "spec.claimRef", holder),
        Misfit::Released => Evidence::field(object, "spec.claimRef", format!("{holder} (Released)")),
    }
}

/// What to do where a volume has to be made by hand.
pub fn make_one(claim: &Claim, kind: &str) -> Remedy {
    let size = claim.request().unwrap_or("enough");
    let modes = claim.spec.access_modes.join(" and ");
    Remedy::new(
        format!("make a volume {kind} of at least {size} for {modes}; the claim then binds by itself"),
        Safety::ReadOnly,
    )
    .command(&["kubectl", "get", "pv"])
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::{Value, json};

    fn claim(more: Value) -> Claim {
        let asks = json!({"storageClassName": "local", "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "10Gi"}}});
        let meta = json!({"namespace": "shop", "name": "data-web-0", "uid": "new"});
        serde_json::from_value(json!({"metadata": meta, "spec": with(asks, more)})).unwrap()
    }

    fn volume(more: Value, phase: &str) -> PersistentVolume {
        let has =
            json!({"storageClassName": "local", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "10Gi"}});
        let meta = json!({"name": "v", "uid": "v"});
        serde_json::from_value(json!({"metadata": meta, "spec": with(has, more), "status": {"phase": phase}})).unwrap()
    }

    fn with(mut spec: Value, more: Value) -> Value {
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    }

    #[test]
    fn a_volume_serves_unless_something_keeps_it() {
        let of = |name: &str, uid: &str| json!({"claimRef": {"namespace": "shop", "name": name, "uid": uid}});
        let cases = [
            (volume(json!({}), "Available"), None),
            (
                volume(json!({"capacity": {"storage": "10G"}}), "Available"),
                Some(Misfit::TooSmall),
            ),
            (
                volume(json!({"accessModes": ["ReadOnlyMany"]}), "Available"),
                Some(Misfit::Modes),
            ),
            (volume(json!({"volumeMode": "Block"}), "Available"), Some(Misfit::Modes)),
            (volume(of("data-db-0", "other"), "Bound"), Some(Misfit::Taken)),
            (volume(of("data-web-0", "old"), "Released"), Some(Misfit::Released)),
            (volume(of("data-web-0", ""), "Available"), None),
            (volume(json!({}), "Failed"), Some(Misfit::Broken)),
        ];
        for (volume, expected) in cases {
            let text = format!("{:?}", volume.spec);
            assert_eq!(misfit(&claim(json!({})), &volume), expected, "{text}");
        }
        let selects = claim(json!({"selector": {"matchLabels": {"disk": "ssd"}}}));
        assert_eq!(misfit(&selects, &volume(json!({}), "Available")), Some(Misfit::Labels));
    }

    #[test]
    fn the_nearest_volume_says_what_is_missing() {
        let small = volume(json!({"capacity": {"storage": "1Gi"}}), "Available");
        let kept = volume(
            json!({"claimRef": {"namespace": "a", "name": "b", "uid": "c"}}),
            "Released",
        );
        let free = volume(json!({}), "Available");
        let claim = claim(json!({}));
        assert_eq!(lack(&misfits(&claim, [&small, &kept]).unwrap()), Lack::OnlyReleased);
        assert_eq!(lack(&misfits(&claim, [&small]).unwrap()), Lack::TooSmall);
        assert_eq!(lack(&misfits(&claim, []).unwrap()), Lack::NoVolume);
        assert!(misfits(&claim, [&small, &free]).is_none());
    }
}
