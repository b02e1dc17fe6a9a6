//! Which files are read, what they name together, and what is said when they do not.

use std::path::PathBuf;

use crate::scene::Scene;

const FIRST: &str = "
current-context: ''
contexts: [{name: one, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: 'http://first:1'}}]
";
const SECOND: &str = "
current-context: two
contexts: [{name: one, context: {cluster: c, namespace: lost}}, {name: two, context: {cluster: c, namespace: shop}}]
clusters: [{name: c, cluster: {server: 'http://second:2'}}, {name: d, cluster: {server: 'http://third:3/path/'}}]
";

fn two_files(name: &str) -> Scene {
    let mut scene = Scene::new(name);
    let list = [
        scene.folder.join("missing"),
        scene.write("first", FIRST),
        PathBuf::new(),
        scene.write("second", SECOND),
    ];
    scene.env.kubeconfig = Some(std::env::join_paths(list).unwrap());
    scene
}

#[tokio::test]
async fn missing_files_of_the_list_are_skipped_and_the_first_to_name_something_wins() {
    let mut scene = two_files("list");
    let connection = scene.connect().await;
    let found = (
        connection.context.as_str(),
        connection.namespace.as_str(),
        connection.server.as_str(),
    );
    assert_eq!(found, ("two", "shop", "http://first:1"));

    scene.args.context = Some("one".into());
    scene.args.cluster = Some("d".into());
    let connection = scene.connect().await;
    let found = (
        connection.context.as_str(),
        connection.namespace.as_str(),
        connection.server.as_str(),
    );
    assert_eq!(found, ("one", "default", "http://third:3/path"));

    scene.args.namespace = Some("mine".into());
    assert_eq!(scene.connect().await.namespace, "mine");
}

#[tokio::test]
async fn a_file_given_by_flag_is_the_only_one_and_must_exist() {
    let mut scene = two_files("flag");
    scene.args.kubeconfig = Some(scene.folder.join("second"));
    assert_eq!(scene.connect().await.server, "http://second:2");
    scene.args.kubeconfig = Some(scene.folder.join("nowhere"));
    let text = scene.refusal().await;
    assert!(text.ends_with("nowhere does not exist (--kubeconfig)"), "{text}");
}

#[tokio::test]
async fn without_a_list_the_home_directory_is_looked_at() {
    let scene = Scene::new("home");
    scene.write("home/.kube/config", SECOND);
    assert_eq!(scene.connect().await.context, "two");
}

#[tokio::test]
async fn an_unknown_name_is_answered_with_the_known_ones() {
    let mut scene = two_files("unknown");
    scene.args.context = Some("tow".into());
    let text = scene.refusal().await;
    assert!(
        text.starts_with("context \"tow\" does not exist in ") && text.ends_with("; contexts: one, two"),
        "{text}"
    );

    scene.args.context = None;
    scene.args.cluster = Some("e".into());
    assert_eq!(
        scene.refusal().await,
        "cluster \"e\" of context \"two\" does not exist; clusters: c, d; contexts: one, two"
    );

    scene.args.cluster = None;
    scene.args.user = Some("me".into());
    assert_eq!(scene.refusal().await, "user \"me\" does not exist; there are no users");
}

#[tokio::test]
async fn a_context_with_a_user_that_no_file_has_is_anonymous() {
    let mut scene = two_files("anonymous");
    scene.args.context = Some("one".into());
    assert_eq!(scene.connect().await.context, "one");
}

#[tokio::test]
async fn nothing_configured_is_one_sentence_with_the_next_step() {
    let mut scene = Scene::new("nothing");
    let text = scene.refusal().await;
    assert!(
        text.contains("/home/.kube/config holds no context, and this is no pod; set KUBECONFIG"),
        "{text}"
    );

    scene.kubeconfig("config", FIRST);
    let text = scene.refusal().await;
    assert!(text.starts_with("no current context is set in "), "{text}");
    assert!(text.ends_with("; contexts: one; choose one with --context"), "{text}");

    scene.args.server = Some("http://given:1".into());
    let connection = scene.connect().await;
    assert_eq!(
        (connection.server.as_str(), connection.context.as_str()),
        ("http://given:1", "")
    );
}

#[tokio::test]
async fn a_file_that_does_not_parse_is_placed_and_not_quoted() {
    let mut scene = Scene::new("broken");
    for broken in [
        "users: [{name: u, user: {token: [hunter2]}}]",
        "users:\n- user: {token: hunter2\n  name: u",
    ] {
        scene.kubeconfig("config", broken);
        let text = scene.refusal().await;
        assert!(
            text.contains("config cannot be understood at line ") && !text.contains("hunter2"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_server_without_scheme_is_http_unless_tls_is_set() {
    assert_eq!(
        Scene::with("bare", "server: '10.0.0.1:8080'", "")
            .connect()
            .await
            .server,
        "http://10.0.0.1:8080"
    );
    let scene = Scene::with(
        "bare-tls",
        "server: '10.0.0.1:6443', insecure-skip-tls-verify: true",
        "",
    );
    assert_eq!(scene.connect().await.server, "https://10.0.0.1:6443");
}

#[tokio::test]
async fn a_password_in_the_servers_url_is_not_shown() {
    let scene = Scene::with("userinfo", "server: 'https://me:hunter2@api.corp:6443/'", "");
    assert_eq!(scene.connect().await.server, "https://api.corp:6443");
}
