//! Is the provisioner that a class names installed, and does it run? Evidence from many places, strongest first.
//! Source: `sig-storage-lib-external-provisioner` `controller/controller.go`, `external-provisioner`
//! `cmd/csi-provisioner/csi-provisioner.go` (lease names), and the flags and variables that provisioners take.

use jiff::{SignedDuration, Timestamp};

use super::finding::{Evidence, ObjectRef};
use crate::model::declared::Declared;
use crate::model::gap::Gap;
use crate::model::link::Linked;
use crate::model::listing::Listing;
use crate::model::objects::{Object, Pod};
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

impl<'a> Runner<'a> {
    fn of(declared: &Declared<'a>) -> Self {
        let object = ObjectRef::of(declared.kind, declared.meta);
        let named_by = Evidence::field(object.clone(), &declared.path, declared.first());
        Self {
            object,
            pods: declared.pods.clone(),
            counts: declared.counts,
            named_by,
        }
    }
}

/// Collects what is known.
pub fn investigate<'a>(linked: &'a Linked<'a>, name: &str) -> Provisioner<'a> {
    let snapshot = linked.snapshot;
    let mut matching: Vec<_> = linked
        .declared()
        .iter()
        .filter(|declared| declared.names.iter().any(|known| known == name))
        .collect();
    matching.sort_by_key(|declared| !declared.runs());
    let (mut evidence, mut gaps) = (Vec::new(), Vec::new());
    let standing = if let Some(declared) = matching.first() {
        let runner = Runner::of(declared);
        evidence.push(runner.named_by.clone());
        match declared.runs() {
            true => Standing::Running(runner),
            false => Standing::Down(runner),
        }
    } else {
        let traces = traces(linked, name);
        if let Some((runner, other)) = renamed(linked, name) {
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

/// A running workload whose name no class asks for; of several the one whose name is nearest.
fn renamed<'a>(linked: &'a Linked<'a>, name: &str) -> Option<(Runner<'a>, String)> {
    let classes = &linked.snapshot.classes.items;
    let idle = linked.declared().iter().filter(|declared| declared.runs());
    let idle = idle.flat_map(|declared| declared.names.iter().map(move |other| (declared, other)));
    let (nearest, other) = idle
        .filter(|(_, other)| !classes.iter().any(|class| class.provisioner == **other))
        .min_by_key(|(_, other)| strsim::levenshtein(name, other))?;
    Some((Runner::of(nearest), other.clone()))
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
