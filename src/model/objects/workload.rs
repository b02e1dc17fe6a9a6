//! `Deployment` and `DaemonSet` (apps/v1) as places where a provisioner may run: one shape serves both.

use serde::Deserialize;

use super::{LabelSelector, Meta, Object, Template};

/// A workload that runs pods from a template.
/// Source: `staging/src/k8s.io/api/apps/v1/types.go` (Deployment, DaemonSet).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Workload {
    /// Metadata.
    pub metadata: Meta,
    /// What it runs.
    pub spec: WorkloadSpec,
    /// How much of it runs.
    pub status: WorkloadStatus,
}

impl Object for Workload {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadSpec {
    /// Wanted pods; a DaemonSet has none here.
    pub replicas: Option<i32>,
    /// Its pods.
    pub selector: LabelSelector,
    /// The pod template.
    pub template: Template,
}

/// `status`; each kind fills its own pair.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadStatus {
    /// Available pods of a Deployment or a StatefulSet.
    pub available_replicas: i32,
    /// Nodes where a DaemonSet should run.
    pub desired_number_scheduled: i32,
    /// Nodes where a DaemonSet runs and is available.
    pub number_available: i32,
}
