//! `Service` (v1) and `EndpointSlice` (discovery.k8s.io/v1): who publishes the pods' names.

use core::net::IpAddr;
use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;

use super::{Meta, Object};

/// A Service.
/// Source: `staging/src/k8s.io/api/core/v1/types.go` (Service).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Metadata.
    pub metadata: Meta,
    /// What it selects.
    pub spec: ServiceSpec,
}

impl Object for Service {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn slim(&mut self) {
        self.metadata.managed_fields = Vec::new();
    }

    fn incomplete(&self) -> Option<&'static str> {
        self.metadata.name.is_empty().then_some("metadata.name")
    }
}

/// `spec` of a Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// `None` makes it headless.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: String,
    /// `ClusterIP`, `ExternalName` …
    #[serde(rename = "type")]
    pub kind: String,
    /// The name that an `ExternalName` stands for.
    pub external_name: String,
    /// Pods it publishes; empty when slices are made by hand.
    pub selector: BTreeMap<String, String>,
    /// Whether pods that are not Ready get records too.
    pub publish_not_ready_addresses: bool,
    /// All virtual addresses; `None` is one of them where it is headless.
    #[serde(rename = "clusterIPs")]
    pub cluster_ips: Vec<String>,
    /// `IPv4`, `IPv6`: the families that it has slices of.
    pub ip_families: Vec<String>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    /// Empty for the only one.
    pub name: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// The Service's own number.
    pub port: i32,
    /// The number in the pod, or a container port's name; the Service's own when absent.
    pub target_port: Option<IntOrString>,
}

impl Service {
    /// Whether each pod gets a record of its own.
    pub fn headless(&self) -> bool {
        self.spec.cluster_ip == "None" && !self.external()
    }

    /// Whether it is another name for something outside.
    pub fn external(&self) -> bool {
        self.spec.kind == "ExternalName"
    }

    /// Whether it publishes a pod with these labels; without a selector it leaves that to others.
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        let mut wanted = self.spec.selector.iter();
        !self.spec.selector.is_empty() && wanted.all(|(key, value)| labels.get(key) == Some(value))
    }

    /// The addresses that are its own and no pod's.
    pub fn virtual_ips(&self) -> Vec<IpAddr> {
        let ips = self
            .spec
            .cluster_ips
            .iter()
            .chain(std::iter::once(&self.spec.cluster_ip));
        let mut ips: Vec<IpAddr> = ips.filter_map(|ip| ip.parse().ok()).collect();
        ips.dedup();
        ips
    }
}

/// A slice of a Service's addresses.
/// Source: `staging/src/k8s.io/api/discovery/v1/types.go`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointSlice {
    /// Metadata; a label says whose it is.
    pub metadata: Meta,
    /// `IPv4`, `IPv6` or `FQDN`.
    pub address_type: String,
    /// Addresses; `null` when there are none.
    pub endpoints: Option<Vec<Endpoint>>,
    /// Ports that all of them have; `null` when there are none.
    pub ports: Option<Vec<SlicePort>>,
}

/// A port of a slice.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SlicePort {
    /// The Service port's name.
    pub name: Option<String>,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// The pods' number; absent means all.
    pub port: Option<i32>,
}

impl EndpointSlice {
    /// Who writes it, as it is labelled; empty where nobody says.
    pub fn writer(&self) -> &str {
        self.metadata
            .labels
            .get("endpointslice.kubernetes.io/managed-by")
            .map_or("", String::as_str)
    }

    /// Whether the control plane writes it from the Service's selector.
    /// Source: `pkg/controller/endpointslice/endpointslice_controller.go` (ControllerName).
    pub fn from_selector(&self) -> bool {
        self.writer() == "endpointslice-controller.k8s.io"
    }
}

impl Object for EndpointSlice {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn slim(&mut self) {
        self.metadata.managed_fields = Vec::new();
    }
}

impl EndpointSlice {
    /// The label that names the Service.
    pub const SERVICE_NAME: &str = "kubernetes.io/service-name";

    /// The Service whose slice it is; hand-made ones may name none.
    pub fn service(&self) -> Option<&str> {
        self.metadata.labels.get(Self::SERVICE_NAME).map(String::as_str)
    }
}

/// One address of a slice.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoint {
    /// Addresses, one in practice.
    pub addresses: Vec<String>,
    /// The DNS label, when the pod has a hostname and the Service's subdomain.
    pub hostname: Option<String>,
    /// Whether it is served.
    pub conditions: EndpointConditions,
    /// The pod behind it.
    pub target_ref: Option<TargetReference>,
}

/// Conditions of an endpoint; absent means unknown, which consumers take as ready.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EndpointConditions {
    /// Whether it takes traffic.
    pub ready: Option<bool>,
}

/// `targetRef` of an endpoint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TargetReference {
    /// Kind, `Pod` in practice.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
}
