//! The `kubernetes` plugin: which zones it answers, and what of the cluster.
//! Source: <https://coredns.io/plugins/kubernetes/>, `plugin/kubernetes/setup.go`.

use super::{ServerBlock, is_reverse, within};

/// What the plugin is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubernetes {
    /// The zones that it answers.
    pub zones: Vec<String>,
    /// Seconds that its answers may be kept, also those that there is nothing.
    pub ttl: u32,
    /// The only namespaces whose names exist; empty for all.
    pub namespaces: Vec<String>,
    /// The labels of those, where they are chosen by labels.
    pub namespace_labels: Option<String>,
    /// The labels of the only objects that it looks at.
    pub labels: Option<String>,
    /// Whether it knows no endpoints: then headless Services have no records at all.
    pub no_endpoints: bool,
    /// Whether an endpoint without a hostname goes by its pod's name.
    pub endpoint_pod_names: bool,
    /// Whether a Service with a virtual address and without endpoints does not exist.
    pub ignore_empty_service: bool,
    /// Zones in which the next plugin is asked where it finds nothing; the root is empty.
    pub fallthrough: Vec<String>,
    /// Its line.
    pub line: usize,
}

/// Seconds that answers may be kept where the Corefile does not say. Source: `plugin/kubernetes/kubernetes.go` (defaultTTL).
const DEFAULT_TTL: u32 = 5;
/// Seconds that its SOA record may be kept, at most. Source: `plugin/backend_lookup.go` (SOA).
const MOST_SOA_TTL: u32 = 300;

impl Kubernetes {
    /// Whether it answers this name.
    pub fn serves(&self, name: &str) -> bool {
        self.zones.iter().any(|zone| within(name, zone))
    }

    /// Its zone of names, the first that holds no addresses: the cluster domain.
    pub fn primary_zone(&self) -> Option<&str> {
        let mut zones = self.zones.iter().map(String::as_str);
        zones.find(|zone| !is_reverse(zone))
    }

    /// Seconds that a resolver may keep it that there is nothing: the SOA record's own.
    pub fn denial_ttl(&self) -> u32 {
        self.ttl.min(MOST_SOA_TTL)
    }
}

impl ServerBlock {
    /// Its `kubernetes` plugin. Zones that only the server's environment knows are left out.
    pub fn kubernetes(&self) -> Option<Kubernetes> {
        // CoreDNS takes one a block.
        let plugin = self.plugins("kubernetes").next()?;
        let joined = |name: &str| plugin.lines(name).last().map(|line| line.arguments.join(" "));
        let ttl = plugin.lines("ttl").last().and_then(|line| line.number(0));
        let namespaces = plugin.lines("namespaces").flat_map(|line| &line.arguments);
        let ignored = |line: &super::Directive| line.arguments.first().is_some_and(|what| what == "empty_service");
        Some(Kubernetes {
            zones: self.origins(&plugin.arguments),
            ttl: ttl.unwrap_or(DEFAULT_TTL),
            namespaces: namespaces.cloned().collect(),
            namespace_labels: joined("namespace_labels"),
            labels: joined("labels"),
            no_endpoints: plugin.lines("noendpoints").next().is_some(),
            endpoint_pod_names: plugin.lines("endpoint_pod_names").next().is_some(),
            ignore_empty_service: plugin.lines("ignore").any(ignored),
            fallthrough: plugin.fallthrough(),
            line: plugin.line,
        })
    }
}
