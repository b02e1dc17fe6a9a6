//! What one sync came to: the calls it makes, the status it writes, and what it waits for. Values only.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::model::objects::{OwnerReference, StatefulSetStatus};

/// The outcome of one sync.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// The writes in the controller's order. Under Parallel, where a phase runs many pods at once, in order of ordinals.
    pub calls: Vec<Call>,
    /// The owners that each updated claim gets, by the claim's name.
    pub claim_owners: HashMap<String, Vec<OwnerReference>>,
    /// The status it writes; `None` when it writes none.
    pub status: Option<StatefulSetStatus>,
    /// Why the sync fails and is tried again with growing delays.
    pub error: Option<String>,
    /// What has to change before the controller goes on. Empty when it acts or has nothing to do; several at once only
    /// under Parallel or `maxUnavailable`, and for several claims of one pod.
    pub waits_for: Vec<Wait>,
    /// The phase that ended the sync early, by acting, waiting or failing. `None`: it ran to its end.
    pub stopped_in: Option<Phase>,
    /// The revision that pods below the partition belong to.
    pub current_revision: String,
    /// The revision of the template.
    pub update_revision: String,
    /// Whether `update_revision` does not exist yet: its name is then only what the model expects.
    pub update_revision_is_new: bool,
}

/// One write to the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// What is written.
    pub op: Op,
    /// The object's name.
    pub name: String,
    /// The revision a created pod gets, or the number a revision gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// The kinds of writes, spelled as in the oracle's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "the names say it all")]
pub enum Op {
    CreatePod,
    UpdatePod,
    DeletePod,
    CreateClaim,
    UpdateClaim,
    CreateRevision,
    UpdateRevision,
    DeleteRevision,
}

/// The parts of a sync that can end it, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// A set that is being deleted gets its status written, nothing else.
    Deletion,
    /// Under the strategy Recreate pods on another revision go before anything else.
    Recreate,
    /// Every ordinal in range gets its pod; under OrderedReady one must be available before the next is looked at.
    Replicas,
    /// Pods out of range go, highest first.
    Condemned,
    /// Pods on another revision are deleted to be made anew.
    RollingUpdate,
}

/// One fact that the controller waits for, about one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// The kind of the object.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
    /// The ordinal that it belongs to; `None` for the set itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordinal: Option<i64>,
    /// The phase that waits, and with it all later ones under OrderedReady.
    pub phase: Phase,
    /// What is the matter with it.
    pub fact: WaitFact,
}

/// The kinds of objects that a controller waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[expect(missing_docs, reason = "kinds of the API")]
pub enum ObjectKind {
    Pod,
    PersistentVolumeClaim,
    StatefulSet,
}

/// Why the controller waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum WaitFact {
    /// The set is being deleted.
    SetDeleting,
    /// A failed or succeeded pod was deleted and is not gone yet; its successor comes after that.
    TerminalPhase,
    /// A claim still belongs to an earlier pod of this name (`whenScaled: Delete`): creation stops without any event.
    StaleClaim {
        /// The uid of the pod that the claim names as its owner.
        owner: String,
    },
    /// A claim that the pod needs is being deleted; an error that is tried again.
    ClaimTerminating,
    /// The pod is being deleted and not gone yet.
    Terminating,
    /// The pod is not running, or not Ready.
    NotReady,
    /// The pod is Ready, but not for `minReadySeconds` yet.
    NotAvailable {
        /// When it will be, if it stays Ready.
        until: Option<Timestamp>,
    },
    /// The pod lacks a claim's volume that the set now asks for, or its name is not canonical: the server refuses the update.
    UpdateRefused,
    /// The highest pod out of range is being deleted and not gone yet.
    CondemnedTerminating,
    /// The highest pod out of range is not Ready, and it is not the only one.
    CondemnedNotReady {
        /// The pod that may go although it is unavailable, which is never reached: neither of them moves by itself.
        first: Option<String>,
    },
    /// The highest pod out of range is Ready, but not for `minReadySeconds` yet.
    CondemnedNotAvailable {
        /// As in `CondemnedNotReady`.
        first: Option<String>,
        /// When it will be, if it stays Ready.
        until: Option<Timestamp>,
    },
    /// The pod was updated, or need not be, and is not available: the next lower one waits for it.
    Updating,
    /// One of the pods that use up `maxUnavailable`.
    MaxUnavailable {
        /// Unavailable pods in range.
        unavailable: i64,
        /// How many may be.
        max: i64,
    },
    /// Pods on another revision are replaced only when somebody deletes them.
    OnDelete,
}

impl WaitFact {
    /// The fact's name without its values.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SetDeleting => "setDeleting",
            Self::TerminalPhase => "terminalPhase",
            Self::StaleClaim { .. } => "staleClaim",
            Self::ClaimTerminating => "claimTerminating",
            Self::Terminating => "terminating",
            Self::NotReady => "notReady",
            Self::NotAvailable { .. } => "notAvailable",
            Self::UpdateRefused => "updateRefused",
            Self::CondemnedTerminating => "condemnedTerminating",
            Self::CondemnedNotReady { .. } => "condemnedNotReady",
            Self::CondemnedNotAvailable { .. } => "condemnedNotAvailable",
            Self::Updating => "updating",
            Self::MaxUnavailable { .. } => "maxUnavailable",
            Self::OnDelete => "onDelete",
        }
    }
}

impl Decision {
    /// Names of what calls of this kind touch, in their order.
    pub fn names(&self, op: Op) -> impl Iterator<Item = &str> {
        self.calls
            .iter()
            .filter(move |call| call.op == op)
            .map(|call| call.name.as_str())
    }
}
