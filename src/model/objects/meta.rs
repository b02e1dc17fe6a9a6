//! Metadata, owner references, conditions and label selectors: what all kinds share.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// `metadata`, without the annotations and versions that no rule reads.
/// Source: `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go` (ObjectMeta).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Unique within namespace and kind.
    pub name: String,
    /// Empty for cluster-scoped kinds.
    pub namespace: String,
    /// Distinguishes an object from a later one of the same name.
    pub uid: String,
    /// Grows with each change of `spec`.
    pub generation: Option<i64>,
    /// When the server stored the object first.
    pub creation_timestamp: Option<Timestamp>,
    /// When a graceful deletion ends, grace period included; set as soon as a deletion was asked for.
    pub deletion_timestamp: Option<Timestamp>,
    /// The grace period that `deletion_timestamp` contains, in seconds.
    pub deletion_grace_period_seconds: Option<i64>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The annotations that something here reads; the others are most of what an object weighs.
    #[serde(deserialize_with = "annotations")]
    pub annotations: BTreeMap<String, String>,
    /// Owners; at most one of them is the controller.
    pub owner_references: Vec<OwnerReference>,
    /// What must happen before the object really goes.
    pub finalizers: Vec<String>,
    /// Who wrote what, reduced to the two topmost levels of fields.
    pub managed_fields: Vec<ManagedFields>,
}

impl Meta {
    /// The one owner that controls the object.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// Whether a deletion was asked for.
    pub fn terminating(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// When the deletion was asked for: the timestamp holds the end of the grace period.
    pub fn deletion_asked(&self) -> Option<Timestamp> {
        let grace = jiff::SignedDuration::from_secs(self.deletion_grace_period_seconds.unwrap_or(0));
        self.deletion_timestamp.and_then(|end| end.checked_sub(grace).ok())
    }
}

/// The annotations that are kept.
const READ: [&str; 7] = [
    "pv.kubernetes.io/provisioned-by",
    "storageclass.beta.kubernetes.io/is-default-class",
    "storageclass.kubernetes.io/is-default-class",
    "volume.beta.kubernetes.io/storage-class",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
];

fn annotations<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let all = Option::<BTreeMap<String, String>>::deserialize(from)?.unwrap_or_default();
    Ok(all
        .into_iter()
        .filter(|(name, _)| READ.contains(&name.as_str()))
        .collect())
}

/// One entry of `metadata.ownerReferences`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    /// Group and version of the owner.
    pub api_version: String,
    /// Kind of the owner.
    pub kind: String,
    /// Name of the owner.
    pub name: String,
    /// Uid of the owner: a new owner of the same name is another one.
    pub uid: String,
    /// Whether this owner manages the object.
    pub controller: bool,
    /// Whether a foreground deletion of the owner waits for this object.
    pub block_owner_deletion: bool,
}

/// One entry of `metadata.managedFields`, without what lies below the second level.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagedFields {
    /// Name of the writer, as it calls itself.
    pub manager: String,
    /// `Update` or `Apply`.
    pub operation: String,
    /// Empty, or `status`, `scale` …
    pub subresource: String,
    /// When this manager last changed one of its fields.
    pub time: Option<Timestamp>,
    /// `f:spec` → `f:template` …: which parts it owns.
    #[serde(rename = "fieldsV1")]
    pub fields: BTreeMap<String, TopFields>,
}

/// The second level of `fieldsV1`; what lies below is skipped.
#[derive(Clone, Debug, Default)]
pub struct TopFields(pub Vec<String>);

impl<'de> Deserialize<'de> for TopFields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let below = BTreeMap::<String, serde::de::IgnoredAny>::deserialize(from)?;
        Ok(Self(below.into_keys().collect()))
    }
}

impl ManagedFields {
    /// Whether this manager owns something below `f:<part>.f:<field>`.
    pub fn owns(&self, part: &str, field: &str) -> bool {
        self.fields
            .get(&format!("f:{part}"))
            .is_some_and(|below| below.0.iter().any(|f| f.strip_prefix("f:") == Some(field)))
    }
}

/// A status condition of any kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// For instance `Ready`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// A word for programs.
    pub reason: String,
    /// A sentence for people; untrusted text.
    pub message: String,
    /// When `status` changed last.
    pub last_transition_time: Option<Timestamp>,
}

/// Labels as kubectl takes them: `app=web,tier=db`.
pub fn pairs(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    pairs.join(",")
}

/// `spec.selector`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// All of these labels must be there with these values.
    pub match_labels: BTreeMap<String, String>,
    /// And all of these must hold.
    pub match_expressions: Vec<SelectorRequirement>,
}

/// One entry of `matchExpressions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SelectorRequirement {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// The values of `In` and `NotIn`.
    pub values: Vec<String>,
}

impl LabelSelector {
    /// Whether labels satisfy the selector; an empty selector matches everything, an unknown operator nothing.
    /// Source: `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go` (LabelSelectorAsSelector).
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value))
            && self
                .match_expressions
                .iter()
                .all(|need| need.holds(labels.get(&need.key)))
    }
}

impl SelectorRequirement {
    fn holds(&self, value: Option<&String>) -> bool {
        match self.operator.as_str() {
            "In" => value.is_some_and(|v| self.values.contains(v)),
            "NotIn" => value.is_none_or(|v| !self.values.contains(v)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selector_expressions_are_all_required() {
        let selector: LabelSelector = serde_json::from_str(
            r#"{"matchLabels":{"app":"db"},"matchExpressions":[{"key":"tier","operator":"NotIn","values":["test"]}]}"#,
        )
        .unwrap();
        let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        assert!(selector.matches(&labels(&[("app", "db")])));
        assert!(selector.matches(&labels(&[("app", "db"), ("tier", "prod")])));
        assert!(!selector.matches(&labels(&[("app", "db"), ("tier", "test")])));
        assert!(!selector.matches(&labels(&[("tier", "prod")])));
    }

    #[test]
    fn managed_fields_keep_two_levels() {
        let meta: Meta = serde_json::from_str(
            r#"{"name":"db","managedFields":[{"manager":"kubectl-set","operation":"Update",
                "fieldsV1":{"f:spec":{"f:template":{"f:spec":{}}},"f:metadata":{"f:annotations":{".":{}}}}}]}"#,
        )
        .unwrap();
        assert!(meta.managed_fields[0].owns("spec", "template"));
        assert!(!meta.managed_fields[0].owns("spec", "replicas"));
    }
}
