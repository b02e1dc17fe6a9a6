//! `PodDisruptionBudget` (policy/v1) and `HorizontalPodAutoscaler` (autoscaling/v2): what bounds or changes a set beside
//! its own spec.

use serde::Deserialize;
use serde_json::Value;

use super::{LabelSelector, Meta, Object};

/// A budget of evictions.
/// Source: `staging/src/k8s.io/api/policy/v1/types.go` (PodDisruptionBudget).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodDisruptionBudget {
    /// Metadata.
    pub metadata: Meta,
    /// What it asks for.
    pub spec: DisruptionBudgetSpec,
    /// What it allows now.
    pub status: DisruptionBudgetStatus,
}

impl Object for PodDisruptionBudget {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn slim(&mut self) {
        self.metadata.managed_fields = Vec::new();
    }
}

/// `spec` of a budget.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DisruptionBudgetSpec {
    /// Its pods: none when absent, all of the namespace when empty.
    pub selector: Option<LabelSelector>,
    /// Pods that must stay, a number or a percentage.
    pub min_available: Option<Value>,
    /// Pods that may be away, a number or a percentage.
    pub max_unavailable: Option<Value>,
}

/// `status` of a budget.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DisruptionBudgetStatus {
    /// Evictions that it would allow at this moment.
    pub disruptions_allowed: i32,
}

/// An autoscaler.
/// Source: `staging/src/k8s.io/api/autoscaling/v2/types.go` (HorizontalPodAutoscaler).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct HorizontalPodAutoscaler {
    /// Metadata.
    pub metadata: Meta,
    /// What it scales, and how far.
    pub spec: AutoscalerSpec,
}

impl Object for HorizontalPodAutoscaler {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn slim(&mut self) {
        self.metadata.managed_fields = Vec::new();
    }
}

/// `spec` of an autoscaler.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AutoscalerSpec {
    /// What it scales.
    pub scale_target_ref: ScaleTarget,
    /// As few as this; 1 when absent.
    pub min_replicas: Option<i32>,
    /// As many as this.
    pub max_replicas: i32,
}

/// An object with replicas, in the autoscaler's namespace.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ScaleTarget {
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
}
