//! What differs between versions, above all where no controller can be asked: 1.37 and 1.38, after their texts.

use super::*;

/// The same state before a controller of this version, with these gates.
fn run_in(version: &str, gates: &[&str], mut state: Value) -> Decision {
    state["serverVersion"] = version.into();
    if version.starts_with("v1.33.") {
        // As this version would have stored it.
        state["revisions"][1]["data"]["spec"]["template"]["metadata"]["creationTimestamp"] = Value::Null;
    }
    for gate in gates {
        state["featureGates"][*gate] = true.into();
    }
    run(state).0
}

fn rolling(partition: i32, max: i32) -> Value {
    json!({"type": "RollingUpdate", "rollingUpdate": {"partition": partition, "maxUnavailable": max}})
}

#[test]
fn parallel_updates_of_1_37_do_not_spare_pods_that_are_unavailable_anyway() {
    // Pods, maxUnavailable, partition, what is wrong with which, and which are left. After the controller's own table.
    type Row<'a> = (usize, i32, i32, &'a [(usize, &'a str)], &'a [usize]);
    let rows: [Row; 14] = [
        (1, 1, 0, &[(0, "broken")], &[]),
        (3, 1, 0, &[(2, "broken")], &[0, 1]),
        (5, 2, 0, &[(3, "broken"), (4, "broken")], &[0, 1, 2]),
        (3, 1, 0, &[(2, "terminating")], &[0, 1, 2]),
        (5, 3, 0, &[(4, "terminating"), (3, "broken")], &[0, 1, 4]),
        (3, 1, 0, &[(2, "young")], &[0, 1]),
        (5, 3, 0, &[(3, "terminating"), (4, "broken")], &[0, 1, 3]),
        (5, 1, 2, &[(4, "broken")], &[0, 1, 2, 3]),
        (5, 1, 2, &[(2, "broken")], &[0, 1, 3, 4]),
        (5, 1, 2, &[(1, "broken")], &[0, 1, 2, 3, 4]),
        (5, 2, 3, &[(3, "broken"), (4, "broken")], &[0, 1, 2]),
        (5, 2, 3, &[(1, "broken"), (4, "broken")], &[0, 1, 2, 3]),
        (4, 2, 0, &[(0, "broken"), (1, "broken")], &[2, 3]),
        (5, 3, 0, &[(0, "broken"), (1, "broken")], &[2, 3]),
    ];
    for (count, max, partition, wrong, left) in rows {
        let mut states = vec![GOOD; count];
        for (at, what) in wrong {
            states[*at] = what;
        }
        let change = json!({"replicas": count, "podManagementPolicy": "Parallel", "minReadySeconds": 30,
            "updateStrategy": rolling(partition, max)});
        let decision = run_in("v1.37.0", &[], state(change, pods("web-old", &states)));
        let stays = |ordinal: &usize| !names(&decision, Op::DeletePod).contains(&format!("web-{ordinal}").as_str());
        let kept: Vec<_> = (0..count).filter(stays).collect();
        assert_eq!(
            kept, left,
            "{count} pods, maxUnavailable {max}, partition {partition}, {wrong:?}"
        );
    }
    // Until 1.36 unavailable pods used up what may be unavailable.
    let change = json!({"podManagementPolicy": "Parallel", "updateStrategy": rolling(0, 1)});
    let state = state(change, pods("web-old", &[GOOD, GOOD, "broken"]));
    let before = run_in("v1.36.3", &["MaxUnavailableStatefulSet"], state);
    let fact = WaitFact::MaxUnavailable { unavailable: 1, max: 1 };
    assert_eq!((before.calls.len(), wait(&before)), (0, ("web-2", &fact)));
}

#[test]
fn recreate_needs_its_gate_and_replaces_all_old_pods_at_once() {
    let change = || json!({"updateStrategy": {"type": "Recreate"}});
    let old = || state(change(), pods("web-old", &[GOOD, "broken", "terminating"]));
    let off = run_in("v1.37.0", &[], old());
    assert_eq!(
        (off.calls.len(), off.status.is_none(), off.stopped_in),
        (0, true, Some(Phase::Recreate))
    );
    assert!(off.error.unwrap().contains("StatefulSetRecreateStrategy"));
    let gate = ["StatefulSetRecreateStrategy"];
    let on = run_in("v1.37.0", &gate, old());
    assert_eq!(names(&on, Op::DeletePod), ["web-0", "web-1"]);
    assert_eq!(wait(&on), ("web-2", &WaitFact::Terminating));
    let then = run_in("v1.37.0", &gate, state(change(), pods("web-new", &[GOOD])));
    assert_eq!(names(&then, Op::CreatePod), ["web-1"]);
    // To versions that have no such strategy it is like a rolling update that never completes.
    let unknown = run_in("v1.36.3", &[], state(change(), pods("web-old", &[GOOD; 3])));
    assert_eq!(names(&unknown, Op::DeletePod), ["web-2"]);
}

#[test]
fn since_1_37_an_update_ends_under_every_strategy() {
    let state = || {
        state(
            json!({"updateStrategy": {"type": "OnDelete"}}),
            pods("web-new", &[GOOD; 3]),
        )
    };
    let current = |version| run_in(version, &[], state()).status.unwrap().current_revision;
    assert_eq!(
        (current("v1.36.3"), current("v1.37.0")),
        ("web-old".into(), "web-new".into())
    );
}

#[test]
fn since_1_38_parallel_scales_down_before_it_creates() {
    let change = json!({"replicas": 1, "podManagementPolicy": "Parallel",
        "volumeClaimTemplates": [{"metadata": {"name": "data"}}]});
    let mut state = state(change, vec![pod(2, "web-new", GOOD)]);
    state["claims"] = json!([{"metadata": {"name": "data-web-0", "deletionTimestamp": "2026-05-01T12:00:00Z"}}]);
    let deleted = |version| {
        let decision = run_in(version, &[], state.clone());
        assert!(decision.error.is_some());
        decision.names(Op::DeletePod).count()
    };
    assert_eq!((deleted("v1.37.0"), deleted("v1.38.0")), (0, 1));
}

#[test]
fn until_1_33_updates_and_scale_down_look_at_ready_and_availability_comes_after_its_instant() {
    let young = json!({"podManagementPolicy": "Parallel", "minReadySeconds": 30});
    let mut pods = pods("web-old", &[GOOD, GOOD]);
    pods.push(pod(2, "web-new", "young"));
    let state = state(young, pods);
    assert_eq!(names(&run_in("v1.33.13", &[], state.clone()), Op::DeletePod), ["web-1"]);
    assert_eq!(wait(&run_in("v1.34.4", &[], state)), ("web-2", &WaitFact::Updating));
    let instant = super::state(json!({"minReadySeconds": 10}), super::pods("web-new", &["young"; 3]));
    let waits = |version| run_in(version, &[], instant.clone()).waits_for.len();
    assert_eq!((waits("v1.33.13"), waits("v1.34.4")), (1, 0));
}
