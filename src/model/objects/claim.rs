//! `PersistentVolumeClaim` (v1), also as a claim template.

use serde::{Deserialize, Deserializer};

use super::{Condition, LabelSelector, Meta, Object};

/// A claim.
/// Source: `staging/src/k8s.io/api/core/v1/types.go` (PersistentVolumeClaim).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Claim {
    /// Metadata.
    pub metadata: Meta,
    /// What is asked for.
    pub spec: ClaimSpec,
    /// What it got.
    pub status: ClaimStatus,
}

impl Object for Claim {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn slim(&mut self) {
        // Only the scheduler's entry is read: when it chose the node.
        self.metadata
            .managed_fields
            .retain(|entry| entry.manager.contains("scheduler"));
        self.metadata.managed_fields.shrink_to_fit();
    }

    fn incomplete(&self) -> Option<&'static str> {
        let absent = [
            (self.metadata.uid.is_empty(), "metadata.uid"),
            (self.status.phase.is_empty(), "status.phase"),
        ];
        absent.into_iter().find(|(absent, _)| *absent).map(|(_, path)| path)
    }
}

/// `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimSpec {
    /// Class: absent asks for the default class, empty for none.
    pub storage_class_name: Option<String>,
    /// The volume it is bound to, or was told to take.
    pub volume_name: String,
    /// `ReadWriteOnce` and others.
    pub access_modes: Vec<String>,
    /// Requests, as written.
    pub resources: Resources,
    /// `Filesystem` or `Block`.
    pub volume_mode: Option<String>,
    /// Labels that its volume must have.
    pub selector: Option<LabelSelector>,
}

/// `spec.resources` of a claim.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// The size asked for.
    pub requests: Size,
}

/// A size, of a claim or a volume.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Size {
    /// A quantity, as written.
    #[serde(deserialize_with = "quantity")]
    pub storage: Option<String>,
}

/// A manifest may write a quantity as a number; a server never does.
fn quantity<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Number(serde_json::Number),
    }
    Ok(Option::<Written>::deserialize(from)?.map(|written| match written {
        Written::Text(text) => text,
        Written::Number(number) => number.to_string(),
    }))
}

/// `status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClaimStatus {
    /// `Pending`, `Bound` or `Lost`.
    pub phase: String,
    /// What the volume holds.
    pub capacity: Size,
    /// Resizing and others.
    pub conditions: Vec<ClaimCondition>,
}

/// A condition of a claim.
pub type ClaimCondition = Condition;

const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

impl Claim {
    /// The class it names; the old annotation wins where it exists. `None`: none was named.
    /// Source: `staging/src/k8s.io/component-helpers/storage/volume/helpers.go` (GetPersistentVolumeClaimClass).
    pub fn class(&self) -> Option<&str> {
        match self.metadata.annotations.get(CLASS_ANNOTATION) {
            Some(class) => Some(class),
            None => self.spec.storage_class_name.as_deref(),
        }
    }

    /// The provisioner that the binder asked, from its annotation (the beta one on old claims).
    pub fn provisioner(&self) -> Option<&str> {
        let annotations = &self.metadata.annotations;
        annotations
            .get("volume.kubernetes.io/storage-provisioner")
            .or_else(|| annotations.get("volume.beta.kubernetes.io/storage-provisioner"))
            .map(String::as_str)
    }

    /// The node that the scheduler chose for its first consumer.
    pub fn selected_node(&self) -> Option<&str> {
        self.metadata
            .annotations
            .get("volume.kubernetes.io/selected-node")
            .map(String::as_str)
    }

    /// Size asked for.
    pub fn request(&self) -> Option<&str> {
        self.spec.resources.requests.storage.as_deref()
    }

    /// Whether it has its volume.
    pub fn bound(&self) -> bool {
        self.status.phase == "Bound"
    }
}
