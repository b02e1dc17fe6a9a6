//! Random states: mostly sound sets with one thing wrong, so that every phase is reached, and some with everything wrong.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use crate::compare::model;
use crate::history::{revisions, template};
use crate::versions::Version;

/// How much is wrong: sound sets reach the later phases, broken ones stop early.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    /// Almost nothing.
    Sound,
    /// One pod or its claims, the rest is sound.
    OneFault,
    /// Pods are missing, and their claims may be odd.
    Missing,
    /// Only pods out of range are at fault.
    Surplus,
    /// Most pods.
    Chaos,
}

/// What the parts of one state agree on.
pub struct Shape {
    pub name: &'static str,
    replicas: i64,
    start: i64,
    templates: Vec<&'static str>,
    mood: Mood,
    /// Names that revision labels are drawn from; the update's first.
    pub labels: Vec<String>,
    /// Ordinals whose pod is at fault, when only some are.
    faulty: i64,
    /// Pods of sound sets are on one revision, or on the update's from this index on.
    updated_from: i64,
}

/// The state of this number; the same seed gives the same states, whatever came before.
pub fn generate(version: Version, seed: usize, number: usize) -> Value {
    let rng = &mut Rng::with_seed((seed as u64) << 32 | number as u64);
    let mut state = draw(version, rng, number);
    // A controller that has seen everything writes no status: only this makes that happen often.
    if rng.f32() < 0.35
        && let Some(status) = model(&state).0.status
    {
        state["set"]["status"] = json!({
            "observedGeneration": status.observed_generation, "replicas": status.replicas,
            "readyReplicas": status.ready_replicas, "availableReplicas": status.available_replicas,
            "currentReplicas": status.current_replicas, "updatedReplicas": status.updated_replicas,
            "currentRevision": status.current_revision, "updateRevision": status.update_revision,
            "collisionCount": status.collision_count,
        });
    }
    state
}

fn draw(version: Version, rng: &mut Rng, number: usize) -> Value {
    let mood = weighted(
        rng,
        &[
            (Mood::Sound, 20),
            (Mood::OneFault, 30),
            (Mood::Missing, 20),
            (Mood::Surplus, 15),
            (Mood::Chaos, 15),
        ],
    );
    let replicas = rng.i64(if mood == Mood::Missing { 1 } else { 0 }..=5);
    let start = weighted(rng, &[(0, 70), (1, 15), (3, 15)]);
    let mut shape = Shape {
        name: weighted(rng, &[("web", 90), ("web-1", 10)]),
        replicas,
        start,
        templates: weighted(rng, &[(vec![], 30), (vec!["data"], 45), (vec!["data", "data-x"], 25)]),
        mood,
        labels: Vec::new(),
        faulty: start + rng.i64(0..=replicas + 1),
        updated_from: if rng.bool() { 0 } else { rng.i64(0..=replicas + 1) },
    };
    let template = rng.usize(0..3);
    let revisions = revisions(rng, &mut shape, version, template);
    let gate = rng.f32() < 0.3;
    let set = set(rng, &shape, (version, template), gate);
    let pods = pods(rng, &shape);
    let claims = claims(rng, &shape, &pods, &set);
    // A pod that turned Ready at 11:59:30 is available at exactly 12:00:00.
    let now = weighted(
        rng,
        &[
            ("2026-05-01T12:00:00Z", if version.told_the_time() { 50 } else { 0 }),
            ("2026-05-01T12:00:07Z", 25),
            ("2026-05-01T11:59:53Z", 25),
        ],
    );
    let mut state = json!({"id": number, "serverVersion": version.full, "now": now, "set": set, "pods": pods, "claims": claims, "revisions": revisions});
    let mut gates = Map::new();
    if gate {
        gates.insert("MaxUnavailableStatefulSet".into(), true.into());
    }
    if version.compares_semantically() && rng.f32() < 0.1 {
        gates.insert("StatefulSetSemanticRevisionComparison".into(), false.into());
    }
    if !gates.is_empty() {
        state["featureGates"] = gates.into();
    }
    state
}

fn set(rng: &mut Rng, shape: &Shape, of: (Version, usize), gate: bool) -> Value {
    let claims: Vec<_> = shape
        .templates
        .iter()
        .map(|name| json!({"metadata": {"name": name}, "spec": {}}))
        .collect();
    let name_or_other = |rng: &mut Rng| {
        if rng.f32() < 0.1 {
            String::new()
        } else {
            rng.choice(&shape.labels).cloned().unwrap_or_default()
        }
    };
    let generation = rng.i64(1..5);
    let mut set = json!({
        "metadata": {"name": shape.name, "namespace": "d", "uid": "set-uid", "generation": generation},
        "spec": {
            "replicas": shape.replicas,
            "podManagementPolicy": weighted(rng, &[("OrderedReady", 50), ("Parallel", 50)]),
            "selector": {"matchLabels": {"app": "a"}},
            "serviceName": "web",
            "template": template(of.0, of.1),
            "volumeClaimTemplates": claims,
            "revisionHistoryLimit": weighted(rng, &[(10, 50), (0, 15), (1, 15), (2, 10), (-1, 10)]),
            "minReadySeconds": weighted(rng, &[(0, 60), (30, if shape.mood == Mood::Surplus { 120 } else { 40 })]),
            "updateStrategy": strategy(rng, shape, gate),
        },
        "status": {
            "observedGeneration": generation - rng.i64(0..=1),
            "replicas": rng.i32(0..=5),
            "readyReplicas": rng.i32(0..=5),
            "availableReplicas": rng.i32(0..=5),
            "currentReplicas": rng.i32(0..=5),
            "updatedReplicas": rng.i32(0..=5),
            "currentRevision": name_or_other(rng),
            "updateRevision": name_or_other(rng),
        },
    });
    if shape.start > 0 {
        set["spec"]["ordinals"] = json!({"start": shape.start});
    }
    if rng.f32() < 0.8 {
        let word = |rng: &mut Rng| weighted(rng, &[("Retain", 49), ("Delete", 50), ("Other", 1)]);
        set["spec"]["persistentVolumeClaimRetentionPolicy"] =
            json!({"whenDeleted": word(rng), "whenScaled": word(rng)});
    }
    if rng.bool() {
        set["status"]["collisionCount"] = rng.i32(0..3).into();
    }
    if rng.f32() < 0.02 {
        set["metadata"]["deletionTimestamp"] = "2026-05-01T11:00:00Z".into();
    }
    set
}

fn strategy(rng: &mut Rng, shape: &Shape, gate: bool) -> Value {
    match rng.u32(0..100) {
        0..12 => json!({"type": "OnDelete"}),
        12..28 => json!({"type": "RollingUpdate"}),
        28..30 => json!({"type": "Recreate"}),
        30..32 => json!({"type": "Other", "rollingUpdate": {"partition": rng.i64(0..=shape.replicas)}}),
        _ => {
            let partition = if rng.bool() { 0 } else { rng.i64(0..=shape.replicas + 2) };
            let mut rolling = json!({"partition": partition});
            if gate || rng.f32() < 0.1 {
                let wanted = [
                    json!(1),
                    json!(2),
                    json!(3),
                    json!("1%"),
                    json!("50%"),
                    json!("100%"),
                    json!("all"),
                    Value::Null,
                ];
                let wanted = rng.choice(wanted).unwrap_or_default();
                if !wanted.is_null() {
                    rolling["maxUnavailable"] = wanted;
                }
            }
            json!({"type": "RollingUpdate", "rollingUpdate": rolling})
        }
    }
}

fn pods(rng: &mut Rng, shape: &Shape) -> Vec<Value> {
    let mut pods = Vec::new();
    let beyond = match shape.mood {
        Mood::Surplus => rng.i64(1..=3),
        _ if rng.f32() < 0.6 => 0,
        _ => rng.i64(1..=3),
    };
    let below = if shape.mood == Mood::Chaos { 0 } else { shape.start };
    let all_same = rng.choice(&shape.labels).cloned().unwrap_or_default();
    for ordinal in below..shape.start + shape.replicas + beyond {
        let fault = match shape.mood {
            Mood::Sound => false,
            Mood::OneFault => ordinal == shape.faulty || rng.f32() < 0.05,
            Mood::Missing => ordinal >= shape.faulty,
            Mood::Surplus => ordinal >= shape.start + shape.replicas && rng.f32() < 0.7,
            Mood::Chaos => rng.f32() < 0.6,
        };
        let index = ordinal - shape.start;
        let label = match shape.mood {
            Mood::Chaos => rng.choice(&shape.labels).cloned().unwrap_or_default(),
            _ if index >= shape.updated_from => shape.labels[0].clone(),
            _ => all_same.clone(),
        };
        let missing = match shape.mood {
            Mood::Missing => 0.7,
            Mood::Surplus => 0.0,
            _ => 0.25,
        };
        if fault && rng.f32() < missing {
            continue;
        }
        pods.push(pod(rng, shape, ordinal, &label, fault));
    }
    if rng.f32() < 0.02 {
        pods.push(pod(rng, shape, 99_999_999_999, "", false));
    }
    if rng.f32() < 0.1 {
        rng.shuffle(&mut pods);
    }
    pods
}

fn pod(rng: &mut Rng, shape: &Shape, ordinal: i64, label: &str, fault: bool) -> Value {
    let zero = if fault && rng.f32() < 0.03 { "0" } else { "" };
    let name = format!("{}-{zero}{ordinal}", shape.name);
    let mut labels = json!({"app": "a", "statefulset.kubernetes.io/pod-name": name, "controller-revision-hash": label});
    if rng.f32() < 0.03 {
        labels["statefulset.kubernetes.io/pod-name"] = "other".into();
    }
    if fault && rng.f32() < 0.05 {
        labels.as_object_mut().unwrap().remove("controller-revision-hash");
    }
    let mut volumes = vec![json!({"name": "conf", "configMap": {"name": "conf"}})];
    for template in &shape.templates {
        let claim = if rng.f32() < 0.01 {
            "wrong".to_owned()
        } else {
            format!("{template}-{}-{ordinal}", shape.name)
        };
        if rng.f32() < 0.99 {
            volumes.push(json!({"name": template, "persistentVolumeClaim": {"claimName": claim}}));
        }
    }
    let since = weighted(
        rng,
        &[
            ("2026-05-01T11:00:00Z", 90),
            ("2026-05-01T11:59:50Z", 6),
            ("2026-05-01T11:59:30Z", 4),
        ],
    );
    let ready = |status: &str, since: Option<&str>| match since {
        Some(since) => {
            json!([{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": status, "lastTransitionTime": since}])
        }
        None => json!([{"type": "Ready", "status": status}]),
    };
    let (phase, conditions) = if !fault {
        ("Running", ready("True", Some(since)))
    } else {
        let young = shape.mood == Mood::Surplus && rng.f32() < 0.5;
        match if young { 45 } else { rng.u32(0..100) } {
            0..20 => ("Pending", json!([])),
            20..40 => ("Running", ready("False", Some(since))),
            40..52 => ("Running", ready("True", Some("2026-05-01T11:59:45Z"))),
            52..56 => ("Running", ready("True", None)),
            56..68 => ("Failed", ready("False", Some(since))),
            68..76 => ("Succeeded", json!([])),
            76..81 => ("Unknown", ready("Unknown", Some(since))),
            81..84 => ("Pending", ready("True", Some(since))),
            84 => ("", json!([])),
            _ => ("Running", ready("True", Some(since))),
        }
    };
    let mut pod = json!({
        "metadata": {"name": name, "namespace": "d", "uid": pod_uid(ordinal), "labels": labels},
        "spec": {"containers": [], "volumes": volumes},
        "status": {"phase": phase, "conditions": conditions},
    });
    let going = match phase {
        "Running" => 0.4,
        "Failed" | "Succeeded" => 0.5,
        _ => 0.0,
    };
    if fault && rng.f32() < going || rng.f32() < if fault { 0.15 } else { 0.005 } {
        pod["metadata"]["deletionTimestamp"] = "2026-05-01T12:00:20Z".into();
    }
    pod
}

fn pod_uid(ordinal: i64) -> String {
    format!("pod-{ordinal}")
}

fn claims(rng: &mut Rng, shape: &Shape, pods: &[Value], set: &Value) -> Vec<Value> {
    let policy = &set["spec"]["persistentVolumeClaimRetentionPolicy"];
    let owned = policy["whenDeleted"] == "Delete" && rng.f32() < 0.8;
    let mut claims = Vec::new();
    for ordinal in 0..shape.start + shape.replicas + 3 {
        let exists = pods.iter().any(|pod| pod["metadata"]["uid"] == pod_uid(ordinal));
        let odd = match shape.mood {
            Mood::Sound => rng.f32() < 0.02,
            Mood::OneFault => ordinal == shape.faulty && rng.f32() < 0.5,
            Mood::Missing => !exists && rng.f32() < 0.8,
            Mood::Surplus => ordinal >= shape.start + shape.replicas && rng.f32() < 0.2,
            Mood::Chaos => rng.f32() < 0.3,
        };
        for template in &shape.templates {
            if rng.f32() < if odd || !exists { 0.25 } else { 0.02 } {
                continue;
            }
            let pod_name = format!("{}-{ordinal}", shape.name);
            let mut claim = json!({
                "metadata": {"name": format!("{template}-{pod_name}"), "namespace": "d", "uid": format!("{template}-{ordinal}"),
                    "ownerReferences": if odd { owners(rng, shape.name, &pod_name, ordinal) }
                        else if owned { vec![reference("apps/v1", "StatefulSet", shape.name, "set-uid", true)] }
                        else { vec![] }},
                "spec": {}, "status": {"phase": "Bound"},
            });
            if rng.f32() < if odd { 0.3 } else { 0.01 } {
                claim["metadata"]["deletionTimestamp"] = "2026-05-01T11:59:00Z".into();
            }
            claims.push(claim);
        }
    }
    claims
}

fn owners(rng: &mut Rng, set: &str, pod: &str, ordinal: i64) -> Vec<Value> {
    let all = [
        reference("apps/v1", "StatefulSet", set, "set-uid", rng.f32() < 0.8),
        reference("apps/v1", "StatefulSet", set, "old-set-uid", true),
        reference("v1", "Pod", pod, &pod_uid(ordinal), rng.f32() < 0.8),
        reference("v1", "Pod", pod, "old-pod-uid", true),
        reference("v1", "ConfigMap", pod, "map-uid", rng.f32() < 0.3),
        reference("operator.example/v1", "Database", set, "db-uid", rng.bool()),
    ];
    if rng.f32() < 0.35 {
        let [_, _, _, earlier_pod, ..] = all;
        return vec![earlier_pod];
    }
    let count = rng.usize(0..=2);
    rng.choose_multiple(all, count)
}

pub fn reference(api: &str, kind: &str, name: &str, uid: &str, controller: bool) -> Value {
    let mut reference = json!({"apiVersion": api, "kind": kind, "name": name, "uid": uid});
    if controller {
        reference["controller"] = true.into();
        reference["blockOwnerDeletion"] = true.into();
    }
    reference
}

pub fn weighted<T: Clone>(rng: &mut Rng, choices: &[(T, u32)]) -> T {
    let total = choices.iter().map(|(_, weight)| weight).sum();
    let mut at = rng.u32(0..total);
    for (choice, weight) in choices {
        if at < *weight {
            return choice.clone();
        }
        at -= weight;
    }
    unreachable!("the weights add up to the total")
}
