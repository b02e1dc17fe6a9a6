//! Roll-outs on a real control plane: the plan that is made before a change names the creations and deletions of pods, in
//! the order in which a watch then sees them. The change is made with the command that the plan prints.
//! Needs `tests/testbed/build`; ignored by default, and a failure where the testbed is missing.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: a panic is the report, and the counts are read"
)]

#[path = "support/held.rs"]
mod held;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use held::{Held, kubectl};
use serde_json::Value;

/// How long the controller may take for one roll-out.
const PATIENCE: Duration = Duration::from_secs(120);
/// When nothing more happens for so long, it is over.
const QUIET: Duration = Duration::from_secs(4);
/// Roll-outs side by side, each in a namespace of its own.
const SIDE_BY_SIDE: usize = 4;

/// One roll-out.
#[derive(Clone, Copy, Default)]
struct Rollout {
    name: &'static str,
    /// Lines of the set's spec beside the template, in YAML's flow style.
    spec: &'static [&'static str],
    /// Done before the plan is made, to come to where it starts; kubectl's words.
    before: &'static [&'static str],
    /// What is planned.
    change: &'static [&'static str],
    /// With a claim for each pod.
    claims: bool,
    /// The first new pod never becomes Ready.
    never: bool,
}

const ROLLOUTS: [Rollout; 14] = [
    Rollout {
        name: "scale-up",
        spec: &["replicas: 2"],
        change: &["--replicas", "4"],
        claims: true,
        ..NONE
    },
    Rollout {
        name: "scale-down",
        spec: &["replicas: 4"],
        change: &["--replicas", "1"],
        claims: true,
        ..NONE
    },
    Rollout {
        name: "image",
        spec: &["replicas: 3"],
        change: &["--image", "app=app:2.0"],
        ..NONE
    },
    Rollout {
        name: "restart",
        spec: &["replicas: 3"],
        change: &["--restart"],
        ..NONE
    },
    Rollout {
        name: "partition-step",
        spec: &[
            "replicas: 4",
            "updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 4}}",
        ],
        before: &["set", "image", "statefulset/web", "app=app:2.0"],
        change: &["--partition", "2"],
        ..NONE
    },
    Rollout {
        name: "image-above-partition",
        spec: &[
            "replicas: 4",
            "updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}",
        ],
        change: &["--image", "app=app:2.0"],
        ..NONE
    },
    Rollout {
        name: "on-delete",
        spec: &["replicas: 2", "updateStrategy: {type: OnDelete}"],
        change: &["--image", "app=app:2.0"],
        ..NONE
    },
    Rollout {
        name: "parallel-scale-up",
        spec: &["replicas: 1", "podManagementPolicy: Parallel"],
        change: &["--replicas", "5"],
        ..NONE
    },
    Rollout {
        name: "parallel-scale-down",
        spec: &["replicas: 5", "podManagementPolicy: Parallel"],
        change: &["--replicas", "1"],
        ..NONE
    },
    Rollout {
        name: "parallel-image",
        spec: &["replicas: 3", "podManagementPolicy: Parallel"],
        change: &["--image", "app=app:slow"],
        ..NONE
    },
    Rollout {
        name: "start-3",
        spec: &["replicas: 3", "ordinals: {start: 3}"],
        change: &["--restart"],
        ..NONE
    },
    Rollout {
        name: "min-ready-seconds",
        spec: &["replicas: 3", "minReadySeconds: 3"],
        change: &["--image", "app=app:2.0"],
        ..NONE
    },
    Rollout {
        name: "never-ready",
        spec: &["replicas: 3"],
        change: &["--image", "app=app:never-ready"],
        never: true,
        ..NONE
    },
    Rollout {
        name: "claims-go",
        spec: &[
            "replicas: 3",
            "persistentVolumeClaimRetentionPolicy: {whenScaled: Delete, whenDeleted: Retain}",
        ],
        change: &["--replicas", "1"],
        claims: true,
        ..NONE
    },
];

const NONE: Rollout = Rollout {
    name: "",
    spec: &[],
    before: &[],
    change: &[],
    claims: false,
    never: false,
};

/// A control plane with nothing in it but a provisioner.
const EMPTY: &str = "\
about: Nothing yet.
namespace: shop
set: web
provisioners: [example.com/nfs]
steps:
- apply: |
    apiVersion: storage.k8s.io/v1
    kind: StorageClass
    metadata: {name: fast}
    provisioner: example.com/nfs
expect: {verdict: healthy}
";

impl Rollout {
    fn manifest(&self) -> String {
        let claims = match self.claims {
            true => {
                "  volumeClaimTemplates: [{metadata: {name: data}, spec: {storageClassName: fast, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]\n"
            }
            false => "",
        };
        let spec: String = self.spec.iter().map(|line| format!("  {line}\n")).collect();
        format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: web}}\nspec:\n  serviceName: web\n{spec}{claims}  \
             selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec: \
             {{containers: [{{name: app, image: 'app:1.0'}}]}}\n"
        )
    }
}

/// The tool and kubectl, in the namespace of a roll-out.
struct Cluster<'c> {
    held: &'c Held,
    namespace: &'c str,
}

impl Cluster<'_> {
    fn kubectl(&self, words: &[&str]) -> String {
        let output = kubectl(&self.held.admin, &[&["-n", self.namespace], words].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn apply(&self, manifest: &str) {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("rollout-{}.yaml", self.namespace));
        std::fs::write(&file, manifest).unwrap();
        self.kubectl(&["apply", "-f", file.to_str().unwrap()]);
    }

    /// Waits until the controller has answered, and all pods are as it wants them.
    fn settled(&self) {
        let started = Instant::now();
        loop {
            let set: Value = serde_json::from_str(&self.kubectl(&["get", "statefulset", "web", "-o", "json"])).unwrap();
            let status = &set["status"];
            let wanted = &set["spec"]["replicas"];
            let seen = status["observedGeneration"] == set["metadata"]["generation"];
            if seen && status["availableReplicas"] == *wanted && status["replicas"] == *wanted {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{}: {status}", self.namespace);
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn plan(&self, change: &[&str]) -> Value {
        let place = ["plan", "web", "-n", self.namespace, "-o", "json"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-sts"));
        let answer = command
            .args(place)
            .args(change)
            .env("KUBECONFIG", &self.held.kubeconfig)
            .output()
            .unwrap();
        let answer: Value = serde_json::from_slice(&answer.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&answer.stderr)));
        answer["sets"][0].clone()
    }
}

/// Creations and deletions of pods as a watch sees them.
struct Watch {
    kubectl: Child,
    seen: Arc<Mutex<(Vec<String>, Instant)>>,
}

impl Watch {
    /// Begins once the pods that are there were listed.
    fn start(cluster: &Cluster<'_>, known: usize) -> Self {
        let words = [
            "-n",
            cluster.namespace,
            "get",
            "pods",
            "-w",
            "--output-watch-events",
            "-o",
            "json",
        ];
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/testbed/bin/kubectl");
        let mut command = Command::new(program);
        command
            .args(words)
            .env("KUBECONFIG", &cluster.held.admin)
            .stdout(Stdio::piped());
        let mut kubectl = command.spawn().unwrap();
        let events = kubectl.stdout.take().unwrap();
        let seen = Arc::new(Mutex::new((Vec::new(), Instant::now())));
        let listed = Arc::new(AtomicUsize::new(0));
        let (record, count) = (seen.clone(), listed.clone());
        std::thread::spawn(move || read(events, known, &record, &count));
        let started = Instant::now();
        while listed.load(Ordering::SeqCst) < known {
            assert!(started.elapsed() < PATIENCE, "the watch does not begin");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { kubectl, seen }
    }

    /// What has been seen when nothing more comes, and so much at least.
    fn all(&self, least: usize) -> Vec<String> {
        let started = Instant::now();
        loop {
            let (seen, last) = self.seen.lock().unwrap().clone();
            let quiet = last.elapsed() > QUIET && started.elapsed() > QUIET;
            if (quiet && seen.len() >= least) || started.elapsed() > PATIENCE {
                return seen;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.kubectl.kill();
        let _ = self.kubectl.wait();
    }
}

fn read(events: ChildStdout, known: usize, seen: &Mutex<(Vec<String>, Instant)>, listed: &AtomicUsize) {
    let (mut alive, mut dying) = (BTreeSet::new(), BTreeSet::new());
    for event in serde_json::Deserializer::from_reader(events).into_iter::<Value>() {
        let Ok(event) = event else { return };
        let meta = &event["object"]["metadata"];
        let text = |field: &str| meta[field].as_str().unwrap_or_default().to_owned();
        let (uid, name) = (text("uid"), text("name"));
        let mut happened = Vec::new();
        if alive.insert(uid.clone()) {
            if alive.len() > known {
                happened.push(format!("create {name}"));
            } else {
                listed.fetch_add(1, Ordering::SeqCst);
            }
        }
        let leaves = !text("deletionTimestamp").is_empty() || event["type"] == "DELETED";
        if leaves && dying.insert(uid) {
            happened.push(format!("delete {name}"));
        }
        if !happened.is_empty() {
            let mut seen = seen.lock().unwrap();
            seen.0.extend(happened);
            seen.1 = Instant::now();
        }
    }
}

/// What the plan says happens to pods, in order; what comes in one go together.
fn foretold(plan: &Value, never: bool) -> Vec<BTreeSet<String>> {
    let mut rounds: Vec<(Value, BTreeSet<String>)> = Vec::new();
    let mut steps: Vec<_> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|s| s["object"]["kind"] == "Pod")
        .collect();
    if never {
        let taken = plan["otherwise"]["stuck"]["afterSteps"].as_u64().unwrap();
        steps.truncate(taken.try_into().unwrap());
    }
    for step in steps {
        let what = match step["action"].as_str().unwrap() {
            "createPod" => "create",
            "deletePod" => "delete",
            other => panic!("{other}"),
        };
        let what = format!("{what} {}", step["object"]["name"].as_str().unwrap());
        match rounds.last_mut() {
            Some((round, all)) if *round == step["round"] => _ = all.insert(what),
            _ => rounds.push((step["round"].clone(), BTreeSet::from([what]))),
        }
    }
    rounds.into_iter().map(|(_, all)| all).collect()
}

/// What is wrong with one roll-out, or how many creations and deletions came as foretold.
fn play(rollout: &Rollout, held: &Held) -> Result<usize, String> {
    let namespace = format!("roll-{}", rollout.name);
    let cluster = Cluster {
        held,
        namespace: &namespace,
    };
    cluster.kubectl(&["create", "namespace", &namespace]);
    cluster.apply(&rollout.manifest());
    cluster.settled();
    if !rollout.before.is_empty() {
        cluster.kubectl(rollout.before);
        cluster.settled();
    }
    let plan = cluster.plan(rollout.change);
    let known = cluster.kubectl(&["get", "pods", "-o", "name"]).lines().count();
    let watch = Watch::start(&cluster, known);
    let words: Vec<_> = plan["command"]
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    let made = kubectl(&held.admin, &words[1..]);
    if !made.status.success() {
        return Err(format!("{words:?}: {}", String::from_utf8_lossy(&made.stderr)));
    }
    let foretold = foretold(&plan, rollout.never);
    let count = foretold.iter().map(BTreeSet::len).sum();
    let seen = watch.all(count);
    let mut rest = seen.as_slice();
    for round in &foretold {
        let (now, later) = rest.split_at(round.len().min(rest.len()));
        if *round != now.iter().cloned().collect() {
            return Err(format!("foretold {foretold:?}, seen {seen:?}"));
        }
        rest = later;
    }
    if !rest.is_empty() || (count == 0) != (rollout.name == "on-delete") {
        return Err(format!("foretold {foretold:?}, seen {seen:?}"));
    }
    claims(rollout, &cluster, &plan)?;
    Ok(count)
}

/// Claims that the plan deletes are gone, and no others.
fn claims(rollout: &Rollout, cluster: &Cluster<'_>, plan: &Value) -> Result<(), String> {
    let deleted: BTreeSet<_> = plan["effects"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|effect| effect["effect"] == "claimDeleted")
        .map(|effect| format!("persistentvolumeclaim/{}", effect["object"]["name"].as_str().unwrap()))
        .collect();
    let left = cluster.kubectl(&["get", "pvc", "-o", "name"]);
    let most = if rollout.name == "scale-up" || rollout.name == "scale-down" {
        4
    } else {
        3
    };
    let expected = if rollout.claims { most - deleted.len() } else { 0 };
    let gone = left.lines().all(|claim| !deleted.contains(claim));
    match gone && left.lines().count() == expected && deleted.is_empty() != (rollout.name == "claims-go") {
        true => Ok(()),
        false => Err(format!("the plan deletes {deleted:?}, and there are {left}")),
    }
}

#[test]
#[ignore = "needs the testbed"]
fn plans_come_true() {
    let only = std::env::var("ROLLOUT").ok();
    let rollouts: Vec<_> = ROLLOUTS
        .iter()
        .filter(|r| only.as_ref().is_none_or(|only| only == r.name))
        .collect();
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rollouts.yaml");
    std::fs::write(&file, EMPTY).unwrap();
    let held = Held::start(file.to_str().unwrap()).unwrap();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(rollout) = rollouts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match play(rollout, &held) {
                        Ok(count) => println!("roll-out {}: {count} creations and deletions as foretold", rollout.name),
                        Err(what) => wrong.lock().unwrap().push(format!("{}: {what}", rollout.name)),
                    }
                }
            });
        }
    });
    println!("roll-outs: {} ran", rollouts.len());
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!rollouts.is_empty());
}
