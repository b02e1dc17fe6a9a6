//! The tables of one sync that are worth reading, after the controller's own tests; `tests/differential` has the rest.

use serde_json::{Value, json};

use super::*;
use crate::controller::{HeldBack, Profile, State, held_back, outdated};

mod versions;

const GOOD: &str = "good";

/// A set of three with an old and a new revision; `change` is merged into its spec.
fn state(change: Value, pods: Vec<Value>) -> Value {
    let mut spec = json!({
        "replicas": 3, "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10,
        "selector": {"matchLabels": {"app": "a"}}, "template": {"metadata": {"labels": {"app": "a"}}, "spec": {}},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
    });
    for (key, value) in change.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let data = patch(&spec["template"], &Profile::default());
    let old = patch(&json!({"spec": {"nodeName": "old"}}), &Profile::default());
    json!({
        "now": "2026-05-01T12:00:00Z",
        "set": {"metadata": {"name": "web", "namespace": "d", "uid": "set", "generation": 2}, "spec": spec,
            "status": {"currentRevision": "web-old"}},
        "pods": pods,
        "revisions": [
            {"metadata": {"name": "web-old", "uid": "r1", "labels": {"app": "a"}}, "revision": 1, "data": old},
            {"metadata": {"name": "web-new", "uid": "r2", "labels": {"app": "a"}}, "revision": 2, "data": data},
        ],
    })
}

/// A pod on a revision in one of the states that matter.
fn pod(ordinal: i64, revision: &str, what: &str) -> Value {
    let name = format!("web-{ordinal}");
    let ready = if matches!(what, GOOD | "young" | "terminating") {
        "True"
    } else {
        "False"
    };
    let since = if what == "young" {
        "2026-05-01T11:59:50Z"
    } else {
        "2026-05-01T11:00:00Z"
    };
    let phase = if matches!(what, "Failed" | "Pending") {
        what
    } else {
        "Running"
    };
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "d", "uid": format!("pod-{ordinal}"),
            "labels": {"app": "a", "controller-revision-hash": revision, "statefulset.kubernetes.io/pod-name": name}},
        "status": {"phase": phase, "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": since}]},
    });
    if what == "terminating" {
        pod["metadata"]["deletionTimestamp"] = "2026-05-01T12:00:20Z".into();
    }
    pod
}

fn pods(revision: &str, states: &[&str]) -> Vec<Value> {
    states
        .iter()
        .zip(0..)
        .map(|(what, ordinal)| pod(ordinal, revision, what))
        .collect()
}

fn run(state: Value) -> (Decision, Vec<HeldBack>, Vec<i64>) {
    let state: State = serde_json::from_value(state).unwrap();
    let input = state.input().unwrap();
    let decision = sync(&input);
    let (held, old) = (held_back(&input, &decision), outdated(&input, &decision));
    (decision, held, old)
}

fn names(decision: &Decision, op: Op) -> Vec<&str> {
    decision.names(op).collect()
}

/// The one wait: object and fact.
fn wait(decision: &Decision) -> (&str, &WaitFact) {
    assert_eq!(decision.waits_for.len(), 1, "{:?}", decision.waits_for);
    (&decision.waits_for[0].name, &decision.waits_for[0].fact)
}

#[test]
fn an_ordered_set_starts_one_pod_with_its_claim_first_a_parallel_one_all() {
    let claims = json!([{"metadata": {"name": "data"}}]);
    let (ordered, ..) = run(state(json!({"volumeClaimTemplates": claims}), vec![]));
    let calls: Vec<_> = ordered.calls.iter().map(|call| (call.op, call.name.as_str())).collect();
    assert_eq!(calls, [(Op::CreateClaim, "data-web-0"), (Op::CreatePod, "web-0")]);
    let change = json!({"podManagementPolicy": "Parallel", "ordinals": {"start": 5}});
    let (parallel, ..) = run(state(change, vec![]));
    assert_eq!(names(&parallel, Op::CreatePod), ["web-5", "web-6", "web-7"]);
}

#[test]
fn a_lower_pod_that_is_not_ready_holds_back_creation_and_update() {
    let (decision, held, _) = run(state(
        json!({}),
        vec![pod(0, "web-old", GOOD), pod(1, "web-old", "broken")],
    ));
    assert!(decision.calls.is_empty());
    assert_eq!(wait(&decision), ("web-1", &WaitFact::NotReady));
    assert_eq!(held, [HeldBack::Create(vec![2]), HeldBack::Update(vec![0, 1])]);
}

#[test]
fn a_pod_on_a_bad_revision_is_waited_for_though_the_template_was_repaired() {
    // kubernetes#67250: the pod would be replaced, but phase A never lets the sync get there.
    let mut pods = pods("web-old", &[GOOD, GOOD]);
    pods.push(pod(2, "web-bad", "Pending"));
    let (decision, held, old) = run(state(json!({}), pods.clone()));
    assert_eq!(
        (wait(&decision), decision.stopped_in),
        (("web-2", &WaitFact::NotReady), Some(Phase::Replicas))
    );
    assert_eq!((held, old), (vec![HeldBack::Update(vec![0, 1, 2])], vec![0, 1, 2]));
    let (parallel, ..) = run(state(json!({"podManagementPolicy": "Parallel"}), pods));
    assert_eq!(names(&parallel, Op::DeletePod), ["web-2"]);
}

#[test]
fn a_failed_pod_is_deleted_once_and_made_anew_when_it_is_gone() {
    let (decision, ..) = run(state(json!({}), pods("web-new", &["Failed", GOOD, GOOD])));
    assert_eq!(
        (names(&decision, Op::DeletePod), decision.waits_for.len()),
        (vec!["web-0"], 0)
    );
    let mut going = pods("web-new", &["Failed", GOOD, GOOD]);
    going[0]["metadata"]["deletionTimestamp"] = "2026-05-01T12:00:20Z".into();
    let (decision, held, _) = run(state(json!({}), going));
    assert_eq!(
        (decision.calls.len(), wait(&decision)),
        (0, ("web-0", &WaitFact::TerminalPhase))
    );
    assert_eq!(held, [HeldBack::Create(vec![0])]);
}

#[test]
fn min_ready_seconds_delay_everything_and_the_end_is_known() {
    let change = json!({"minReadySeconds": 30});
    let (decision, ..) = run(state(change, pods("web-old", &["young", GOOD])));
    let until = Some("2026-05-01T12:00:20Z".parse().unwrap());
    assert_eq!(wait(&decision), ("web-0", &WaitFact::NotAvailable { until }));
    assert_eq!(
        decision
            .status
            .map(|status| (status.ready_replicas, status.available_replicas)),
        Some((2, 1))
    );
}

#[test]
fn an_update_takes_the_highest_pod_first_and_stops_at_the_partition() {
    let (decision, ..) = run(state(json!({}), pods("web-old", &[GOOD; 3])));
    assert_eq!(names(&decision, Op::DeletePod), ["web-2"]);
    let held_on_purpose = json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}});
    let (decision, held, old) = run(state(held_on_purpose, pods("web-old", &[GOOD; 3])));
    assert_eq!((decision.calls.len(), decision.stopped_in, held.len()), (0, None, 0));
    assert_eq!(old, [0, 1, 2]);
    let (decision, held, _) = run(state(
        json!({"updateStrategy": {"type": "OnDelete"}}),
        pods("web-old", &[GOOD; 3]),
    ));
    assert_eq!(wait(&decision), ("web", &WaitFact::OnDelete));
    assert_eq!(held, [HeldBack::Update(vec![0, 1, 2])]);
}

#[test]
fn a_missing_pod_below_the_partition_comes_back_on_the_current_revision() {
    let change = json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}});
    let revision = |decision: &Decision| decision.calls[0].revision.clone().unwrap();
    let (decision, ..) = run(state(change.clone(), vec![pod(1, "web-new", GOOD)]));
    assert_eq!(revision(&decision), "web-old");
    let (decision, ..) = run(state(change, vec![pod(0, "web-old", GOOD)]));
    assert_eq!(revision(&decision), "web-new");
}

#[test]
fn max_unavailable_counts_the_whole_range_and_only_with_its_gate() {
    let change = |policy: &str| {
        let rolling = json!({"partition": 3, "maxUnavailable": 2});
        json!({"replicas": 6, "podManagementPolicy": policy,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": rolling}})
    };
    let gated = |policy, states: &[&str]| {
        let mut state = state(change(policy), pods("web-old", states));
        state["featureGates"] = json!({"MaxUnavailableStatefulSet": true});
        run(state).0
    };
    let six = [GOOD; 6];
    assert_eq!(
        names(
            &run(state(change("OrderedReady"), pods("web-old", &six))).0,
            Op::DeletePod
        ),
        ["web-5"]
    );
    assert_eq!(names(&gated("OrderedReady", &six), Op::DeletePod), ["web-5", "web-4"]);
    let one_down = [GOOD, "broken", GOOD, GOOD, GOOD, GOOD];
    assert_eq!(names(&gated("Parallel", &one_down), Op::DeletePod), ["web-5"]);
    let spent = gated("Parallel", &["broken", "broken", GOOD, GOOD, GOOD, GOOD]);
    let fact = WaitFact::MaxUnavailable { unavailable: 2, max: 2 };
    assert!(spent.calls.is_empty() && spent.waits_for.iter().all(|wait| wait.fact == fact));
}

#[test]
fn two_bad_pods_out_of_range_block_each_other() {
    let (decision, ..) = run(state(json!({"replicas": 1}), pods("web-new", &[GOOD, GOOD, "broken"])));
    assert_eq!(names(&decision, Op::DeletePod), ["web-2"]);
    let (decision, held, _) = run(state(
        json!({"replicas": 1}),
        pods("web-new", &[GOOD, "broken", "broken"]),
    ));
    let fact = WaitFact::CondemnedNotReady {
        first: Some("web-1".into()),
    };
    assert_eq!((decision.calls.len(), wait(&decision)), (0, ("web-2", &fact)));
    assert_eq!(held, [HeldBack::ScaleDown(vec![1, 2])]);
    let none = json!({"replicas": 0, "podManagementPolicy": "Parallel"});
    let (decision, ..) = run(state(none, pods("web-new", &[GOOD, "broken", "terminating"])));
    assert_eq!(names(&decision, Op::DeletePod), ["web-1", "web-0"]);
}

#[test]
fn a_claim_of_an_earlier_pod_stops_creation_silently_a_terminating_one_with_an_error() {
    let policy = json!({"whenScaled": "Delete", "whenDeleted": "Retain"});
    let change = json!({"volumeClaimTemplates": [{"metadata": {"name": "data"}}],
        "persistentVolumeClaimRetentionPolicy": policy});
    let with = |meta: Value| {
        let mut state = state(change.clone(), vec![]);
        state["claims"] = json!([{"metadata": meta}]);
        run(state)
    };
    let owner = json!([{"apiVersion": "v1", "kind": "Pod", "name": "web-0", "uid": "earlier", "controller": true}]);
    let (decision, held, _) = with(json!({"name": "data-web-0", "ownerReferences": owner}));
    assert_eq!(
        wait(&decision),
        (
            "data-web-0",
            &WaitFact::StaleClaim {
                owner: "earlier".into()
            }
        )
    );
    assert_eq!((decision.calls.len(), decision.error), (0, None));
    assert_eq!(held, [HeldBack::Create(vec![0, 1, 2])]);
    let (decision, ..) = with(json!({"name": "data-web-0", "deletionTimestamp": "2026-05-01T12:00:00Z"}));
    assert_eq!(wait(&decision), ("data-web-0", &WaitFact::ClaimTerminating));
    assert_eq!(decision.error.as_deref(), Some("pvc data-web-0 is being deleted"));
}

#[test]
fn the_template_decides_between_a_new_revision_a_rollback_and_none() {
    let changed = json!({"template": {"metadata": {"labels": {"app": "a"}}, "spec": {"hostname": "x"}}});
    let mut new = state(changed, pods("web-old", &[GOOD; 3]));
    new["revisions"][1]["data"] = json!({});
    let (decision, ..) = run(new);
    assert!(decision.update_revision_is_new && decision.calls[0].op == Op::CreateRevision);
    assert_eq!(decision.calls[0].revision.as_deref(), Some("3"));
    let mut back = state(json!({}), pods("web-old", &[GOOD; 3]));
    back["revisions"][1]["revision"] = 0.into();
    let (decision, ..) = run(back);
    let call = Call {
        op: Op::UpdateRevision,
        name: "web-new".into(),
        revision: Some("2".into()),
    };
    assert_eq!(decision.calls[0], call);
}

#[test]
fn a_set_being_deleted_only_gets_its_status() {
    let mut state = state(json!({}), pods("web-old", &["Failed"]));
    state["set"]["metadata"]["deletionTimestamp"] = "2026-05-01T12:00:00Z".into();
    let (decision, held, _) = run(state);
    assert_eq!(wait(&decision), ("web", &WaitFact::SetDeleting));
    assert!(decision.calls.is_empty() && held.is_empty() && decision.status.is_some());
}

#[test]
fn a_third_revision_makes_the_status_negative_and_the_server_refuses_it() {
    let (decision, ..) = run(state(json!({}), pods("web-third", &[GOOD; 3])));
    assert_eq!(
        (names(&decision, Op::DeletePod), decision.status.is_none()),
        (vec!["web-2"], true)
    );
    assert!(decision.error.unwrap().contains("status.currentReplicas"));
}

#[test]
fn an_update_is_complete_when_all_are_updated_and_ready_available_or_not() {
    let (decision, ..) = run(state(json!({"minReadySeconds": 30}), pods("web-new", &["young"; 3])));
    let status = decision.status.unwrap();
    assert_eq!(
        (status.current_revision.as_str(), status.current_replicas),
        ("web-new", 3)
    );
}
