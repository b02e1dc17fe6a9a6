//! Which doubts are raised about which sets.

use serde_json::{Value, json};

use super::*;
use crate::controller::State;

/// Three pods of the old revision, of which the last is not Ready; the new revision exists.
fn state(spec: Value) -> State {
    let mut set = json!({
        "metadata": {"name": "web", "namespace": "d", "uid": "set", "generation": 2},
        "spec": {"replicas": 3, "podManagementPolicy": "OrderedReady", "selector": {"matchLabels": {"app": "a"}},
            "template": {"spec": {}}, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}},
        "status": {"observedGeneration": 2, "currentRevision": "web-old", "updateRevision": "web-new"},
    });
    for (key, value) in spec.as_object().unwrap() {
        set["spec"][key] = value.clone();
    }
    let pod = |ordinal: i32| {
        let since = if ordinal == 2 {
            "2026-05-01T11:59:50Z"
        } else {
            "2026-05-01T11:00:00Z"
        };
        let name = format!("web-{ordinal}");
        json!({"metadata": {"name": name, "namespace": "d", "uid": name, "labels": {"app": "a",
                "controller-revision-hash": "web-old", "statefulset.kubernetes.io/pod-name": name}},
            "status": {"phase": "Running",
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": since}]}})
    };
    let revision = |name: &str, number: i32| json!({"metadata": {"name": name, "uid": name, "labels": {"app": "a"}}, "revision": number, "data": {}});
    let state = json!({"now": "2026-05-01T12:00:00Z", "set": set, "pods": [pod(0), pod(1), pod(2)],
        "revisions": [revision("web-old", 1), revision("web-new", 2)]});
    serde_json::from_value(state).unwrap()
}

fn doubts(version: &str, spec: Value) -> Vec<String> {
    let state = state(spec);
    let input = Input {
        trust_status: true,
        ..state.input().unwrap()
    };
    let version = (!version.is_empty()).then_some(version);
    let consensus = Profiles::plausible(version).decide(&input);
    let doubts: Vec<_> = consensus.doubts().collect();
    assert_eq!(consensus.certain(), doubts.is_empty());
    doubts
}

fn rolling(max: Value) -> Value {
    json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0, "maxUnavailable": max}})
}

#[test]
fn a_plain_set_behind_a_proven_version_costs_one_sync_and_is_certain() {
    let state = state(json!({}));
    let input = Input {
        trust_status: true,
        ..state.input().unwrap()
    };
    for version in ["v1.33.13", "v1.34.4", "v1.35.4", "v1.36.3"] {
        let profiles = Profiles::plausible(Some(version));
        assert_eq!(profiles.relevant(&input, &sync(&input)).count(), 0, "{version}");
        assert!(profiles.decide(&input).certain(), "{version}");
    }
}

#[test]
fn a_gate_that_decides_is_named() {
    let two = || json!({"updateStrategy": rolling(json!(2))});
    assert_eq!(
        doubts("v1.36.3", two()),
        ["differs if the feature gate MaxUnavailableStatefulSet is on"]
    );
    assert_eq!(
        doubts("v1.35.2", two()),
        [
            "differs if the controller manager is still 1.34",
            "differs if the feature gate MaxUnavailableStatefulSet is off"
        ]
    );
    assert_eq!(doubts("v1.36.3", json!({"updateStrategy": rolling(json!(1))})), [""; 0]);
}

#[test]
fn an_older_controller_manager_that_decides_is_named() {
    // web-2 is too young to be available, and condemned: 1.33 waits for it, because it is Ready all the same.
    let young = || json!({"replicas": 2, "minReadySeconds": 30});
    assert_eq!(
        doubts("v1.34.4", young()),
        ["differs if the controller manager is still 1.33"]
    );
    assert_eq!(doubts("v1.35.4", young()), [""; 0]);
}

#[test]
fn what_is_not_proven_is_said() {
    let said = |version, spec| doubts(version, spec).remove(0);
    assert_eq!(
        said("v1.31.2", json!({})),
        "Kubernetes 1.31 is not known; 1.33 is the nearest that is"
    );
    assert_eq!(
        said("v1.37.0", json!({})),
        "Kubernetes 1.37 is known from documents, not from its code"
    );
    assert_eq!(
        said("v1.44.0", json!({})),
        "Kubernetes 1.44 is not known; 1.38 is the nearest that is"
    );
    assert_eq!(
        said("mainline", json!({})),
        "server version \"mainline\" is not known; Kubernetes 1.36 is assumed"
    );
    // Unread, it is whatever is known: no doubt where all of that agrees, else what differs.
    assert!(doubts("", json!({})).is_empty());
    assert!(!doubts("", json!({"updateStrategy": {"type": "Recreate"}})).is_empty());
    assert_eq!(
        said("v1.36.3", json!({"updateStrategy": {"type": "Recreate"}})),
        "Kubernetes 1.36 knows no strategy \"Recreate\""
    );
    assert_eq!(
        doubts("v1.37.0", json!({"updateStrategy": {"type": "Recreate"}})),
        [
            "Kubernetes 1.37 is known from documents, not from its code",
            "differs if the controller manager is still 1.36",
            "differs if the feature gate StatefulSetRecreateStrategy is on"
        ]
    );
}
