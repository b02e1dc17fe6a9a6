//! States for the forecast: a set, its pods and claims, each made once and put together many times.

use jiff::{SignedDuration, Timestamp};
use kubectl_sts::controller::{Assumption, Forecast, Input, Profile, forecast};
use kubectl_sts::model::objects::{Claim, Pod, Revision, StatefulSet};
use serde_json::{Value, json};

pub const NEW: &str = "web-new";
pub const OLD: &str = "web-old";
pub const MIN_READY: i64 = 30;

/// What a pod can be like when a forecast begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Is {
    Absent,
    ReadyNew,
    ReadyOld,
    /// Ready for a second only.
    YoungOld,
    StartingNew,
    StartingOld,
    /// Not Ready, and never to be.
    BrokenOld,
    BrokenNew,
    TerminatingOld,
    FailedOld,
    FailedNew,
}

/// A set and what it is like now. Indices count from `start`.
#[derive(Clone, Debug)]
pub struct State {
    pub ordered: bool,
    pub on_delete: bool,
    pub start: i64,
    pub replicas: i64,
    pub partition: i64,
    pub min_ready: bool,
    /// `whenScaled: Delete`, with a claim a pod.
    pub claims_go: bool,
    /// By index, beyond `replicas` too.
    pub pods: Vec<Is>,
    /// The index of which no pod becomes Ready any more.
    pub never: Option<i64>,
}

pub fn now() -> Timestamp {
    "2026-05-01T12:00:00Z".parse().unwrap()
}

/// Objects are made from JSON once; parsing them for every state would cost more than forecasting it.
pub struct Parts {
    set: StatefulSet,
    pods: Vec<Vec<Pod>>,
    claims: Vec<Claim>,
    revisions: Vec<Revision>,
}

const STATES: [Is; 11] = [
    Is::Absent,
    Is::ReadyNew,
    Is::ReadyOld,
    Is::YoungOld,
    Is::StartingNew,
    Is::StartingOld,
    Is::BrokenOld,
    Is::BrokenNew,
    Is::TerminatingOld,
    Is::FailedOld,
    Is::FailedNew,
];
const MOST_ORDINALS: i64 = 12;

impl Parts {
    pub fn new() -> Self {
        let revision = |name: &str, number: i64| {
            let meta = json!({"name": name, "namespace": "d", "uid": name, "labels": {"app": "a"}});
            serde_json::from_value(json!({"metadata": meta, "revision": number, "data": {"of": name}})).unwrap()
        };
        let claim = |ordinal: i64| {
            let meta =
                json!({"name": format!("data-web-{ordinal}"), "namespace": "d", "uid": format!("claim-{ordinal}")});
            serde_json::from_value(json!({"metadata": meta, "status": {"phase": "Bound"}})).unwrap()
        };
        Self {
            set: serde_json::from_value(set()).unwrap(),
            pods: (0..MOST_ORDINALS)
                .map(|ordinal| {
                    STATES
                        .map(|is| serde_json::from_value(pod(ordinal, is)).unwrap())
                        .into()
                })
                .collect(),
            claims: (0..MOST_ORDINALS).map(claim).collect(),
            revisions: vec![revision(OLD, 1), revision(NEW, 2)],
        }
    }

    pub fn set(&self, state: &State) -> StatefulSet {
        let mut set = self.set.clone();
        let spec = &mut set.spec;
        spec.replicas = Some(state.replicas.try_into().unwrap());
        if !state.ordered {
            spec.pod_management_policy = "Parallel".to_owned();
        }
        spec.min_ready_seconds = if state.min_ready {
            MIN_READY.try_into().unwrap()
        } else {
            0
        };
        if state.on_delete {
            spec.update_strategy.kind = "OnDelete".to_owned();
            spec.update_strategy.rolling_update = None;
        } else if let Some(rolling) = &mut spec.update_strategy.rolling_update {
            rolling.partition = Some(state.partition.try_into().unwrap());
        }
        if let Some(ordinals) = &mut spec.ordinals {
            ordinals.start = state.start.try_into().unwrap();
        }
        if !state.claims_go {
            spec.persistent_volume_claim_retention_policy = None;
            spec.volume_claim_templates.clear();
        }
        set
    }

    pub fn pod(&self, ordinal: i64, is: Is) -> Option<&Pod> {
        let at = STATES.iter().position(|known| *known == is).unwrap();
        (is != Is::Absent).then(|| &self.pods[usize::try_from(ordinal).unwrap()][at])
    }

    pub fn forecast(&self, state: &State) -> Forecast {
        let set = self.set(state);
        let ordinals = state.pods.iter().zip(state.start..);
        let pods: Vec<_> = ordinals
            .clone()
            .filter_map(|(is, ordinal)| self.pod(ordinal, *is))
            .collect();
        let broken = pods.iter().filter(|pod| pod.metadata.uid.starts_with("broken"));
        let assumption = Assumption {
            never_ready: state.never.map(|index| state.start + index).into_iter().collect(),
            broken: broken.map(|pod| pod.metadata.uid.as_str()).collect(),
            ..Assumption::default()
        };
        let claims: &[Claim] = if state.claims_go { &self.claims } else { &[] };
        let input = Input::new(&set, pods, claims, &self.revisions, now(), Profile::default());
        forecast(&input, &assumption)
    }
}

fn set() -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "d", "uid": "set", "generation": 2},
        "spec": {
            "replicas": 3, "podManagementPolicy": "OrderedReady", "serviceName": "web",
            "selector": {"matchLabels": {"app": "a"}}, "template": {"metadata": {"labels": {"app": "a"}}},
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}, "ordinals": {"start": 0},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
            "persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete", "whenDeleted": "Retain"},
        },
        "status": {"observedGeneration": 2, "currentRevision": OLD, "updateRevision": NEW},
    })
}

fn pod(ordinal: i64, is: Is) -> Value {
    let name = format!("web-{ordinal}");
    let revision = match is {
        Is::ReadyNew | Is::StartingNew | Is::BrokenNew | Is::FailedNew => NEW,
        _ => OLD,
    };
    let since = match is {
        Is::YoungOld => now() - SignedDuration::from_secs(1),
        _ => now() - SignedDuration::from_hours(1),
    };
    let ready = matches!(is, Is::ReadyNew | Is::ReadyOld | Is::YoungOld | Is::TerminatingOld);
    let uid = match is {
        Is::BrokenOld | Is::BrokenNew => format!("broken-{ordinal}"),
        _ => format!("pod-{ordinal}"),
    };
    let phase = match is {
        Is::FailedOld | Is::FailedNew => "Failed",
        Is::StartingNew => "Pending",
        _ => "Running",
    };
    let status = if ready { "True" } else { "False" };
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "d", "uid": uid,
            "labels": {"app": "a", "statefulset.kubernetes.io/pod-name": name, "controller-revision-hash": revision}},
        "spec": {"nodeName": "n", "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": format!("data-{name}")}}]},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": status, "lastTransitionTime": since.to_string()}]},
    });
    if is == Is::TerminatingOld {
        pod["metadata"]["deletionTimestamp"] = now().to_string().into();
    }
    pod
}
