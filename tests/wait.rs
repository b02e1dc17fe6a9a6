//! `wait` from outside: what it asks for and says when a watch breaks or a server refuses, on recorded clusters; and, on
//! a real control plane, how waits end. The decision itself is tested where it is made (`src/diagnose/waiter.rs`).

#![allow(clippy::unwrap_used, reason = "test code: a panic is the report")]

#[allow(dead_code, reason = "shared with other tests")]
#[path = "support/fake_api.rs"]
mod fake_api;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "support/held.rs"]
mod held;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "support/scenario.rs"]
mod scenario;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "support/served.rs"]
mod served;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use fake_api::{Answer, FakeApi, Seen};
use held::{Held, kubectl};
use kubectl_sts::model::rounds::{DIAGNOSIS, first_round};
use kubectl_sts::model::snapshot::Scope;
use scenario::{root, tool};
use serde_json::{Value, json};
use served::{Fault, behind, recorded, upstream};

fn cluster(scenario: &str) -> Value {
    let file = root().join("tests/clusters").join(scenario).join("cluster.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// A kubeconfig that points at a plain server.
fn pointing_at(name: &str, server: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("wait-{name}.yaml"));
    let text = json!({"current-context": "one",
        "contexts": [{"name": "one", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        "clusters": [{"name": "c", "cluster": {"server": server}}], "users": [{"name": "u", "user": {}}]});
    std::fs::write(&path, text.to_string()).unwrap();
    path
}

fn wait(name: &str, api: &FakeApi, words: &[&str]) -> Output {
    let config = pointing_at(name, &format!("http://{}", api.address));
    tool(&[&["wait"], words].concat(), config.to_str())
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn is_watch(line: &str) -> bool {
    line.contains("watch=true")
}

/// The answers of `wait -o json`, each valid.
fn answers(output: &Output) -> Vec<Value> {
    let schema = std::fs::read_to_string(root().join("docs/schema.json")).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let text = out(output);
    let read = |line: &str| {
        let answer: Value = serde_json::from_str(line).unwrap();
        let wrong: Vec<_> = validator.iter_errors(&answer).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{line}: {wrong:?}");
        assert_eq!(answer["kind"], "Wait");
        answer["sets"][0].clone()
    };
    text.lines().map(read).collect()
}

#[test]
fn one_look_is_one_collection_and_no_watch() {
    let api = behind(Vec::new(), recorded(cluster("update-fails-at-top")));
    let output = wait("once", &api, &["web", "--timeout", "0"]);
    assert_eq!(
        out(&output),
        "09:33:26Z  shop/web  TIMED OUT, blocked by pod web-2: container app crashes: exit code 1, 4 restarts (STS502)\n\
        \u{20}          kubectl logs -n shop web-2 -c app -p --tail=40\n\
        \u{20}          kubectl sts diagnose web -n shop\n"
    );
    assert_eq!((output.status.code(), err(&output)), (Some(3), String::new()));
    let lines = api.lines();
    assert!(!lines.iter().any(|line| is_watch(line)), "{lines:?}");
    let sets = lines.iter().filter(|line| line.contains("/statefulsets?"));
    assert_eq!(sets.count(), 1);
}

#[test]
fn what_is_reached_ends_at_once() {
    let api = behind(Vec::new(), recorded(cluster("healthy-partition-held")));
    let output = wait("reached", &api, &["web"]);
    assert_eq!(
        out(&output),
        "09:10:54Z  shop/web  complete: 3 pods are available, 1 on 85cfb86667; partition 2 holds the other 2\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn nobody_waits_for_an_operator_that_is_not_there() {
    let api = behind(Vec::new(), recorded(cluster("healthy-on-delete-waits")));
    let output = wait("on-delete", &api, &["sts/web", "-o", "json"]);
    let answers = answers(&output);
    assert_eq!((answers.len(), output.status.code()), (1, Some(3)));
    assert_eq!(answers[0]["outcome"], "blocked");
    assert_eq!(answers[0]["blocker"]["code"], Value::Null);
}

/// Watches ask for names alone, of the one set where there is one, from the version that a list had.
#[test]
fn watches_ask_for_little() {
    let api = behind(Vec::new(), recorded(cluster("progressing-not-ready-yet")));
    let output = wait("little", &api, &["web", "--timeout", "2s"]);
    assert_eq!((output.status.code(), err(&output)), (Some(3), String::new()));
    let seen = api.seen();
    let watches: Vec<&Seen> = seen.iter().filter(|seen| is_watch(&seen.line)).collect();
    assert_eq!(watches.len(), 3);
    for watch in watches {
        assert!(
            watch.line.contains("resourceVersion=") && watch.line.contains("allowWatchBookmarks=true"),
            "{}",
            watch.line
        );
        assert!(watch.header("accept").unwrap().contains("as=PartialObjectMetadata"));
    }
    let head = "/statefulsets?limit=1&fieldSelector=metadata.name%3Dweb ";
    assert!(seen.iter().any(|seen| seen.line.contains(head)));
}

/// Two looks, before and after the only pause, and nothing between: the time is as long as the pause.
#[test]
fn a_round_has_a_fixed_number_of_requests() {
    let lists = |timeout: &str| {
        let api = behind(Vec::new(), recorded(cluster("progressing-not-ready-yet")));
        wait("rounds", &api, &["web", "--timeout", timeout]);
        let lines = api.lines();
        lines.iter().filter(|line| line.contains("limit=500")).count()
    };
    assert_eq!(lists("2s"), 2 * lists("0"));
}

fn broken_watch(name: &str, answer: Answer) -> (Output, FakeApi) {
    let fault = Fault::on("GET pods", answer).on_watches().times(1);
    let api = behind(vec![fault], recorded(cluster("progressing-not-ready-yet")));
    (wait(name, &api, &["web", "--timeout", "5s"]), api)
}

#[test]
fn an_expired_watch_is_said_and_begun_from_a_new_list() {
    let event = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version", "reason": "Expired", "code": 410}});
    let (output, api) = broken_watch("expired", Answer::json(200, &format!("{event}\n")));
    assert_eq!(err(&output), "the watch of pods expired (410); reading anew\n");
    assert_eq!(output.status.code(), Some(3));
    let of_pods = api.lines().into_iter().filter(|line| line.contains("/pods?"));
    let of_pods: Vec<_> = of_pods
        .filter(|line| is_watch(line) || line.contains("limit=1 "))
        .map(|line| is_watch(&line))
        .collect();
    assert_eq!(of_pods, [false, true, false, true]);

    let (output, _) = broken_watch("too-old", Answer::status(410, "Expired", "too old resource version"));
    assert_eq!(err(&output), "the watch of pods expired (410); reading anew\n");
}

#[test]
fn a_cut_watch_is_said_and_begun_anew() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{\"ty\r\n";
    let (output, api) = broken_watch("cut", Answer::Whole(head.as_bytes().to_vec()));
    assert_eq!(err(&output), "the watch of pods was cut; reading anew\n");
    let lines = api.lines();
    let watches = lines.iter().filter(|line| is_watch(line) && line.contains("/pods?"));
    assert_eq!(watches.count(), 2);
}

#[test]
fn a_watch_that_keeps_failing_is_said_once() {
    let fault = Fault::on("GET pods", Answer::status(500, "InternalError", "etcd is away")).on_watches();
    let api = behind(vec![fault], recorded(cluster("progressing-not-ready-yet")));
    let output = wait("failing", &api, &["web", "--timeout", "5s"]);
    assert_eq!(
        err(&output),
        "the watch of pods broke (Error from server (InternalError): etcd is away); reading anew\n"
    );
    let lines = api.lines();
    let tries = lines.iter().filter(|line| is_watch(line) && line.contains("/pods?"));
    assert!(tries.count() > 1);
}

#[test]
fn without_the_right_to_watch_it_looks_all_the_same() {
    let fault = Fault::on("GET pods", Answer::status(403, "Forbidden", "pods is forbidden")).on_watches();
    let api = behind(vec![fault], recorded(cluster("progressing-not-ready-yet")));
    let output = wait("unwatched", &api, &["web", "--timeout", "3s"]);
    assert_eq!(
        err(&output),
        "pods cannot be watched, so they are read every 10s (Error from server (Forbidden): pods is forbidden)\n"
    );
    assert!(out(&output).contains("TIMED OUT, still moving"), "{}", out(&output));
}

#[test]
fn what_may_not_be_read_is_no_outcome() {
    let fault = Fault::on("GET pods", Answer::status(403, "Forbidden", "pods is forbidden"));
    let api = behind(vec![fault], recorded(cluster("healthy-ordered")));
    let output = wait("unread", &api, &["web"]);
    assert_eq!(err(&output), "error: pods in shop could not be read: forbidden\n");
    assert_eq!((output.status.code(), out(&output)), (Some(1), String::new()));
}

#[test]
fn a_server_that_goes_away_is_said() {
    let (asked, serve) = (AtomicUsize::new(0), recorded(cluster("progressing-not-ready-yet")));
    let round = first_round((&DIAGNOSIS).into(), &Scope::Namespace("shop".to_owned())).len();
    // The first round is answered.
    let api = FakeApi::answering(move |request| {
        let lists = usize::from(request.line.contains("limit=500"));
        let before = asked.fetch_add(lists, Ordering::Relaxed);
        if before + lists > round {
            Answer::Close
        } else {
            serve(request)
        }
    });
    let output = wait("away", &api, &["web", "--timeout", "4s"]);
    let said = err(&output);
    assert!(
        said.ends_with("error: the time is over, and the server does not answer\n"),
        "{said}"
    );
    assert!(said.contains("; trying again\n"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn bad_input_is_one_sentence() {
    let from = root().join("tests/clusters/healthy-ordered/cluster.json");
    let refused = tool(&["wait", "web", "--from", from.to_str().unwrap()], None);
    assert_eq!(
        (err(&refused).as_str(), refused.status.code()),
        (
            "error: wait follows a cluster; nothing changes in the file of --from\n",
            Some(1)
        )
    );
    let api = behind(Vec::new(), recorded(cluster("healthy-ordered")));
    let missing = wait("missing", &api, &["wep"]);
    assert_eq!(
        (err(&missing).as_str(), missing.status.code()),
        (
            "error: statefulsets \"wep\" not found in namespace shop; did you mean \"web\"?\n",
            Some(1)
        )
    );
    let gone = wait("gone", &api, &["wep", "--for", "deleted"]);
    assert_eq!(
        out(&gone),
        "09:10:47Z  shop/wep  deleted: there is no such set, and no pod of one\n"
    );
    assert_eq!(gone.status.code(), Some(0));
    for words in [
        &["wait"][..],
        &["wait", "web", "--for", "done"],
        &["wait", "web", "--timeout", "soon"],
    ] {
        assert_eq!(tool(words, None).status.code(), Some(2), "{words:?}");
    }
}

/// A control plane and the words that are typed at it.
struct Live(Held);

impl Live {
    fn start(scenario: &str) -> Self {
        Self(Held::start(scenario).unwrap())
    }

    fn kubectl(&self, line: &str) {
        let output = kubectl(&self.0.admin, &line.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{line}: {}", err(&output));
    }

    fn wait(&self, line: &str) -> Output {
        self.begin(line).wait_with_output().unwrap()
    }

    /// A wait that goes on beside what is typed.
    fn begin(&self, line: &str) -> Child {
        begin(line, &self.0.kubeconfig)
    }

    fn apply(&self, manifest: &Value) {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wait-applied.json");
        std::fs::write(&path, manifest.to_string()).unwrap();
        self.kubectl(&format!("apply -f {}", path.display()));
    }
}

fn begin(line: &str, kubeconfig: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-sts"));
    command.arg("wait").args(line.split(' ')).env("KUBECONFIG", kubeconfig);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// How the last answer of a set ended.
fn ended(output: &Output) -> (Option<i32>, String) {
    let last = answers(output).pop().unwrap_or_default();
    (
        output.status.code(),
        last["outcome"].as_str().unwrap_or_default().to_owned(),
    )
}

fn small(name: &str, image: &str) -> Value {
    let labels = json!({"app": name});
    json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name}, "spec": {
        "serviceName": "web", "replicas": 2, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}}}})
}

#[test]
#[ignore = "needs tests/testbed/build"]
fn waits_end_live() {
    let live = Live::start("healthy-ordered");
    live.kubectl("set image statefulset/web app=app:2.0");
    let rolled = live.wait("web -o json");
    assert_eq!(ended(&rolled), (Some(0), "reached".to_owned()), "{}", out(&rolled));
    let counts: Vec<_> = answers(&rolled)
        .iter()
        .map(|answer| answer["progress"]["updated"].as_u64())
        .collect();
    assert!(counts.is_sorted() && counts.last() == Some(&Some(3)), "{counts:?}");

    live.kubectl("set image statefulset/web app=app:slow");
    let slow = live.wait("web -o json --timeout 6s");
    assert_eq!(ended(&slow), (Some(3), "timedOut".to_owned()), "{}", out(&slow));
    assert_eq!(answers(&slow).last().unwrap()["moving"], true);
    assert_eq!(live.wait("web --timeout 60s").status.code(), Some(0));

    live.kubectl("set image statefulset/web app=app:missing");
    let stuck = live.wait("web -o json --timeout 3m");
    assert_eq!(ended(&stuck), (Some(3), "blocked".to_owned()), "{}", out(&stuck));
    let last = answers(&stuck).pop().unwrap();
    assert_eq!(last["blocker"]["code"], "STS501");
    assert_eq!(last["blocker"]["subject"]["name"], "web-2");

    // Several at once: one is reached, one stays blocked, each with its own end.
    live.apply(&small("cache", "app:1.0"));
    let both = live.wait("web cache -o json --timeout 20s --keep-waiting");
    let ends: Vec<_> = answers(&both)
        .iter()
        .filter(|answer| answer["outcome"] != "waiting")
        .map(|answer| format!("{} {}", answer["name"], answer["outcome"]))
        .collect();
    assert_eq!(ends, ["\"cache\" \"reached\"", "\"web\" \"timedOut\""]);
    assert_eq!(both.status.code(), Some(3));

    let going = live.begin("web -o json --keep-waiting");
    live.kubectl("delete statefulset web --cascade=orphan");
    let gone = going.wait_with_output().unwrap();
    assert_eq!(ended(&gone), (Some(3), "deleted".to_owned()), "{}", out(&gone));

    live.kubectl("delete statefulset cache --wait=false");
    assert_eq!(live.wait("cache --for deleted --timeout 60s").status.code(), Some(0));
}

#[test]
#[ignore = "needs tests/testbed/build"]
fn on_delete_and_partitions_live() {
    let live = Live::start("healthy-on-delete-waits");
    let waits = live.wait("web -o json");
    assert_eq!(ended(&waits), (Some(3), "blocked".to_owned()), "{}", out(&waits));
    let going = live.begin("web -o json --keep-waiting --timeout 2m");
    live.kubectl("delete pod web-0 web-1");
    let done = going.wait_with_output().unwrap();
    assert_eq!(ended(&done), (Some(0), "reached".to_owned()), "{}", out(&done));

    let patch = r#"{"spec":{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":2}}}}"#;
    live.kubectl(&format!("patch statefulset web --type=merge -p {patch}"));
    live.kubectl("set image statefulset/web app=app:3.0");
    let held = live.wait("web -o json --timeout 60s");
    assert_eq!(ended(&held), (Some(0), "reached".to_owned()), "{}", out(&held));
    let last = answers(&held).pop().unwrap();
    assert_eq!(
        (&last["progress"]["toUpdate"], &last["progress"]["wanted"]),
        (&json!(1), &json!(3))
    );
}

/// `kubectl proxy`, which ends with this value.
struct Proxy(Child);

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs tests/testbed/build"]
fn a_broken_watch_is_resumed_live() {
    let live = Live::start("healthy-ordered");
    let mut command = Command::new(root().join("target/testbed/bin/kubectl"));
    command.args(["proxy", "--port=0"]).env("KUBECONFIG", &live.0.admin);
    let mut proxy = Proxy(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(proxy.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim().rsplit(' ').next().unwrap().parse().unwrap();

    let expired = Answer::status(410, "Expired", "too old resource version");
    let cut = Answer::Whole(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec());
    let faults = vec![
        Fault::on("GET pods", expired).on_watches().times(1),
        Fault::on("GET statefulsets", cut).on_watches().times(1),
    ];
    let api = behind(faults, upstream(address));
    let config = pointing_at("proxied", &format!("http://{}", api.address));
    live.kubectl("set image statefulset/web app=app:2.0");
    let output = begin("web -o json --timeout 60s", config.to_str().unwrap())
        .wait_with_output()
        .unwrap();
    assert_eq!(
        ended(&output),
        (Some(0), "reached".to_owned()),
        "{}{}",
        out(&output),
        err(&output)
    );
    let said: Vec<_> = err(&output).lines().map(str::to_owned).collect();
    assert!(
        said.contains(&"the watch of pods expired (410); reading anew".to_owned()),
        "{said:?}"
    );
    assert!(
        said.contains(&"the watch of statefulsets was cut; reading anew".to_owned()),
        "{said:?}"
    );
}
