//! What is read from a cluster, to the request; what becomes of it when the server refuses, breaks or is silent; and
//! what a recording keeps. The server plays recorded clusters (`support/served.rs`).
#![allow(clippy::unwrap_used, missing_docs, reason = "a test panics where it fails")]

#[allow(dead_code, reason = "shared with other tests")]
#[path = "../support/fake_api.rs"]
mod fake_api;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../support/scenario.rs"]
mod scenario;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../support/scene.rs"]
mod scene;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../support/served.rs"]
mod served;

mod capture;
mod dns;
mod faults;
mod requests;

use std::process::Output;

use fake_api::FakeApi;
use kubectl_sts::{
    cluster::{
        collect::{Asked, Collected, Keep, collect},
        error::Failure,
    },
    diagnose::{SetReport, diagnose},
    model::{link::link, rounds::DIAGNOSIS, snapshot::Scope},
};
use scene::Scene;
use serde_json::{Value, json};

/// A recorded cluster, to be changed or served.
fn cluster(scenario: &str) -> Value {
    let file = scenario::root()
        .join("tests/clusters")
        .join(scenario)
        .join("cluster.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

/// The names of all recorded clusters.
fn recordings() -> Vec<String> {
    let folders = std::fs::read_dir(scenario::root().join("tests/clusters")).unwrap();
    let mut names: Vec<_> = folders
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join("cluster.json").exists())
        .map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert!(names.len() >= 20);
    names
}

/// The objects of one list.
fn items<'c>(cluster: &'c mut Value, resource: &str) -> &'c mut Vec<Value> {
    let lists = cluster["lists"].as_array_mut().unwrap().iter_mut();
    let mut found = lists.filter(|list| list["resource"] == resource);
    found.next().unwrap()["items"].as_array_mut().unwrap()
}

/// Multiplies the pods of a cluster; the copies are pods of nobody.
fn with_pods(mut cluster: Value, count: usize) -> Value {
    let pods = items(&mut cluster, "pods");
    let mut copy = pods[0].clone();
    copy["metadata"].as_object_mut().unwrap().remove("ownerReferences");
    copy["metadata"].as_object_mut().unwrap().remove("labels");
    for n in pods.len()..count {
        copy["metadata"]["name"] = json!(format!("copy-{n}-x"));
        copy["metadata"]["uid"] = json!(format!("copy-{n}"));
        pods.push(copy.clone());
    }
    cluster
}

/// Runs the tool against a server. `test` names the folder of its kubeconfig.
fn run(test: &str, api: &FakeApi, words: &[&str]) -> Output {
    let scene = Scene::plain(&format!("collect-{test}"), api);
    scenario::tool(words, scene.folder.join("config").to_str())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What a server gives to one collection, with a limit of time that a silent one reaches soon.
async fn collected(test: &str, api: &FakeApi, scope: Scope, keep: Keep) -> Result<Collected, Failure> {
    let mut scene = Scene::plain(&format!("collect-{test}"), api);
    scene.args.request_timeout = Some(std::time::Duration::from_secs(5));
    let asked = Asked {
        scope,
        needs: (&DIAGNOSIS).into(),
        names: &[],
        keep,
    };
    collect(&scene.connect().await.client, "one", asked).await
}

/// The report on every set, or why there is none.
async fn reports(test: &str, api: &FakeApi) -> Result<Vec<SetReport>, Failure> {
    let snapshot = collected(test, api, Scope::All, Keep::Nothing).await?.snapshot;
    let linked = link(&snapshot);
    Ok(linked.sets().iter().map(|set| diagnose(&linked, set).1).collect())
}
