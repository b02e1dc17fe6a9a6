//! `NetworkPolicy` (networking.k8s.io/v1): which connections pods may open. Only what leaves a pod is read.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde::Deserialize;

use super::{LabelSelector, Meta, Object};

/// A policy of one namespace.
/// Source: `staging/src/k8s.io/api/networking/v1/types.go`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NetworkPolicy {
    /// Metadata.
    pub metadata: Meta,
    /// What it allows.
    pub spec: NetworkPolicySpec,
}

impl Object for NetworkPolicy {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn slim(&mut self) {
        self.metadata.managed_fields = Vec::new();
    }
}

/// `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicySpec {
    /// The pods that it is about; empty means all of the namespace.
    pub pod_selector: LabelSelector,
    /// `Ingress`, `Egress`; absent means what [`NetworkPolicy::limits_egress`] says.
    pub policy_types: Option<Vec<String>>,
    /// What may leave them: the union of these, nothing where there is none.
    pub egress: Option<Vec<EgressRule>>,
}

/// What one rule lets out: to any of these peers on any of these ports. An absent or empty list restricts nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EgressRule {
    /// Ports.
    pub ports: Option<Vec<PolicyPort>>,
    /// Peers.
    pub to: Option<Vec<PolicyPeer>>,
}

/// A port, or a range of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyPort {
    /// `TCP`, `UDP` or `SCTP`; absent means TCP.
    pub protocol: Option<String>,
    /// A number or a container port's name, at the receiving pod; absent means all.
    pub port: Option<IntOrString>,
    /// The last of a range that begins at `port`.
    pub end_port: Option<i32>,
}

/// Whom a rule lets the pods speak to. Selectors of one peer must both hold; with an `ipBlock` there is none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyPeer {
    /// Pods, of the policy's namespace where no namespaces are selected.
    pub pod_selector: Option<LabelSelector>,
    /// Namespaces.
    pub namespace_selector: Option<LabelSelector>,
    /// Addresses.
    pub ip_block: Option<IpBlock>,
}

/// A range of addresses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct IpBlock {
    /// For instance `10.96.0.0/12`.
    pub cidr: String,
    /// Ranges within it that do not count.
    pub except: Vec<String>,
}

/// What a port of a policy means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortMeant<'a> {
    /// All of its protocol.
    All,
    /// The first and the last of a range.
    Range(i32, i32),
    /// A container port's name.
    Named(&'a str),
}

impl PolicyPort {
    /// Which ports it means.
    pub fn meant(&self) -> PortMeant<'_> {
        match &self.port {
            None => PortMeant::All,
            Some(IntOrString::Int(first)) => PortMeant::Range(*first, self.end_port.unwrap_or(*first)),
            Some(IntOrString::String(name)) => PortMeant::Named(name),
        }
    }
}

impl NetworkPolicy {
    /// Whether it limits what leaves its pods: it says so, or, where it says nothing, it has a rule about that.
    /// Source: `pkg/apis/networking/v1/defaults.go` (SetDefaults_NetworkPolicy).
    pub fn limits_egress(&self) -> bool {
        match &self.spec.policy_types {
            Some(types) if !types.is_empty() => types.iter().any(|kind| kind == "Egress"),
            _ => self.egress().next().is_some(),
        }
    }

    /// Its rules about what leaves pods.
    pub fn egress(&self) -> impl Iterator<Item = &EgressRule> {
        self.spec.egress.iter().flatten()
    }
}
