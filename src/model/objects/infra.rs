//! `Node`, `Lease`, `CSIDriver`, `CSINode`: the machinery under the pods.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Condition, Meta, Object};

/// A node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Node {
    /// Metadata; the zone is a label.
    pub metadata: Meta,
    /// Taints and whether it takes pods.
    pub spec: NodeSpec,
    /// Capacity and conditions.
    pub status: NodeStatus,
}

impl Object for Node {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn slim(&mut self) {
        self.metadata.managed_fields = Vec::new();
    }
}

impl Node {
    /// The value of the topology label.
    pub fn zone(&self) -> Option<&str> {
        self.metadata
            .labels
            .get("topology.kubernetes.io/zone")
            .map(String::as_str)
    }
}

/// `spec` of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    /// Whether it was cordoned.
    pub unschedulable: bool,
    /// Taints.
    pub taints: Vec<Taint>,
}

/// A taint.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

/// `status` of a node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    /// What pods may ask for, as quantities.
    pub allocatable: BTreeMap<String, String>,
    /// Ready and others.
    pub conditions: Vec<Condition>,
}

/// A leader's lease (coordination.k8s.io/v1).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Lease {
    /// Metadata.
    pub metadata: Meta,
    /// Holder and renewal.
    pub spec: LeaseSpec,
}

impl Object for Lease {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// `spec` of a lease.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeaseSpec {
    /// Who leads.
    pub holder_identity: Option<String>,
    /// Seconds that a renewal holds.
    pub lease_duration_seconds: Option<i32>,
    /// Last renewal.
    pub renew_time: Option<Timestamp>,
}

/// A registered storage driver (storage.k8s.io/v1).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CsiDriver {
    /// Metadata; the name is the driver's.
    pub metadata: Meta,
}

impl Object for CsiDriver {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// The drivers that run on one node (storage.k8s.io/v1).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CsiNode {
    /// Metadata; the name is the node's.
    pub metadata: Meta,
    /// Drivers.
    pub spec: CsiNodeSpec,
}

impl Object for CsiNode {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// `spec` of a CSINode.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CsiNodeSpec {
    /// Drivers; `null` when there are none.
    pub drivers: Option<Vec<CsiNodeDriver>>,
}

/// One driver on one node.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct CsiNodeDriver {
    /// The driver's name.
    pub name: String,
}
