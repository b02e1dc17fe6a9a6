//! Everything that was read for one command, at one time.

use jiff::Timestamp;

use super::cluster_dns::ClusterDns;
use super::gap::{Gap, GapReason};
use super::listing::{Listing, Sink};
use super::objects::{
    Bare, Claim, ConfigMap, CsiDriver, CsiNode, DnsConfig, EndpointSlice, Event, HorizontalPodAutoscaler, Lease,
    NetworkPolicy, Node, PersistentVolume, Pod, PodDisruptionBudget, ResourceQuota, Revision, Service, StatefulSet,
    StorageClass, Workload,
};
use super::place::Place;
use super::resource::Resource;

/// Which namespaces were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every namespace.
    All,
    /// One.
    Namespace(String),
}

impl Scope {
    /// The namespace of a list request.
    pub fn namespace(&self) -> Option<&str> {
        match self {
            Self::All => None,
            Self::Namespace(namespace) => Some(namespace),
        }
    }
}

/// What was read. The time is the server's, and the only clock there is.
#[derive(Debug)]
pub struct Snapshot {
    /// When, by the server's clock.
    pub taken_at: Timestamp,
    /// For instance `v1.36.3`; `None` when it could not be read.
    pub server_version: Option<String>,
    /// The kubeconfig context, or the file it was read from.
    pub origin: String,
    /// Which namespaces.
    pub scope: Scope,
    /// Whether values that can hold secrets were replaced, so that differences between them cannot be seen.
    pub masked: bool,
    /// apps/v1 StatefulSets.
    pub stateful_sets: Listing<StatefulSet>,
    /// Pods of the scope.
    pub pods: Listing<Pod>,
    /// Claims.
    pub claims: Listing<Claim>,
    /// Volumes.
    pub volumes: Listing<PersistentVolume>,
    /// Storage classes.
    pub classes: Listing<StorageClass>,
    /// Services.
    pub services: Listing<Service>,
    /// Endpoint slices.
    pub slices: Listing<EndpointSlice>,
    /// Controller revisions.
    pub revisions: Listing<Revision>,
    /// Events.
    pub events: Listing<Event>,
    /// Nodes.
    pub nodes: Listing<Node>,
    /// Registered CSI drivers.
    pub csi_drivers: Listing<CsiDriver>,
    /// CSI drivers by node.
    pub csi_nodes: Listing<CsiNode>,
    /// Leases of all namespaces.
    pub leases: Listing<Lease>,
    /// Deployments of all namespaces, as places where a provisioner may run.
    pub deployments: Listing<Workload>,
    /// DaemonSets of all namespaces, likewise.
    pub daemon_sets: Listing<Workload>,
    /// Quotas: those that a refusal names, each by a read of its own; in a recording all.
    pub quotas: Listing<ResourceQuota>,
    /// Disruption budgets, for plans.
    pub budgets: Listing<PodDisruptionBudget>,
    /// Autoscalers, for plans.
    pub autoscalers: Listing<HorizontalPodAutoscaler>,
    /// Network policies, for `dns`.
    pub network_policies: Listing<NetworkPolicy>,
    /// The cluster's own DNS, for `dns`.
    pub cluster_dns: ClusterDns,
    /// ConfigMaps that a manifest's pods name, each by a read of its own: the keys.
    pub config_maps: Listing<ConfigMap>,
    /// Service accounts, likewise.
    pub service_accounts: Listing<Bare>,
    /// Priority classes, likewise.
    pub priority_classes: Listing<Bare>,
    /// Secrets, likewise and on request only: that they are there, never what they hold.
    pub secrets: Listing<Bare>,
    /// Pods of all namespaces, when the scope is one namespace and a claim waits for a provisioner.
    pub all_pods: Listing<Pod>,
    /// StatefulSets of all namespaces, likewise.
    pub all_stateful_sets: Listing<StatefulSet>,
    /// Absences that a single read confirmed after the lists: the object does not exist.
    pub confirmed_absent: Vec<(Resource, Option<String>, String)>,
}

impl Snapshot {
    /// One in which nothing was read yet.
    pub fn new(taken_at: Timestamp, origin: String, scope: Scope) -> Self {
        Self {
            taken_at,
            server_version: None,
            origin,
            scope,
            masked: false,
            stateful_sets: Listing::new(Resource::StatefulSets),
            pods: Listing::new(Resource::Pods),
            claims: Listing::new(Resource::PersistentVolumeClaims),
            volumes: Listing::new(Resource::PersistentVolumes),
            classes: Listing::new(Resource::StorageClasses),
            services: Listing::new(Resource::Services),
            slices: Listing::new(Resource::EndpointSlices),
            revisions: Listing::new(Resource::ControllerRevisions),
            events: Listing::new(Resource::Events),
            nodes: Listing::new(Resource::Nodes),
            csi_drivers: Listing::new(Resource::CsiDrivers),
            csi_nodes: Listing::new(Resource::CsiNodes),
            leases: Listing::new(Resource::Leases),
            deployments: Listing::new(Resource::Deployments),
            daemon_sets: Listing::new(Resource::DaemonSets),
            quotas: Listing::new(Resource::ResourceQuotas),
            budgets: Listing::new(Resource::PodDisruptionBudgets),
            autoscalers: Listing::new(Resource::HorizontalPodAutoscalers),
            network_policies: Listing::new(Resource::NetworkPolicies),
            cluster_dns: ClusterDns::default(),
            config_maps: Listing::new(Resource::ConfigMaps),
            service_accounts: Listing::new(Resource::ServiceAccounts),
            priority_classes: Listing::new(Resource::PriorityClasses),
            secrets: Listing::new(Resource::Secrets),
            all_pods: Listing::at(Resource::Pods, Place::Everywhere),
            all_stateful_sets: Listing::at(Resource::StatefulSets, Place::Everywhere),
            confirmed_absent: Vec::new(),
        }
    }

    /// Where objects of a resource go; `None` for one that only recordings hold. A kind that is kept once goes to the same
    /// listing wherever in the cluster it was looked for.
    pub fn sink(&mut self, resource: Resource, place: Place) -> Option<&mut dyn Sink> {
        if place == Place::ClusterDns {
            return self.cluster_dns.sink(resource);
        }
        let everywhere = place == Place::Everywhere;
        Some(match resource {
            Resource::StatefulSets if everywhere => &mut self.all_stateful_sets,
            Resource::StatefulSets => &mut self.stateful_sets,
            Resource::Pods if everywhere => &mut self.all_pods,
            Resource::Pods => &mut self.pods,
            Resource::PersistentVolumeClaims => &mut self.claims,
            Resource::PersistentVolumes => &mut self.volumes,
            Resource::StorageClasses => &mut self.classes,
            Resource::Services => &mut self.services,
            Resource::EndpointSlices => &mut self.slices,
            Resource::ControllerRevisions => &mut self.revisions,
            Resource::Events => &mut self.events,
            Resource::Nodes => &mut self.nodes,
            Resource::CsiDrivers => &mut self.csi_drivers,
            Resource::CsiNodes => &mut self.csi_nodes,
            Resource::Leases => &mut self.leases,
            Resource::Deployments => &mut self.deployments,
            Resource::DaemonSets => &mut self.daemon_sets,
            Resource::ResourceQuotas => &mut self.quotas,
            Resource::PodDisruptionBudgets => &mut self.budgets,
            Resource::HorizontalPodAutoscalers => &mut self.autoscalers,
            Resource::NetworkPolicies => &mut self.network_policies,
            Resource::VolumeAttachments => return None,
            Resource::ConfigMaps => &mut self.config_maps,
            Resource::ServiceAccounts => &mut self.service_accounts,
            Resource::PriorityClasses => &mut self.priority_classes,
            Resource::Secrets => &mut self.secrets,
        })
    }

    /// The pods of every namespace, wherever they were read.
    pub fn pods_everywhere(&self) -> &Listing<Pod> {
        match self.scope {
            Scope::All => &self.pods,
            Scope::Namespace(_) => &self.all_pods,
        }
    }

    /// The StatefulSets of every namespace, wherever they were read.
    pub fn stateful_sets_everywhere(&self) -> &Listing<StatefulSet> {
        match self.scope {
            Scope::All => &self.stateful_sets,
            Scope::Namespace(_) => &self.all_stateful_sets,
        }
    }

    /// Whether a single read after the lists confirmed that this object does not exist.
    pub fn confirmed_absent(&self, resource: Resource, namespace: Option<&str>, name: &str) -> bool {
        self.confirmed_absent
            .iter()
            .any(|(r, ns, n)| *r == resource && ns.as_deref() == namespace && n == name)
    }

    /// A ConfigMap that a DNS server mounts; `None` where it does not exist.
    ///
    /// # Errors
    /// Why it was not read.
    pub fn dns_config(&self, namespace: &str, name: &str) -> Result<Option<&DnsConfig>, Gap> {
        let known = &self.cluster_dns.config_maps;
        let named = |config: &&DnsConfig| config.metadata.name == name && config.metadata.namespace == namespace;
        if let Some(config) = known.items.iter().find(named) {
            return Ok(Some(config));
        }
        if self.confirmed_absent(Resource::ConfigMaps, Some(namespace), name) {
            return Ok(None);
        }
        let concerned = |gap: &&Gap| {
            gap.namespace.as_deref().is_none_or(|given| given == namespace)
                && gap.name.as_deref().is_none_or(|given| given == name)
        };
        let gap = known.gaps.iter().find(concerned).cloned();
        let unasked = || Gap::one(Resource::ConfigMaps, Some(namespace), name, GapReason::NotRequested);
        Err(gap.unwrap_or_else(|| unasked().at(Place::ClusterDns)))
    }

    /// All that was asked for and not read, of what every command reads alike.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        let all: [&[Gap]; 17] = [
            &self.stateful_sets.gaps,
            &self.pods.gaps,
            &self.claims.gaps,
            &self.volumes.gaps,
            &self.classes.gaps,
            &self.services.gaps,
            &self.slices.gaps,
            &self.revisions.gaps,
            &self.events.gaps,
            &self.nodes.gaps,
            &self.csi_drivers.gaps,
            &self.csi_nodes.gaps,
            &self.leases.gaps,
            &self.deployments.gaps,
            &self.daemon_sets.gaps,
            &self.all_pods.gaps,
            &self.all_stateful_sets.gaps,
        ];
        all.into_iter().flatten()
    }
}
