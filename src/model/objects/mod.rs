//! Lean objects: one struct a kind, in the API's own JSON shape, with only the fields that some rule, view or plan
//! reads. Unknown fields are skipped, so a newer server is no error. Sizes and instants stay as the API spells them.
//!
//! A field that a live server always fills and a verdict depends on is checked by [`Object::incomplete`]: an object
//! without it becomes a gap (`Unparseable`), never a half-read fact.

mod claim;
mod config;
mod event;
mod infra;
mod interference;
mod meta;
mod network_policy;
mod pod;
mod quota;
mod revision;
mod service;
mod statefulset;
mod storage;
mod template;
mod workload;

pub use claim::{Claim, ClaimCondition, ClaimSpec, ClaimStatus, Resources, Size};
pub use config::{Bare, ConfigMap, Corefiles, DnsConfig, Keys};
pub use event::{Event, EventSeries, EventSource, ObjectReference};
pub use infra::{CsiDriver, CsiNode, CsiNodeDriver, CsiNodeSpec, Lease, LeaseSpec, Node, NodeSpec, NodeStatus, Taint};
pub use interference::{
    AutoscalerSpec, DisruptionBudgetSpec, DisruptionBudgetStatus, HorizontalPodAutoscaler, PodDisruptionBudget,
    ScaleTarget,
};
pub use meta::{Condition, LabelSelector, ManagedFields, Meta, OwnerReference, SelectorRequirement, pairs};
pub use network_policy::{EgressRule, IpBlock, NetworkPolicy, NetworkPolicySpec, PolicyPeer, PolicyPort, PortMeant};
pub use pod::{
    ConfigMapSource, Container, ContainerPort, ContainerState, ContainerStatus, DnsOption, EnvVar, Pod, PodAddress,
    PodDnsConfig, PodSpec, PodStatus, Running, Terminated, Volume, VolumeClaimSource, Waiting,
};
pub use quota::{Exceeded, QuotaStatus, ResourceQuota, exceeded};
pub use revision::Revision;
pub use service::{
    Endpoint, EndpointConditions, EndpointSlice, Service, ServicePort, ServiceSpec, SlicePort, TargetReference,
};
pub use statefulset::{
    Ordinals, RetentionPolicy, RollingUpdate, StatefulSet, StatefulSetSpec, StatefulSetStatus, UpdateStrategy,
};
pub use storage::{ClaimReference, PersistentVolume, StorageClass, VolumeSpec, VolumeStatus};
pub use template::Template;
pub use workload::{Workload, WorkloadSpec, WorkloadStatus};

/// What every object that is listed can tell.
pub trait Object: serde::de::DeserializeOwned {
    /// Its metadata.
    fn meta(&self) -> &Meta;

    /// Whether anything here reads it; what is not wanted is not kept.
    fn wanted(&self) -> bool {
        true
    }

    /// Drops what was parsed and is not read of this kind.
    fn slim(&mut self) {}

    /// The first fact that a live server always gives and that this object lacks, as a field path.
    fn incomplete(&self) -> Option<&'static str> {
        None
    }
}
