//! What each command reads: the first round by a table, the second by what the first one showed.

use std::collections::{BTreeSet, HashSet};

use super::cluster_dns::ClusterDns;
use super::gap::{Gap, GapReason};
use super::named::Named;
use super::objects::{Claim, StatefulSet, exceeded};
use super::ordinal::numbered;
use super::place::Place;
use super::resource::Resource;
use super::snapshot::{Scope, Snapshot};

/// The first round of `status` and `diagnose`.
pub const DIAGNOSIS: [Resource; 10] = [
    Resource::StatefulSets,
    Resource::Pods,
    Resource::PersistentVolumeClaims,
    Resource::PersistentVolumes,
    Resource::StorageClasses,
    Resource::Services,
    Resource::EndpointSlices,
    Resource::ControllerRevisions,
    Resource::Events,
    Resource::Nodes,
];

/// What `history` and `diff` read.
pub const HISTORY: [Resource; 3] = [Resource::StatefulSets, Resource::Pods, Resource::ControllerRevisions];

/// What `plan` reads beside what a diagnosis does: what interferes with a change.
pub const INTERFERENCE: [Resource; 2] = [Resource::PodDisruptionBudgets, Resource::HorizontalPodAutoscalers];

/// What `check` lists; what a manifest names it reads by name.
pub const CHECK: [Resource; 5] = [
    Resource::StatefulSets,
    Resource::Pods,
    Resource::PersistentVolumeClaims,
    Resource::StorageClasses,
    Resource::Services,
];

/// What `check` reads by name where a manifest's pods need it; a Secret only on request, and never what it holds.
pub const READ_BY_NAME: [Resource; 4] = [
    Resource::ConfigMaps,
    Resource::ServiceAccounts,
    Resource::PriorityClasses,
    Resource::Secrets,
];

/// What `dns` reads: what makes a set's records and could keep them from being served, and the cluster's own DNS.
pub const DNS: Needs<'static> = Needs {
    resources: &[
        Resource::StatefulSets,
        Resource::Pods,
        Resource::Services,
        Resource::EndpointSlices,
        Resource::Events,
        Resource::NetworkPolicies,
    ],
    cluster_dns: true,
};

/// The label that the cluster's DNS has nearly everywhere, with the values that are in use: the servers of kubeadm, kind,
/// k3s, RKE2, EKS, AKS and GKE (`kube-dns`), those of CoreDNS's own chart (`coredns`), and the caches of nodes.
/// Sources: `cluster/addons/dns/` of Kubernetes; <https://github.com/coredns/helm/blob/master/charts/coredns/templates/_helpers.tpl>.
pub const DNS_LABELS: &str = "k8s-app in (coredns,kube-dns,node-local-dns)";

/// OpenShift's DNS has labels under other keys, and one selector can only narrow another: it is asked for where nothing
/// goes by the common label. What it makes names its owner; pods name their DaemonSet.
/// Source: <https://github.com/openshift/cluster-dns-operator/blob/master/pkg/operator/controller/names.go>.
pub const fn openshift_dns_labels(resource: Resource) -> &'static str {
    match resource {
        Resource::Pods => "dns.operator.openshift.io/daemonset-dns",
        _ => "dns.operator.openshift.io/owning-dns",
    }
}

/// What a recording holds beyond that, so that later questions can be asked of it.
pub const RECORDED_BESIDES: [Resource; 5] = [
    Resource::VolumeAttachments,
    Resource::PodDisruptionBudgets,
    Resource::ResourceQuotas,
    Resource::HorizontalPodAutoscalers,
    Resource::NetworkPolicies,
];

/// Where a provisioner can show itself; asked for when a claim waits. All namespaces: drivers live in their own.
pub const PROVISIONERS: [Resource; 7] = [
    Resource::Pods,
    Resource::StatefulSets,
    Resource::Deployments,
    Resource::DaemonSets,
    Resource::Leases,
    Resource::CsiDrivers,
    Resource::CsiNodes,
];

/// What a command reads.
#[derive(Clone, Copy, Debug)]
pub struct Needs<'a> {
    /// Lists of its scope.
    pub resources: &'a [Resource],
    /// Whether it asks what the cluster's DNS consists of.
    pub cluster_dns: bool,
}

impl<'a> From<&'a [Resource]> for Needs<'a> {
    fn from(resources: &'a [Resource]) -> Self {
        Self {
            resources,
            cluster_dns: false,
        }
    }
}

impl<'a, const N: usize> From<&'a [Resource; N]> for Needs<'a> {
    fn from(resources: &'a [Resource; N]) -> Self {
        resources.as_slice().into()
    }
}

/// One list request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListOf {
    /// What is listed.
    pub resource: Resource,
    /// Where.
    pub place: Place,
    /// Labels that the server selects by.
    pub labels: Option<&'static str>,
}

impl ListOf {
    /// All objects of a place.
    pub fn all(resource: Resource, place: Place) -> Self {
        Self {
            resource,
            place,
            labels: None,
        }
    }

    fn of_dns(resource: Resource, labels: &'static str) -> Self {
        Self {
            resource,
            place: Place::ClusterDns,
            labels: Some(labels),
        }
    }
}

/// The lists of the first round. Volumes are the cluster's and many: for one namespace the second round reads the few that
/// its claims name.
pub fn first_round(needs: Needs<'_>, scope: &Scope) -> Vec<ListOf> {
    let listed = |list: &ListOf| *scope == Scope::All || list.resource != Resource::PersistentVolumes;
    whole_round(needs).into_iter().filter(listed).collect()
}

/// The same with all volumes: a recording answers what nobody asked yet.
pub fn whole_round(needs: Needs<'_>) -> Vec<ListOf> {
    let own = needs
        .resources
        .iter()
        .map(|&resource| ListOf::all(resource, Place::Scope));
    let dns = ClusterDns::LISTS.map(|resource| ListOf::of_dns(resource, DNS_LABELS));
    own.chain(dns.into_iter().filter(|_| needs.cluster_dns)).collect()
}

/// Makes of a file what the command would have read: what it does not ask for is as if it had not been read, and what it
/// asks for and the file lacks is a gap.
pub fn as_asked(recorded: &mut Snapshot, needs: Needs<'_>) {
    if !needs.cluster_dns {
        recorded.cluster_dns = ClusterDns::default();
    }
    if !needs.resources.contains(&Resource::NetworkPolicies)
        && let Some(policies) = recorded.sink(Resource::NetworkPolicies, Place::Scope)
    {
        policies.clear();
    }
    for list in whole_round(needs) {
        if let Some(sink) = recorded.sink(list.resource, list.place)
            && !sink.was_asked()
        {
            sink.gap(Gap::list(list.resource, None, GapReason::AbsentFromDump).at(list.place));
        }
    }
}

/// One object to be read by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Want {
    /// Its resource.
    pub resource: Resource,
    /// Where it belongs.
    pub place: Place,
    /// Its namespace, where it has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Whether it is needed itself, so that failing to read it is a gap; otherwise the read confirms an absence, which stays
    /// unconfirmed without an answer.
    pub needed: bool,
}

/// At most this many single reads are made; what lies beyond stays unconfirmed and is said as likely.
pub const MOST_WANTS: usize = 32;

/// At most this many volumes are read by name; where claims name more, all are listed.
pub const MOST_VOLUMES: usize = 32;

/// At most this many ConfigMaps of DNS pods are read; those of the system first.
pub const MOST_DNS_CONFIGS: usize = 8;

/// The second round.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SecondRound {
    /// Lists over all namespaces, or of the cluster.
    pub lists: Vec<ListOf>,
    /// Objects whose absence something rests on, and that a read of their own must confirm: lists are torn. And volumes.
    pub reads: Vec<Want>,
}

/// What the first round calls for. `volumes_of`: the names of sets whose volumes are still to be read, none meaning all sets
/// of the scope; `None` when volumes were listed or are not needed.
pub fn second_round(first: &Snapshot, volumes_of: Option<&[String]>) -> SecondRound {
    let mut reads = BTreeSet::new();
    let mut classes_waited_for = BTreeSet::new();
    for claim in first
        .claims
        .items
        .iter()
        .filter(|claim| claim.status.phase == "Pending")
    {
        classes_waited_for.extend(claim.class().filter(|class| !class.is_empty()));
    }
    for class in &classes_waited_for {
        match first.classes.items.iter().find(|known| known.metadata.name == *class) {
            Some(class) => reads.insert(want(Resource::CsiDrivers, None, &class.provisioner)),
            None => reads.insert(want(Resource::StorageClasses, None, class)),
        };
    }
    if let Ok(services) = first.services.complete() {
        let known: BTreeSet<_> = services
            .iter()
            .map(|s| (&s.metadata.namespace, &s.metadata.name))
            .collect();
        for set in first
            .stateful_sets
            .items
            .iter()
            .filter(|set| !set.spec.service_name.is_empty())
        {
            if !known.contains(&(&set.metadata.namespace, &set.spec.service_name)) {
                reads.insert(want(
                    Resource::Services,
                    Some(&set.metadata.namespace),
                    &set.spec.service_name,
                ));
            }
        }
    }
    let refused = first.events.items.iter().filter(|event| event.reason == "FailedCreate");
    for event in refused {
        if let Some(exceeded) = exceeded(&event.message) {
            let namespace = &event.involved_object.namespace;
            reads.insert(want(Resource::ResourceQuotas, Some(namespace), exceeded.quota));
        }
    }
    // A claim without a class asks which class could become the default: one whose provisioner runs.
    let asks_for_a_class = |claim: &Claim| claim.status.phase == "Pending" && claim.class() != Some("");
    let mut lists: Vec<_> = match first.claims.items.iter().any(asks_for_a_class) {
        false => Vec::new(),
        true => PROVISIONERS
            .into_iter()
            .filter(|resource| !covered(first, *resource))
            .map(|resource| ListOf::all(resource, Place::Everywhere))
            .collect(),
    };
    let mut reads: Vec<_> = reads.into_iter().take(MOST_WANTS).collect();
    if first.cluster_dns.asked() {
        dns_round(&first.cluster_dns, &mut lists, &mut reads);
    }
    match volumes_of.map(|names| volumes(first, names)) {
        Some(Some(volumes)) => reads.extend(volumes),
        Some(None) => lists.push(ListOf::all(Resource::PersistentVolumes, Place::Everywhere)),
        None => {}
    }
    SecondRound { lists, reads }
}

/// The volumes that the sets' claims are bound to; `None` where all volumes must be looked at: there are many, claims were
/// not read, or one waits, for one that is there already or for a provisioner that the volumes which it made show.
fn volumes(first: &Snapshot, names: &[String]) -> Option<Vec<Want>> {
    let claims = first.claims.complete().ok()?;
    if claims.iter().any(|claim| claim.status.phase == "Pending") {
        return None;
    }
    // A name that means nothing is refused where it is used.
    let named: Vec<_> = names.iter().filter_map(|name| Named::parse(name).ok()).collect();
    let meant = |set: &&StatefulSet| names.is_empty() || named.iter().any(|name| name.means(set));
    let prefixes: HashSet<String> = first
        .stateful_sets
        .items
        .iter()
        .filter(meant)
        .flat_map(StatefulSet::claim_prefixes)
        .collect();
    let of_a_set = |claim: &&Claim| {
        numbered(&claim.metadata.name).is_some_and(|(prefix, _)| prefixes.contains(prefix))
            && !claim.spec.volume_name.is_empty()
    };
    let volumes = claims.iter().filter(of_a_set).map(|claim| Want {
        needed: true,
        ..want(Resource::PersistentVolumes, None, &claim.spec.volume_name)
    });
    let volumes: Vec<_> = volumes.take(MOST_VOLUMES + 1).collect();
    (volumes.len() <= MOST_VOLUMES).then_some(volumes)
}

/// What the cluster's DNS still lacks: OpenShift's, where nothing has the common label, and the ConfigMaps that its pods
/// mount.
fn dns_round(dns: &ClusterDns, lists: &mut Vec<ListOf>, reads: &mut Vec<Want>) {
    let config = |namespace: &str, name: &str| Want {
        place: Place::ClusterDns,
        needed: true,
        ..want(Resource::ConfigMaps, Some(namespace), name)
    };
    if dns.services.complete().is_ok_and(<[_]>::is_empty) && dns.pods.complete().is_ok_and(<[_]>::is_empty) {
        lists.extend(ClusterDns::LISTS.map(|resource| ListOf::of_dns(resource, openshift_dns_labels(resource))));
        reads.push(config("openshift-dns", "dns-default"));
        return;
    }
    let mounted = dns.pods.items.iter().flat_map(|pod| {
        let namespace = pod.metadata.namespace.as_str();
        pod.config_maps().map(move |name| (namespace, name))
    });
    // Anybody can label a pod: those of the system come first.
    let mut mounted: Vec<_> = mounted.collect();
    mounted.sort_unstable_by_key(|&(namespace, name)| (namespace != "kube-system", namespace, name));
    mounted.dedup();
    if mounted.is_empty() {
        // Without a pod nothing names it; this is what it is called nearly everywhere.
        let services = dns.services.items.iter();
        mounted = services
            .map(|service| (service.metadata.namespace.as_str(), "coredns"))
            .collect();
        mounted.sort_unstable();
        mounted.dedup();
    }
    let mounted = mounted.into_iter().take(MOST_DNS_CONFIGS);
    reads.extend(mounted.map(|(namespace, name)| config(namespace, name)));
}

/// Whether the first round read this resource over all namespaces already.
fn covered(first: &Snapshot, resource: Resource) -> bool {
    first.scope == Scope::All && DIAGNOSIS.contains(&resource)
}

fn want(resource: Resource, namespace: Option<&str>, name: &str) -> Want {
    Want {
        resource,
        place: Place::Scope,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        needed: false,
    }
}
