//! `StatefulSet` (apps/v1).

use serde::Deserialize;
use serde_json::Value;

use super::{Claim, LabelSelector, Meta, Object, Template};

/// A StatefulSet as the API serves it, after defaulting.
/// Source: `staging/src/k8s.io/api/apps/v1/types.go`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct StatefulSet {
    /// Metadata.
    pub metadata: Meta,
    /// What is asked for.
    pub spec: StatefulSetSpec,
    /// What the controller last wrote.
    pub status: StatefulSetStatus,
}

impl Object for StatefulSet {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn incomplete(&self) -> Option<&'static str> {
        let absent = [
            (self.metadata.uid.is_empty(), "metadata.uid"),
            (self.metadata.generation.is_none(), "metadata.generation"),
            (self.spec.replicas.is_none(), "spec.replicas"),
            (self.spec.selector == LabelSelector::default(), "spec.selector"),
            (self.spec.template.0.is_null(), "spec.template"),
            (self.spec.pod_management_policy.is_empty(), "spec.podManagementPolicy"),
            (self.spec.update_strategy.kind.is_empty(), "spec.updateStrategy"),
            (
                self.spec
                    .volume_claim_templates
                    .iter()
                    .any(|claim| claim.metadata.name.is_empty()),
                "spec.volumeClaimTemplates",
            ),
        ];
        absent.into_iter().find(|(absent, _)| *absent).map(|(_, path)| path)
    }
}

/// `spec`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetSpec {
    /// Wanted pods.
    pub replicas: Option<i32>,
    /// Which pods and revisions belong to the set.
    pub selector: LabelSelector,
    /// The pod template.
    pub template: Template,
    /// One claim of each for every ordinal. Immutable.
    pub volume_claim_templates: Vec<Claim>,
    /// The governing Service, which gives the pods their DNS names. May be empty.
    pub service_name: String,
    /// `OrderedReady` or `Parallel`.
    pub pod_management_policy: String,
    /// How a new template reaches the pods.
    pub update_strategy: UpdateStrategy,
    /// Revisions to keep beside the ones in use.
    pub revision_history_limit: Option<i32>,
    /// Seconds a pod must have been Ready to count as available.
    pub min_ready_seconds: i32,
    /// What becomes of claims.
    pub persistent_volume_claim_retention_policy: Option<RetentionPolicy>,
    /// Where counting starts.
    pub ordinals: Option<Ordinals>,
}

/// `spec.updateStrategy`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateStrategy {
    /// `RollingUpdate`, `OnDelete`, or one a newer server knows.
    #[serde(rename = "type")]
    pub kind: String,
    /// Absent when the manifest named the type and nothing else.
    pub rolling_update: Option<RollingUpdate>,
}

/// `spec.updateStrategy.rollingUpdate`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RollingUpdate {
    /// An index from `ordinals.start`, not an ordinal: pods below it keep the current revision.
    pub partition: Option<i32>,
    /// A number or a percentage; honoured only where the controller's feature gate is on.
    pub max_unavailable: Option<Value>,
}

/// `spec.persistentVolumeClaimRetentionPolicy`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RetentionPolicy {
    /// `Retain` or `Delete`, when the set is deleted.
    pub when_deleted: String,
    /// `Retain` or `Delete`, when the set is scaled down.
    pub when_scaled: String,
}

/// `spec.ordinals`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Ordinals {
    /// The first ordinal.
    pub start: i32,
}

/// `status`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatefulSetStatus {
    /// The generation that the controller acted on last; absent before its first sync.
    pub observed_generation: Option<i64>,
    /// Pods that exist.
    pub replicas: i32,
    /// Pods running and Ready.
    pub ready_replicas: i32,
    /// Pods Ready for `minReadySeconds`.
    pub available_replicas: i32,
    /// Pods on the current revision.
    pub current_replicas: i32,
    /// Pods on the update revision.
    pub updated_replicas: i32,
    /// The revision that the last completed update ended on.
    pub current_revision: String,
    /// The revision of the template.
    pub update_revision: String,
    /// Used to avoid hash collisions of revision names.
    pub collision_count: Option<i32>,
}

impl StatefulSet {
    /// `spec.replicas`, never negative.
    pub fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1).max(0)
    }

    /// `spec.ordinals.start`, never negative.
    pub fn start(&self) -> i32 {
        self.spec.ordinals.as_ref().map_or(0, |ordinals| ordinals.start.max(0))
    }

    /// The partition as an index from the first ordinal.
    pub fn partition(&self) -> i32 {
        self.spec
            .update_strategy
            .rolling_update
            .as_ref()
            .and_then(|rolling| rolling.partition)
            .unwrap_or(0)
            .max(0)
    }

    /// Whether it should have a pod with this ordinal.
    pub fn in_range(&self, ordinal: i64) -> bool {
        (0..i64::from(self.replicas())).contains(&(ordinal - i64::from(self.start())))
    }

    /// Whether pods start and stop one at a time.
    pub fn ordered(&self) -> bool {
        self.spec.pod_management_policy != "Parallel"
    }

    /// Whether pods are replaced only when somebody deletes them.
    pub fn on_delete(&self) -> bool {
        self.spec.update_strategy.kind == "OnDelete"
    }

    /// Whether pods on another revision are all replaced at once; a strategy of servers that are not out yet.
    pub fn recreate(&self) -> bool {
        self.spec.update_strategy.kind == "Recreate"
    }

    /// The name of the pod with this ordinal. The ordinal is wider than the API's so that a start near its end does not overflow.
    pub fn pod_name(&self, ordinal: i64) -> String {
        format!("{}-{ordinal}", self.metadata.name)
    }

    /// The claims of a pod with this ordinal: template name and claim name.
    pub fn claim_names(&self, ordinal: i64) -> impl Iterator<Item = (&str, String)> {
        self.spec.volume_claim_templates.iter().map(move |template| {
            let volume = template.metadata.name.as_str();
            (volume, format!("{volume}-{}-{ordinal}", self.metadata.name))
        })
    }

    /// What the names of its claims begin with, before a dash and the ordinal.
    pub fn claim_prefixes(&self) -> impl Iterator<Item = String> {
        let templates = self.spec.volume_claim_templates.iter();
        templates.map(|template| format!("{}-{}", template.metadata.name, self.metadata.name))
    }
}
