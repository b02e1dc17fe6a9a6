//! Credential plugins. A plugin here is a shell that writes down each run and what it was told.

use std::path::Path;

use kubectl_sts::cluster::error::get;
use serde_json::{Value, json};

use crate::{
    fake_api::{Answer, FakeApi, TLS_NAME, tls_file},
    scene::Scene,
};

const V1: &str = "client.authentication.k8s.io/v1";
const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";

/// Writes a line to `runs` and its instructions to `info`, and prints the file `answer`.
const SCRIPT: &str =
    r#"echo "$0 $EXTRA" >>"$FOLDER/runs"; printf %s "$KUBERNETES_EXEC_INFO" >"$FOLDER/info"; cat "$FOLDER/answer""#;

fn user(folder: &Path, version: &str, more: &Value) -> String {
    let mut exec = json!({
        "apiVersion": version,
        "command": "/bin/sh",
        "args": ["-c", SCRIPT, "run"],
        "env": [{"name": "FOLDER", "value": folder}, {"name": "EXTRA", "value": "given"}],
        "interactiveMode": "IfAvailable",
    });
    exec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("exec: {exec}")
}

/// A scene whose user is a plugin that answers with this status.
fn scene(name: &str, api: &FakeApi, version: &str, more: &Value, status: &Value) -> Scene {
    let folder = Scene::new(name).folder;
    let scene = Scene::tls(name, api, &user(&folder, version, more));
    let answer = json!({"kind": "ExecCredential", "apiVersion": version, "status": status});
    scene.write("answer", &answer.to_string());
    scene
}

fn runs(scene: &Scene) -> String {
    std::fs::read_to_string(scene.folder.join("runs")).unwrap_or_default()
}

fn info(scene: &Scene) -> Value {
    serde_json::from_str(&std::fs::read_to_string(scene.folder.join("info")).unwrap()).unwrap()
}

fn ok() -> Vec<Answer> {
    vec![Answer::json(200, "{}")]
}

#[tokio::test]
async fn a_plugin_runs_once_and_its_token_is_sent() {
    for version in [V1, V1BETA1] {
        let api = FakeApi::tls(ok());
        let status = json!({"token": "from-plugin", "expirationTimestamp": "2031-02-03T04:05:06Z"});
        let scene = scene("once", &api, version, &json!({}), &status);
        let client = scene.connect().await.client;
        get(&client, "/").await.unwrap();
        get(&client.clone(), "/").await.unwrap();
        assert_eq!(runs(&scene), "run given\n");
        let sent: Vec<_> = api
            .seen()
            .iter()
            .map(|seen| seen.header("authorization").map(str::to_owned))
            .collect();
        assert_eq!(sent, vec![Some("Bearer from-plugin".to_owned()); 2]);
        assert_eq!(client.valid_until().unwrap().to_string(), "2031-02-03T04:05:06Z");
        assert_eq!(
            info(&scene),
            json!({"kind": "ExecCredential", "apiVersion": version, "spec": {"interactive": false}})
        );
    }
}

#[tokio::test]
async fn a_plugin_is_told_about_the_cluster_if_it_wants() {
    let api = FakeApi::tls(ok());
    let scene = scene(
        "told",
        &api,
        V1,
        &json!({"provideClusterInfo": true}),
        &json!({"token": "t"}),
    );
    scene.connect().await;
    let cluster = info(&scene)["spec"]["cluster"].take();
    assert_eq!(cluster["server"], format!("https://{}", api.address));
    assert_eq!(cluster["tls-server-name"], TLS_NAME);
    // The file's content in base64, as the API writes bytes.
    assert!(
        cluster["certificate-authority-data"]
            .as_str()
            .unwrap()
            .starts_with("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t")
    );
}

#[tokio::test]
async fn a_certificate_from_a_plugin_is_shown_to_the_server() {
    let api = FakeApi::mutual_tls(ok());
    let pem = |name| std::fs::read_to_string(tls_file(name)).unwrap();
    let status = json!({"clientCertificateData": pem("client.pem"), "clientKeyData": pem("client-key.pem")});
    let scene = scene("certificate", &api, V1, &json!({}), &status);
    get(&scene.connect().await.client, "/").await.unwrap();
    assert_eq!(runs(&scene), "run given\n");
}

#[tokio::test]
async fn a_token_given_by_flag_needs_no_plugin() {
    let api = FakeApi::tls(ok());
    let mut scene = scene("flag-token", &api, V1, &json!({}), &json!({"token": "t"}));
    scene.args.token = Some("given".into());
    get(&scene.connect().await.client, "/").await.unwrap();
    assert_eq!(api.seen()[0].header("authorization"), Some("Bearer given"));
    assert_eq!(runs(&scene), "");
}

#[tokio::test]
async fn a_plugin_that_is_not_installed_says_how_to_install_it() {
    let api = FakeApi::tls(ok());
    let more = json!({"command": "no-such-plugin", "installHint": "brew install it\nthen log in"});
    let text = scene("hint", &api, V1, &more, &json!({})).refusal().await;
    assert_eq!(
        text,
        "the credential plugin no-such-plugin is not installed\n\nbrew install it\nthen log in"
    );
    let text = scene("no-hint", &api, V1, &json!({"command": "no-such-plugin"}), &json!({}))
        .refusal()
        .await;
    assert_eq!(
        text,
        "the credential plugin no-such-plugin is not installed, or not on the PATH"
    );
}

#[tokio::test]
async fn a_plugin_that_fails_says_so_without_its_output() {
    let api = FakeApi::tls(ok());
    let more = json!({"args": ["-c", "echo hunter2; exit 3"]});
    let text = scene("failing", &api, V1, &more, &json!({})).refusal().await;
    assert_eq!(text, "the credential plugin /bin/sh failed: exit status: 3");
    let more = json!({"args": ["-c", "echo hunter2"]});
    let text = scene("babble", &api, V1, &more, &json!({})).refusal().await;
    assert!(
        text.contains("not an ExecCredential") && !text.contains("hunter2"),
        "{text}"
    );
}

#[tokio::test]
async fn a_plugin_that_must_ask_needs_a_terminal() {
    let api = FakeApi::tls(ok());
    let mut scene = scene(
        "always",
        &api,
        V1,
        &json!({"interactiveMode": "Always"}),
        &json!({"token": "t"}),
    );
    let text = scene.refusal().await;
    assert!(text.contains("standard input is not a terminal"), "{text}");
    assert_eq!(runs(&scene), "");
    scene.env.stdin_is_terminal = true;
    scene.connect().await;
    assert_eq!(info(&scene)["spec"]["interactive"], true);
}

#[tokio::test]
async fn an_unknown_version_of_the_plugin_protocol_is_refused() {
    let api = FakeApi::tls(ok());
    let old = "client.authentication.k8s.io/v1alpha1";
    let text = scene("version", &api, old, &json!({}), &json!({"token": "t"}))
        .refusal()
        .await;
    assert!(text.contains(old) && text.contains(V1BETA1), "{text}");
}

#[tokio::test]
async fn a_command_with_a_slash_is_found_beside_its_kubeconfig() {
    let api = FakeApi::tls(ok());
    let scene = scene(
        "relative-plugin",
        &api,
        V1,
        &json!({"command": "./bin/plugin"}),
        &json!({"token": "t"}),
    );
    // A link, not a file written here: one that another thread's child still holds open cannot be run.
    std::fs::create_dir(scene.folder.join("bin")).unwrap();
    std::os::unix::fs::symlink("/bin/sh", scene.folder.join("bin/plugin")).unwrap();
    scene.connect().await;
    assert_eq!(runs(&scene), "run given\n");
}
