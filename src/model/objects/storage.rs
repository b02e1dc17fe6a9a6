//! `PersistentVolume` (v1) and `StorageClass` (storage.k8s.io/v1).

use k8s_openapi::api::core::v1::{NodeSelectorRequirement, NodeSelectorTerm, VolumeNodeAffinity};
use serde::Deserialize;

use super::{Meta, Node, Object, Size};

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

    fn slim(&mut self) {
        self.metadata.managed_fields = Vec::new();
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
    pub capacity: Size,
    /// `ReadWriteOnce` and others.
    pub access_modes: Vec<String>,
    /// `Filesystem` (also when absent) or `Block`.
    pub volume_mode: Option<String>,
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
    /// The class it belongs to; the old annotation wins where it exists.
    /// Source: `staging/src/k8s.io/component-helpers/storage/volume/helpers.go` (GetPersistentVolumeClass).
    pub fn class(&self) -> &str {
        let annotated = self.metadata.annotations.get("volume.beta.kubernetes.io/storage-class");
        annotated.unwrap_or(&self.spec.storage_class_name)
    }

    /// Its size, as written.
    pub fn size(&self) -> &str {
        self.spec.capacity.storage.as_deref().unwrap_or_default()
    }

    /// The places it can be used from, in words; `None` when a pod on one of these nodes, or on any, reaches it.
    /// Source: `staging/src/k8s.io/component-helpers/storage/volume/helpers.go` (CheckNodeAffinity).
    pub fn out_of_reach<'n>(&self, nodes: impl IntoIterator<Item = &'n Node>) -> Option<String> {
        let required = self.spec.node_affinity.as_ref()?.required.as_ref()?;
        let terms = &required.node_selector_terms;
        if nodes
            .into_iter()
            .any(|node| terms.iter().any(|term| selects(term, node)))
        {
            return None;
        }
        let needs = terms.iter().flat_map(requirements);
        let said: Vec<_> = needs
            .map(|need| {
                let values = need.values.as_deref().unwrap_or_default().join(" or ");
                match need.key.as_str() {
                    "kubernetes.io/hostname" | "metadata.name" => format!("node {values}"),
                    "topology.kubernetes.io/zone" => format!("zone {values}"),
                    key => format!("nodes with {key} {} {values}", need.operator),
                }
            })
            .collect();
        Some(said.join(", "))
    }

    /// The provisioner that made it; `None` for one made by hand.
    pub fn provisioned_by(&self) -> Option<&str> {
        self.metadata
            .annotations
            .get("pv.kubernetes.io/provisioned-by")
            .map(String::as_str)
    }
}

fn requirements(term: &NodeSelectorTerm) -> impl Iterator<Item = &NodeSelectorRequirement> {
    let both = [&term.match_expressions, &term.match_fields];
    both.into_iter().flatten().flatten()
}

/// An empty term selects nothing.
/// Source: `staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go`.
fn selects(term: &NodeSelectorTerm, node: &Node) -> bool {
    let label = |key: &str| node.metadata.labels.get(key).map(String::as_str);
    let field = |key: &str| (key == "metadata.name").then_some(node.metadata.name.as_str());
    let all = |needs: &Option<Vec<NodeSelectorRequirement>>, value: &dyn Fn(&str) -> Option<String>| {
        needs
            .iter()
            .flatten()
            .all(|need| holds(need, value(&need.key).as_deref()))
    };
    requirements(term).next().is_some()
        && all(&term.match_expressions, &|key| label(key).map(str::to_owned))
        && all(&term.match_fields, &|key| field(key).map(str::to_owned))
}

fn holds(need: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = need.values.as_deref().unwrap_or_default();
    let among = value.is_some_and(|value| values.iter().any(|known| known == value));
    let number = |text: &str| text.parse::<i64>().ok();
    let compared = || Some((number(value?)?, number(values.first()?)?));
    match need.operator.as_str() {
        "In" => among,
        "NotIn" => !among,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => compared().is_some_and(|(has, limit)| has > limit),
        "Lt" => compared().is_some_and(|(has, limit)| has < limit),
        // What is not understood must not make a volume unreachable.
        _ => true,
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
        let marks = [
            "storageclass.kubernetes.io/is-default-class",
            "storageclass.beta.kubernetes.io/is-default-class",
        ];
        let annotations = &self.metadata.annotations;
        marks
            .iter()
            .any(|mark| annotations.get(*mark).is_some_and(|value| value == "true"))
    }

    /// Whether nobody makes volumes for it: they are made by hand.
    pub fn by_hand(&self) -> bool {
        self.provisioner == "kubernetes.io/no-provisioner"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(affinity: &str) -> PersistentVolume {
        serde_json::from_str(&format!(
            r#"{{"metadata":{{"name":"v","uid":"v"}},"spec":{{"nodeAffinity":{affinity}}}}}"#
        ))
        .unwrap()
    }

    fn node(name: &str) -> Node {
        let json =
            format!(r#"{{"metadata":{{"name":"{name}","labels":{{"kubernetes.io/hostname":"{name}","disks":"4"}}}}}}"#);
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn a_volume_is_out_of_reach_when_no_node_satisfies_any_term() {
        let on_c = volume(
            r#"{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"kubernetes.io/hostname","operator":"In","values":["c"]}]}]}}"#,
        );
        assert_eq!(on_c.out_of_reach([&node("a"), &node("b")]), Some("node c".to_owned()));
        assert_eq!(on_c.out_of_reach([&node("a"), &node("c")]), None);
        assert_eq!(volume("null").out_of_reach([&node("a")]), None);
        let field = volume(
            r#"{"required":{"nodeSelectorTerms":[{"matchFields":[{"key":"metadata.name","operator":"In","values":["a"]}]}]}}"#,
        );
        assert_eq!(field.out_of_reach([&node("a")]), None);
        assert!(field.out_of_reach([&node("b")]).is_some());
        let many = volume(
            r#"{"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"disks","operator":"Gt","values":["4"]}]}]}}"#,
        );
        assert!(many.out_of_reach([&node("a")]).is_some());
    }
}
