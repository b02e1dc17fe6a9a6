//! Is the provisioner that a class names installed, and does it run? Evidence from many places, strongest first.
//! Source: `sig-storage-lib-external-provisioner` `controller/controller.go`, `external-provisioner`
//! `cmd/csi-provisioner/csi-provisioner.go` (lease names), and the flags and variables that provisioners take.

use jiff::{SignedDuration, Timestamp};

use super::finding::{Evidence, ObjectRef};
use crate::model::gap::Gap;
use crate::model::link::Linked;
use crate::model::listing::Listing;
use crate::model::mask::{PROVISIONER_ENV, PROVISIONER_FLAGS, flag_name};
use crate::model::objects::{Container, Meta, Object, Pod, PodSpec};
use crate::model::resource::Resource;

/// Provisioners that their provider runs outside the cluster: no workload of theirs can be seen.
const MANAGED: [&str; 6] = [
    "pd.csi.storage.gke.io",
    "filestore.csi.storage.gke.io",
    "disk.csi.azure.com",
    "file.csi.azure.com",
    "ebs.csi.eks.amazonaws.com",
    "docker.io/hostpath",
];

/// Images that answer to a name without being told it.
const IMAGE_NAMES: [(&str, &str); 3] = [
    ("local-path-provisioner", "rancher.io/local-path"),
    ("storage-provisioner", "k8s.io/minikube-hostpath"),
    ("hostpath-provisioner", "microk8s.io/hostpath"),
];

/// A volume made within this time shows that the provisioner was there lately.
const LATELY: SignedDuration = SignedDuration::from_hours(24);

/// What is known about one provisioner.
#[derive(Debug)]
pub struct Provisioner<'a> {
    /// The name that the class or the claim gives.
    pub name: String,
    /// The conclusion.
    pub standing: Standing<'a>,
    /// Facts behind it.
    pub evidence: Vec<Evidence>,
    /// What was searched and could not be searched whole; an absence is then only likely.
    pub gaps: Vec<Gap>,
    /// Whether a read of its own, after the lists, confirmed that there is no CSIDriver of that name.
    pub absence_confirmed: bool,
}

/// Where a provisioner stands.
#[derive(Debug)]
pub enum Standing<'a> {
    /// A pod that answers to the name is Ready.
    Running(Runner<'a>),
    /// Something answers to the name, and none of its pods is Ready.
    Down(Runner<'a>),
    /// Nobody answers to the name, but a running workload answers to one that no class names.
    Renamed(Runner<'a>, String),
    /// No workload can be seen, yet something shows that the provisioner is, or was lately, installed.
    Hidden,
    /// Nothing at all.
    Absent,
}

/// What runs a provisioner.
#[derive(Clone, Debug)]
pub struct Runner<'a> {
    /// The workload, or the pod itself where nothing controls it.
    pub object: ObjectRef,
    /// Its pods.
    pub pods: Vec<&'a Pod>,
    /// Wanted and available pods, where the workload says so.
    pub counts: Option<(i32, i32)>,
    /// Where its name was found.
    pub named_by: Evidence,
}

struct Candidate<'a> {
    runner: Runner<'a>,
    names: Vec<String>,
}

/// Collects what is known.
pub fn investigate<'a>(linked: &'a Linked<'a>, name: &str) -> Provisioner<'a> {
    let snapshot = linked.snapshot;
    let candidates = candidates(linked);
    let answers = |candidate: &&Candidate<'_>| candidate.names.iter().any(|known| known == name);
    let mut matching: Vec<&Candidate<'_>> = candidates.iter().filter(answers).collect();
    matching.sort_by_key(|candidate| !runs(&candidate.runner));
    let (mut evidence, mut gaps) = (Vec::new(), Vec::new());
    let standing = if let Some(candidate) = matching.first() {
        evidence.push(candidate.runner.named_by.clone());
        match runs(&candidate.runner) {
            true => Standing::Running(candidate.runner.clone()),
            false => Standing::Down(candidate.runner.clone()),
        }
    } else {
        let traces = traces(linked, name);
        if let Some((runner, other)) = renamed(linked, &candidates, name) {
            evidence.push(runner.named_by.clone());
            Standing::Renamed(runner, other)
        } else if traces.is_empty() {
            Standing::Absent
        } else {
            evidence = traces;
            Standing::Hidden
        }
    };
    if !matches!(standing, Standing::Running(_) | Standing::Down(_)) {
        gaps.extend(snapshot.pods_everywhere().complete().err());
        gaps.extend(snapshot.deployments.complete().err());
        gaps.extend(snapshot.daemon_sets.complete().err());
        gaps.extend(snapshot.stateful_sets_everywhere().complete().err());
        gaps.extend(snapshot.csi_drivers.complete().err());
        gaps.extend(snapshot.csi_nodes.complete().err());
        gaps.extend(snapshot.leases.complete().err());
        evidence.push(searched(linked, name));
    }
    let absence_confirmed = snapshot.confirmed_absent(Resource::CsiDrivers, None, name);
    Provisioner {
        name: name.to_owned(),
        standing,
        evidence,
        gaps,
        absence_confirmed,
    }
}

impl Provisioner<'_> {
    /// Whether nothing that bears on an absence was left unread.
    pub fn searched_whole(&self) -> bool {
        self.gaps.is_empty() && self.absence_confirmed
    }
}

fn runs(runner: &Runner<'_>) -> bool {
    let ready = runner.pods.iter().any(|pod| pod.ready() && !pod.metadata.terminating());
    // Where pods could not be listed, the workload's own count still tells.
    ready || (runner.pods.is_empty() && runner.counts.is_some_and(|(_, available)| available > 0))
}

fn searched(linked: &Linked<'_>, name: &str) -> Evidence {
    let snapshot = linked.snapshot;
    let looked_at = [
        looked_at(snapshot.pods_everywhere(), "pods"),
        looked_at(&snapshot.deployments, "Deployments"),
        looked_at(&snapshot.daemon_sets, "DaemonSets"),
        looked_at(snapshot.stateful_sets_everywhere(), "StatefulSets"),
        looked_at(&snapshot.csi_drivers, "CSIDrivers"),
        looked_at(&snapshot.csi_nodes, "CSINodes"),
        looked_at(&snapshot.leases, "Leases"),
        looked_at(&snapshot.volumes, "volumes"),
    ];
    Evidence::search(ObjectRef::named("CSIDriver", "", name), &looked_at.join(", "))
}

/// How many there are; what was not read is never counted as none.
fn looked_at<T: Object>(listing: &Listing<T>, what: &str) -> String {
    match (listing.complete(), listing.items.len()) {
        (Ok(all), _) => format!("{} {what}", all.len()),
        (Err(_), 0) => format!("{what} not read"),
        (Err(_), some) => format!("{some} {what} (not all)"),
    }
}

/// Everything that names a provisioner it answers to: workloads by their templates, bare pods by themselves.
fn candidates<'a>(linked: &'a Linked<'a>) -> Vec<Candidate<'a>> {
    let snapshot = linked.snapshot;
    let mut found = Vec::new();
    let workloads = snapshot
        .deployments
        .items
        .iter()
        .map(|w| ("Deployment", w))
        .chain(snapshot.daemon_sets.items.iter().map(|w| ("DaemonSet", w)));
    for (kind, workload) in workloads {
        let counts = match kind {
            "Deployment" => (workload.spec.replicas.unwrap_or(1), workload.status.available_replicas),
            _ => (
                workload.status.desired_number_scheduled,
                workload.status.number_available,
            ),
        };
        let pods = || {
            pods_of(linked, &workload.metadata.namespace, |labels| {
                workload.spec.selector.matches(labels)
            })
        };
        found.extend(candidate(
            kind,
            &workload.metadata,
            "spec.template.spec",
            workload.spec.template.spec(),
            Some(counts),
            pods,
        ));
    }
    for set in &snapshot.stateful_sets_everywhere().items {
        let counts = (set.replicas(), set.status.available_replicas);
        let pods = || {
            pods_of(linked, &set.metadata.namespace, |labels| {
                set.spec.selector.matches(labels)
            })
        };
        found.extend(candidate(
            "StatefulSet",
            &set.metadata,
            "spec.template.spec",
            set.spec.template.spec(),
            Some(counts),
            pods,
        ));
    }
    for pod in &snapshot.pods_everywhere().items {
        // A pod of a workload above is found through it; one of an unknown controller stands for itself.
        let known = ["ReplicaSet", "DaemonSet", "StatefulSet"];
        if pod
            .metadata
            .controller()
            .is_none_or(|owner| !known.contains(&owner.kind.as_str()))
        {
            found.extend(candidate(
                "Pod",
                &pod.metadata,
                "spec",
                Some(pod.spec.clone()),
                None,
                || vec![pod],
            ));
        }
    }
    found
}

fn pods_of<'a>(
    linked: &'a Linked<'a>,
    namespace: &str,
    matches: impl Fn(&std::collections::BTreeMap<String, String>) -> bool,
) -> Vec<&'a Pod> {
    let all = linked.snapshot.pods_everywhere().items.iter();
    all.filter(|pod| pod.metadata.namespace == namespace && matches(&pod.metadata.labels))
        .collect()
}

fn candidate<'a>(
    kind: &str,
    meta: &Meta,
    path: &str,
    spec: Option<PodSpec>,
    counts: Option<(i32, i32)>,
    pods: impl FnOnce() -> Vec<&'a Pod>,
) -> Option<Candidate<'a>> {
    let object = ObjectRef::of(kind, meta);
    let declared: Vec<(String, String)> = spec?.containers.iter().flat_map(declared_names).collect();
    let (place, first) = declared.first()?;
    let named_by = Evidence::field(object.clone(), &format!("{path}.containers{place}"), first.as_str());
    let names = declared.iter().map(|(_, name)| name.clone()).collect();
    Some(Candidate {
        runner: Runner {
            object,
            pods: pods(),
            counts,
            named_by,
        },
        names,
    })
}

/// The names that a container answers to, each with the place below `containers` where it stands.
fn declared_names(container: &Container) -> Vec<(String, String)> {
    let mut names = Vec::new();
    let at = format!("[{}]", container.name);
    for variable in &container.env {
        if let (true, Some(value)) = (PROVISIONER_ENV.contains(&variable.name.as_str()), &variable.value) {
            names.push((format!("{at}.env[{}]", variable.name), value.clone()));
        }
    }
    for (field, words) in [("command", &container.command), ("args", &container.args)] {
        for (n, word) in words.iter().enumerate() {
            if !flag_name(word).is_some_and(|flag| PROVISIONER_FLAGS.contains(&flag)) {
                continue;
            }
            let value = word
                .split_once('=')
                .map(|(_, value)| value)
                .or_else(|| words.get(n + 1).map(String::as_str));
            names.extend(value.map(|value| (format!("{at}.{field}"), value.to_owned())));
        }
    }
    if names.is_empty() {
        let image = container.image.rsplit('/').next().unwrap_or_default();
        let image = image.split([':', '@']).next().unwrap_or_default();
        let known = IMAGE_NAMES.iter().find(|(known, _)| *known == image);
        names.extend(known.map(|(_, name)| (format!("{at}.image"), (*name).to_owned())));
    }
    names
}

/// A running workload whose name no class asks for; of several the one whose name is nearest.
fn renamed<'a>(linked: &'a Linked<'a>, candidates: &[Candidate<'a>], name: &str) -> Option<(Runner<'a>, String)> {
    let asked_for = |other: &str| {
        linked
            .snapshot
            .classes
            .items
            .iter()
            .any(|class| class.provisioner == other)
    };
    let idle = candidates.iter().filter(|candidate| runs(&candidate.runner));
    let idle = idle.flat_map(|candidate| candidate.names.iter().map(move |other| (candidate, other)));
    let nearest = idle
        .filter(|(_, other)| !asked_for(other))
        .min_by_key(|(_, other)| strsim::levenshtein(name, other))?;
    Some((nearest.0.runner.clone(), nearest.1.clone()))
}

/// What shows that a provisioner is or was there although no workload of it can be seen.
fn traces(linked: &Linked<'_>, name: &str) -> Vec<Evidence> {
    let snapshot = linked.snapshot;
    let mut found = Vec::new();
    if MANAGED.contains(&name) {
        let object = ObjectRef::named("StorageClass", "", name);
        found.push(Evidence::field(
            object,
            "provisioner",
            format!("{name} is run by the provider, outside the cluster"),
        ));
    }
    let driver = snapshot
        .csi_drivers
        .items
        .iter()
        .find(|driver| driver.metadata.name == name);
    found.extend(
        driver.map(|driver| Evidence::field(ObjectRef::of("CSIDriver", &driver.metadata), "metadata.name", name)),
    );
    for node in &snapshot.csi_nodes.items {
        if node.spec.drivers.iter().flatten().any(|driver| driver.name == name) {
            found.push(Evidence::field(
                ObjectRef::of("CSINode", &node.metadata),
                "spec.drivers",
                name,
            ));
            break;
        }
    }
    let lease_names = [name.replace('/', "-"), sanitized(name)];
    for lease in snapshot
        .leases
        .items
        .iter()
        .filter(|lease| lease_names.contains(&lease.metadata.name))
    {
        let renewed = lease.spec.renew_time.map(|at| at.to_string()).unwrap_or_default();
        found.push(Evidence::field(
            ObjectRef::of("Lease", &lease.metadata),
            "spec.renewTime",
            renewed,
        ));
    }
    let by_name = snapshot
        .volumes
        .items
        .iter()
        .filter(|volume| volume.provisioned_by() == Some(name));
    if let Some(volume) = by_name.max_by_key(|volume| volume.metadata.creation_timestamp)
        && volume
            .metadata
            .creation_timestamp
            .is_some_and(|at| lately(snapshot.taken_at, at))
    {
        let made = volume
            .metadata
            .creation_timestamp
            .map(|at| at.to_string())
            .unwrap_or_default();
        found.push(Evidence::field(
            ObjectRef::of("PersistentVolume", &volume.metadata),
            "metadata.creationTimestamp",
            made,
        ));
    }
    let said = snapshot
        .events
        .items
        .iter()
        .filter(|event| event.component().starts_with(&format!("{name}_")));
    found.extend(said.max_by_key(|event| event.last_seen()).map(Evidence::event));
    found
}

fn lately(now: Timestamp, at: Timestamp) -> bool {
    now.duration_since(at) < LATELY
}

fn sanitized(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect()
}
