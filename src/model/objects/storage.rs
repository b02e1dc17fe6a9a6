//! `PersistentVolume` (v1) and `StorageClass` (storage.k8s.io/v1).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::VolumeNodeAffinity;
use serde::Deserialize;

use super::{Meta, Object};

/// A volume.
/// Source: `staging/src/k8s.io/api/core/v1/types.go` (PersistentVolume).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PersistentVolume {
    /// Metadata.
    pub metadata: Meta,
    /// What it is.
    pub spec: VolumeSpec,
    /// Whose it is.
    pub status: VolumeStatus,
}

impl Object for PersistentVolume {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn incomplete(&self) -> Option<&'static str> {
        self.metadata.uid.is_empty().then_some("metadata.uid")
    }
}

/// `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeSpec {
    /// Class it belongs to; empty for none.
    pub storage_class_name: String,
    /// `Retain` or `Delete` (or the old `Recycle`).
    pub persistent_volume_reclaim_policy: String,
    /// The claim that has it.
    pub claim_ref: Option<ClaimReference>,
    /// Its size.
    pub capacity: BTreeMap<String, String>,
    /// `ReadWriteOnce` and others.
    pub access_modes: Vec<String>,
    /// Where it can be used.
    pub node_affinity: Option<VolumeNodeAffinity>,
}

/// `spec.claimRef`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ClaimReference {
    /// Namespace of the claim.
    pub namespace: String,
    /// Name of the claim.
    pub name: String,
    /// Uid of the claim; empty when an administrator reserved the volume by hand.
    pub uid: String,
}

/// `status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct VolumeStatus {
    /// `Available`, `Bound`, `Released` or `Failed`.
    pub phase: String,
}

impl PersistentVolume {
    /// The provisioner that made it; `None` for one made by hand.
    pub fn provisioned_by(&self) -> Option<&str> {
        self.metadata
            .annotations
            .get("pv.kubernetes.io/provisioned-by")
            .map(String::as_str)
    }
}

/// A storage class.
/// Source: `staging/src/k8s.io/api/storage/v1/types.go` (StorageClass).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StorageClass {
    /// Metadata.
    pub metadata: Meta,
    /// The name that a provisioner listens for.
    pub provisioner: String,
    /// `Immediate` (also when absent) or `WaitForFirstConsumer`.
    pub volume_binding_mode: Option<String>,
    /// What becomes of a volume whose claim goes; `Delete` when absent.
    pub reclaim_policy: Option<String>,
}

impl Object for StorageClass {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn incomplete(&self) -> Option<&'static str> {
        self.provisioner.is_empty().then_some("provisioner")
    }
}

impl StorageClass {
    /// Whether a volume is made only when a pod is scheduled.
    pub fn waits_for_consumer(&self) -> bool {
        self.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer")
    }

    /// Whether claims without a class get this one.
    pub fn is_default(&self) -> bool {
        self.metadata
            .annotations
            .get("storageclass.kubernetes.io/is-default-class")
            .is_some_and(|v| v == "true")
    }
}
