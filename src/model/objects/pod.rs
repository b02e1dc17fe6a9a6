//! `Pod` (v1): identity, what decides its readiness, and what it mounts.

use core::net::IpAddr;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::{Condition, Meta, Object, ServicePort};

/// A pod.
/// Source: `staging/src/k8s.io/api/core/v1/types.go`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Metadata.
    pub metadata: Meta,
    /// What should run.
    pub spec: PodSpec,
    /// What was observed.
    pub status: PodStatus,
}

impl Object for Pod {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn slim(&mut self) {
        self.metadata.managed_fields = Vec::new();
    }

    fn incomplete(&self) -> Option<&'static str> {
        let running = self.status.phase == "Running";
        let absent = [
            (self.metadata.uid.is_empty(), "metadata.uid"),
            (self.spec.containers.is_empty(), "spec.containers"),
            (running && self.spec.node_name.is_empty(), "spec.nodeName"),
            (self.status.phase.is_empty(), "status.phase"),
            (running && self.condition("Ready").is_none(), "status.conditions"),
            (
                running && self.status.container_statuses.is_empty(),
                "status.containerStatuses",
            ),
        ];
        absent.into_iter().find(|(absent, _)| *absent).map(|(_, path)| path)
    }
}

/// `spec`; also of a pod template.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// The node it was bound to; empty before scheduling.
    pub node_name: String,
    /// Its host name, which becomes its DNS label.
    pub hostname: String,
    /// The Service that its DNS name lies under.
    pub subdomain: String,
    /// Where it resolves names: `ClusterFirst`, `ClusterFirstWithHostNet`, `Default` (as its node) or `None`.
    pub dns_policy: String,
    /// What it adds to that.
    pub dns_config: Option<PodDnsConfig>,
    /// Whether it shares its node's network.
    pub host_network: bool,
    /// Whose credentials it runs with.
    pub service_account_name: String,
    /// Containers.
    pub containers: Vec<Container>,
    /// Containers that run before.
    pub init_containers: Vec<Container>,
    /// Volumes.
    pub volumes: Vec<Volume>,
}

/// `dnsConfig` of a pod spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PodDnsConfig {
    /// Servers.
    pub nameservers: Vec<String>,
    /// Domains that short names are tried in.
    pub searches: Vec<String>,
    /// For instance `ndots`.
    pub options: Vec<DnsOption>,
}

/// One option of a resolver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DnsOption {
    /// Name.
    pub name: String,
    /// Value, for those that have one.
    pub value: Option<String>,
}

/// A container of a pod spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Name.
    pub name: String,
    /// Image as asked for.
    pub image: String,
    /// Entry point.
    pub command: Vec<String>,
    /// Arguments.
    pub args: Vec<String>,
    /// Environment.
    pub env: Vec<EnvVar>,
    /// Ports that have a name or are told at all.
    pub ports: Vec<ContainerPort>,
    /// `Always` makes a sidecar of an init container.
    pub restart_policy: String,
    /// Requests and limits, as written.
    pub resources: Value,
    /// Whether a start has an end that its author defined: probes of readiness come after it.
    pub startup_probe: Option<IgnoredAny>,
}

/// A port of a container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    /// What a Service's `targetPort` may call it.
    pub name: String,
    /// Number.
    pub container_port: i32,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
}

/// One environment variable.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvVar {
    /// Name.
    pub name: String,
    /// Literal value; absent when it comes from elsewhere.
    pub value: Option<String>,
}

/// A volume of a pod spec; of its sources only those that something reads.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// Name, which a claim template's volume shares with its template.
    pub name: String,
    /// The claim behind it.
    pub persistent_volume_claim: Option<VolumeClaimSource>,
    /// The ConfigMap behind it.
    pub config_map: Option<ConfigMapSource>,
}

/// `configMap` of a volume.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ConfigMapSource {
    /// The ConfigMap, in the pod's namespace.
    pub name: String,
}

/// `persistentVolumeClaim` of a volume.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeClaimSource {
    /// The claim, in the pod's namespace.
    pub claim_name: String,
}

/// `status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// Why the pod as a whole is in this state, for instance `Evicted`.
    pub reason: String,
    /// The same as a sentence; untrusted text.
    pub message: String,
    /// Ready, PodScheduled and others.
    pub conditions: Vec<Condition>,
    /// Main containers.
    pub container_statuses: Vec<ContainerStatus>,
    /// Init containers.
    pub init_container_statuses: Vec<ContainerStatus>,
    /// When the node's agent accepted it.
    pub start_time: Option<Timestamp>,
    /// Its address.
    #[serde(rename = "podIP")]
    pub pod_ip: String,
    /// Its addresses, one of each family.
    #[serde(rename = "podIPs")]
    pub pod_ips: Vec<PodAddress>,
}

/// One address of a pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodAddress {
    /// As text.
    pub ip: String,
}

/// The state of one container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerStatus {
    /// Name.
    pub name: String,
    /// Image that runs, or should.
    pub image: String,
    /// Whether its readiness probe passes.
    pub ready: bool,
    /// Starts after the first.
    pub restart_count: i32,
    /// Now.
    pub state: ContainerState,
    /// Before the last restart.
    pub last_state: ContainerState,
}

/// At most one of the three is there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerState {
    /// Not started, and why.
    pub waiting: Option<Waiting>,
    /// Running since.
    pub running: Option<Running>,
    /// Ended, and how.
    pub terminated: Option<Terminated>,
}

/// Why a container does not run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// A word for programs.
    pub reason: String,
    /// A sentence; untrusted text.
    pub message: String,
}

/// A running container.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Running {
    /// Since.
    pub started_at: Option<Timestamp>,
}

/// How a container ended.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terminated {
    /// Exit code.
    pub exit_code: i32,
    /// Signal, or 0.
    pub signal: i32,
    /// `Error`, `OOMKilled`, `Completed` …
    pub reason: String,
    /// What it left as its last message; untrusted text.
    pub message: String,
    /// When it had started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl Pod {
    /// The condition of this type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether the condition `Ready` is `True`; neither phase nor deletion are looked at.
    pub fn ready(&self) -> bool {
        self.condition("Ready").is_some_and(|ready| ready.status == "True")
    }

    /// Its addresses; what is none is left out.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let all = self.status.pod_ips.iter().map(|address| address.ip.as_str());
        let only = Some(self.status.pod_ip.as_str()).filter(|_| self.status.pod_ips.is_empty());
        all.chain(only).filter_map(|address| address.parse().ok())
    }

    /// The number that a Service's port has in this pod; `None` where it goes by a name that no container tells.
    /// Source: `staging/src/k8s.io/endpointslice/util/controller_utils.go` (FindPort).
    pub fn port(&self, port: &ServicePort) -> Option<i32> {
        let protocol = |given: &str| if given.is_empty() { "TCP" } else { given }.to_owned();
        match &port.target_port {
            None => Some(port.port),
            // What was written as 0 is as absent.
            Some(IntOrString::Int(0)) => Some(port.port),
            Some(IntOrString::Int(number)) => Some(*number),
            Some(IntOrString::String(name)) => {
                let sidecars = self.spec.init_containers.iter();
                let sidecars = sidecars.filter(|container| container.restart_policy == "Always");
                let mut told = self
                    .spec
                    .containers
                    .iter()
                    .chain(sidecars)
                    .flat_map(|container| &container.ports);
                let named =
                    told.find(|told| told.name == *name && protocol(&told.protocol) == protocol(&port.protocol));
                named.map(|told| told.container_port)
            }
        }
    }

    /// The revision label: the full name of a ControllerRevision.
    pub fn revision(&self) -> &str {
        self.metadata
            .labels
            .get("controller-revision-hash")
            .map_or("", String::as_str)
    }

    /// All container states: init containers first, as they run.
    pub fn containers(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.status
            .init_container_statuses
            .iter()
            .chain(&self.status.container_statuses)
    }

    /// The claims it names.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.spec
            .volumes
            .iter()
            .filter_map(|volume| volume.persistent_volume_claim.as_ref())
            .map(|claim| claim.claim_name.as_str())
    }

    /// The ConfigMaps that it mounts.
    pub fn config_maps(&self) -> impl Iterator<Item = &str> {
        let sources = self.spec.volumes.iter().filter_map(|volume| volume.config_map.as_ref());
        sources.map(|source| source.name.as_str())
    }

    /// Restarts of all main containers.
    pub fn restarts(&self) -> i32 {
        self.status
            .container_statuses
            .iter()
            .map(|container| container.restart_count)
            .sum()
    }
}
