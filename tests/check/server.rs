//! What is asked of a server: these requests and no others, each a read or a dry run; and what its answers become.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fake_api::{Answer, FakeApi};
use crate::scenario::{root, tool};
use crate::scene::Scene;
use crate::served::{Fault, behind, recorded};
use crate::{compare, shown, text};

/// Manifests that are checked against a server here.
pub const CASES: [&str; 1] = ["quota"];

const LISTS: [&str; 6] = [
    "GET /api/v1/namespaces/shop/persistentvolumeclaims?limit=500 HTTP/1.1",
    "GET /api/v1/namespaces/shop/pods?limit=500 HTTP/1.1",
    "GET /api/v1/namespaces/shop/services?limit=500 HTTP/1.1",
    "GET /apis/apps/v1/namespaces/shop/statefulsets?limit=500 HTTP/1.1",
    "GET /apis/storage.k8s.io/v1/storageclasses?limit=500 HTTP/1.1",
    "GET /version HTTP/1.1",
];
const DRY: &str = "?dryRun=All&fieldManager=kubectl-sts&fieldValidation=Strict HTTP/1.1";

fn cluster() -> Value {
    let file = root().join("tests/clusters/healthy-ordered/cluster.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn absent(path: &str) -> Fault {
    Fault::on(&format!("GET {path}"), Answer::status(404, "NotFound", "not found"))
}

/// What the manifests of this test name beside what is recorded.
fn elsewhere() -> Vec<Fault> {
    let key =
        json!({"kind": "ConfigMap", "metadata": {"name": "web", "namespace": "shop"}, "data": {"mode": "hunter2"}});
    vec![
        Fault::on("GET configmaps/web", Answer::json(200, &key.to_string())),
        absent("serviceaccounts/web"),
        absent("priorityclasses/high"),
        absent("secrets/password"),
    ]
}

fn ask(test: &str, api: &FakeApi, words: &[&str]) -> std::process::Output {
    let scene = Scene::plain(&format!("check-{test}"), api);
    tool(&[&["check"], words].concat(), scene.folder.join("config").to_str())
}

/// A manifest of the recorded set, with this spec of its pods.
fn manifest(name: &str, set: &str, pods: &Value) -> String {
    let object = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": set, "namespace": "shop"},
        "spec": {"serviceName": "web", "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": pods}}});
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("check-{name}.json"));
    std::fs::write(&file, object.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

fn named() -> Value {
    json!({"serviceAccountName": "web", "priorityClassName": "high", "containers": [{"name": "app", "image": "app",
        "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "web", "key": "mode"}}}],
        "envFrom": [{"secretRef": {"name": "password"}}]}]})
}

fn sorted(api: &FakeApi) -> Vec<String> {
    let mut lines = api.lines();
    lines.sort();
    lines
}

#[test]
fn lists_single_reads_and_dry_runs_are_all_that_is_asked() {
    let refused = Answer::status(422, "Invalid", "StatefulSet.apps \"web\" is invalid: spec: Forbidden");
    let taken = Answer::status(409, "AlreadyExists", "statefulsets.apps \"web\" already exists");
    let faults = [
        Fault::on("PUT statefulsets/web", refused),
        Fault::on("POST statefulsets", taken),
    ];
    let api = behind(faults.into_iter().chain(elsewhere()).collect(), recorded(cluster()));
    let file = manifest("all", "web", &named());
    let answer = ask("all", &api, &["-f", &file, "--secret-names"]);
    assert_eq!(answer.status.code(), Some(3), "{}", shown(&answer));
    let put = format!("PUT /apis/apps/v1/namespaces/shop/statefulsets/web{DRY}");
    let post = format!("POST /apis/apps/v1/namespaces/shop/statefulsets{DRY}");
    let more = [
        "GET /api/v1/namespaces/shop/configmaps/web HTTP/1.1",
        "GET /api/v1/namespaces/shop/secrets/password HTTP/1.1",
        "GET /api/v1/namespaces/shop/serviceaccounts/web HTTP/1.1",
        "GET /api/v1/namespaces/shop/services/web HTTP/1.1",
        "GET /apis/apps/v1/namespaces/shop/statefulsets/web HTTP/1.1",
        "GET /apis/scheduling.k8s.io/v1/priorityclasses/high HTTP/1.1",
        &put,
        &post,
    ];
    let wanted: BTreeSet<_> = LISTS.into_iter().chain(more).collect();
    assert_eq!(sorted(&api), wanted.into_iter().collect::<Vec<_>>());
    // Of a Secret nothing but metadata is asked for, whatever the server would give.
    let metadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    for request in api.seen() {
        let bare = ["/secrets/", "/serviceaccounts/", "/priorityclasses/"]
            .iter()
            .any(|part| request.line.contains(part));
        let wanted = if bare { metadata } else { "application/json" };
        assert_eq!(request.header("accept"), Some(wanted), "{}", request.line);
    }
    let said = text(&answer.stdout);
    assert!(said.contains("secret password: does not exist"), "{said}");
    assert!(said.contains("as a new set the server would take it"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_manifest_with_a_resource_version_is_no_new_set() {
    let refused = Answer::status(422, "Invalid", "StatefulSet.apps \"web\" is invalid: spec: Forbidden");
    let api = behind(vec![Fault::on("PUT statefulsets/web", refused)], recorded(cluster()));
    let file = manifest(
        "exported",
        "web",
        &json!({"containers": [{"name": "app", "image": "app"}]}),
    );
    let exported = std::fs::read_to_string(&file)
        .unwrap()
        .replace("\"name\":\"web\"", "\"name\":\"web\",\"resourceVersion\":\"7\"");
    std::fs::write(&file, exported).unwrap();
    let said = shown(&ask("exported", &api, &["-f", &file]));
    assert!(
        said.contains("as a new set it is refused too (metadata.resourceVersion must not be set"),
        "{said}"
    );
    assert!(!said.contains("--cascade=orphan"), "{said}");
}

#[test]
fn without_the_flag_no_secret_is_asked_for() {
    let taken = Fault::on(
        "PUT statefulsets/web",
        Answer::json(200, &json!({"metadata": {"name": "web"}}).to_string()),
    );
    let api = behind([taken].into_iter().chain(elsewhere()).collect(), recorded(cluster()));
    let file = manifest("no-secret", "web", &named());
    let said = shown(&ask("no-secret", &api, &["-f", &file]));
    assert!(
        !api.lines().iter().any(|line| line.contains("secrets")),
        "{:?}",
        api.lines()
    );
    assert!(said.contains("kubectl get secret password -n shop -o name"), "{said}");
    assert!(said.contains("ACCEPTED"), "{said}");
}

#[test]
fn names_from_a_manifest_cannot_lead_a_request_elsewhere() {
    for name in ["../secrets/password", "..", "a/b", "x?watch=true", "a b\r\nX: y"] {
        let taken = Fault::on("POST statefulsets", Answer::status(422, "Invalid", "invalid"));
        let api = behind(vec![taken], recorded(cluster()));
        let pods = json!({"serviceAccountName": name, "containers": [{"name": "app", "image": "app"}]});
        let file = manifest("traversal", name, &pods);
        let said = shown(&ask("traversal", &api, &["-f", &file]));
        assert!(!said.contains("panicked"), "{said}");
        for line in api.lines() {
            assert!(
                !line.contains("/secrets/") && !line.contains("watch=true"),
                "{name:?}: {line}"
            );
        }
    }
}

#[test]
fn rights_that_are_missing_are_named_and_nothing_is_taken_for_granted() {
    let no = |what: &str| Answer::status(403, "Forbidden", what);
    let rights =
        "statefulsets.apps \"web\" is forbidden: User \"u\" cannot update resource \"statefulsets\" in API group";
    let api = behind(
        vec![
            Fault::on("PUT statefulsets/web", no(rights)),
            Fault::on("GET configmaps/web", no("configmaps is forbidden")),
            absent("serviceaccounts/web"),
            absent("priorityclasses/high"),
        ],
        recorded(cluster()),
    );
    let answer = ask(
        "rights",
        &api,
        &["-f", &manifest("rights", "web", &named()), "-o", "json"],
    );
    let json: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let set = &json["sets"][0];
    // The claim templates are left out of it: predicted.
    assert_eq!(
        (&set["answer"], &set["decidedBy"]),
        (&json!("refused"), &json!("rules"))
    );
    let gaps: Vec<_> = set["notChecked"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| gap["what"].as_str().unwrap())
        .collect();
    assert_eq!(gaps, ["configmaps shop/web", "dry run", "secrets shop/password"]);
}

#[test]
fn a_set_that_cannot_be_read_makes_the_answer_unknown() {
    let no = Answer::status(
        403,
        "Forbidden",
        "statefulsets.apps \"web\" is forbidden: User \"u\" cannot get resource",
    );
    let api = behind(vec![Fault::on("GET statefulsets/web", no)], recorded(cluster()));
    let pods = json!({"containers": [{"name": "app", "image": "app"}]});
    let answer = ask("unreadable", &api, &["-f", &manifest("unreadable", "web", &pods)]);
    let said = shown(&answer);
    assert!(said.contains("UNKNOWN") && said.ends_with("[exit 3]\n"), "{said}");
    assert!(
        !api.lines()
            .iter()
            .any(|line| line.starts_with("PUT") || line.starts_with("POST"))
    );
}

#[test]
fn a_webhook_that_takes_no_part_says_nothing_about_the_manifest() {
    let no = Answer::status(
        400,
        "BadRequest",
        "admission webhook \"w.example.com\" does not support dry run",
    );
    let api = behind(vec![Fault::on("PUT statefulsets/web", no)], recorded(cluster()));
    let file = root().join("tests/manifests/one-field.yaml");
    let said = shown(&ask("webhook", &api, &["-f", file.to_str().unwrap()]));
    assert!(
        said.contains("REFUSED     the API server would refuse it; it was not asked"),
        "{said}"
    );
    assert!(
        said.contains("Not checked dry run (Error from server (BadRequest): admission webhook"),
        "{said}"
    );
}

#[test]
fn a_refusal_that_no_rule_explains_is_quoted() {
    let no = "statefulsets.apps \"db\" is forbidden: exceeded quota: sets, requested: count/statefulsets.apps=1";
    let api = behind(
        vec![
            Fault::on("POST statefulsets", Answer::status(403, "Forbidden", no)),
            absent("statefulsets/db"),
        ],
        recorded(cluster()),
    );
    let words = ["-f", "tests/manifests/quota.yaml"];
    compare("quota.txt", shown(&ask("quota", &api, &words)));
    compare(
        "quota.json",
        shown(&ask("quota", &api, &[&words, ["-o", "json"].as_slice()].concat())),
    );
}

#[test]
fn a_server_that_does_not_answer_is_one_sentence_and_a_way_on() {
    let api = FakeApi::plain(vec![Answer::Close]);
    let answer = ask("silent", &api, &["-f", "tests/manifests/quota.yaml"]);
    let said = text(&answer.stderr);
    assert_eq!((answer.status.code(), text(&answer.stdout)), (Some(1), ""), "{said}");
    assert!(
        said.lines().count() == 2 && said.ends_with("hint: --local judges the manifest alone, without a cluster\n"),
        "{said}"
    );
}
