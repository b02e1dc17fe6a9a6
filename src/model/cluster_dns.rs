//! What the cluster's own DNS consists of: its Service, its slices, pods and DaemonSets, and the configuration that the
//! pods mount. Read over all namespaces by label, because distributions place it differently.

use super::gap::Gap;
use super::listing::{Listing, Sink};
use super::objects::{DnsConfig, EndpointSlice, Pod, Service, Workload};
use super::place::Place;
use super::resource::Resource;

/// The objects of the cluster's DNS. Listings that were not asked for say so ([`ClusterDns::asked`]).
///
/// A label can be put on anything by anyone: who is to be believed is decided where it is used, not here.
#[derive(Debug)]
pub struct ClusterDns {
    /// Services, for instance `kube-system/kube-dns`.
    pub services: Listing<Service>,
    /// Their slices, which carry the Service's labels.
    pub slices: Listing<EndpointSlice>,
    /// The servers, and the caches of nodes.
    pub pods: Listing<Pod>,
    /// DaemonSets, for instance `kube-system/node-local-dns`.
    pub daemon_sets: Listing<Workload>,
    /// ConfigMaps that those pods mount, each by a read of its own; see `Snapshot::dns_config`.
    pub config_maps: Listing<DnsConfig>,
}

impl Default for ClusterDns {
    fn default() -> Self {
        Self {
            services: Listing::at(Resource::Services, Place::ClusterDns),
            slices: Listing::at(Resource::EndpointSlices, Place::ClusterDns),
            pods: Listing::at(Resource::Pods, Place::ClusterDns),
            daemon_sets: Listing::at(Resource::DaemonSets, Place::ClusterDns),
            config_maps: Listing::at(Resource::ConfigMaps, Place::ClusterDns),
        }
    }
}

impl ClusterDns {
    /// What is listed of it; ConfigMaps are read by name.
    pub const LISTS: [Resource; 4] = [
        Resource::Services,
        Resource::EndpointSlices,
        Resource::Pods,
        Resource::DaemonSets,
    ];

    /// Where objects of a resource go.
    pub fn sink(&mut self, resource: Resource) -> Option<&mut dyn Sink> {
        Some(match resource {
            Resource::Services => &mut self.services,
            Resource::EndpointSlices => &mut self.slices,
            Resource::Pods => &mut self.pods,
            Resource::DaemonSets => &mut self.daemon_sets,
            Resource::ConfigMaps => &mut self.config_maps,
            _ => return None,
        })
    }

    /// Whether the command asked for it at all. `status` and `diagnose` do not: then it is neither there nor missing.
    pub fn asked(&self) -> bool {
        self.services.asked() || self.pods.asked()
    }

    /// All of it that was asked for and not read.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        let all: [&[Gap]; 5] = [
            &self.services.gaps,
            &self.slices.gaps,
            &self.pods.gaps,
            &self.daemon_sets.gaps,
            &self.config_maps.gaps,
        ];
        all.into_iter().flatten()
    }
}
