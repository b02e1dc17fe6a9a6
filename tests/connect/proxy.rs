//! Proxies on the wire. Which proxy is chosen for which host is tested beside the choice.

use kubectl_sts::cluster::error::{Failure, get};

use crate::{
    fake_api::{Answer, FakeApi, TLS_NAME, tls_file},
    scene::Scene,
};

#[tokio::test]
async fn the_environments_proxy_needs_no_scheme_and_no_proxy_is_about_the_cluster() {
    let api = FakeApi::plain(vec![Answer::json(200, "{}")]);
    let proxy = api.proxy();
    let mut scene = Scene::with("env-proxy", "server: 'http://kubernetes.test:8001'", "");
    scene.env.http_proxy = Some(proxy.address.to_string());
    // The proxy's own host, and an empty element: the one would switch the proxy off, the other stop everything.
    scene.env.no_proxy = Some("127.0.0.1,,.corp".into());
    get(&scene.connect().await.client, "/version").await.unwrap();
    assert_eq!(proxy.lines(), ["CONNECT kubernetes.test:8001 HTTP/1.1"]);
    assert_eq!(api.lines(), ["GET /version HTTP/1.1"]);
}

#[tokio::test]
async fn an_exempt_cluster_is_reached_directly() {
    let api = FakeApi::plain(vec![Answer::json(200, "{}")]);
    let proxy = api.proxy();
    let mut scene = Scene::plain("exempt", &api);
    scene.env.http_proxy = Some(proxy.address.to_string());
    get(&scene.connect().await.client, "/").await.unwrap();
    assert_eq!((proxy.seen().len(), api.seen().len()), (0, 1));
}

#[tokio::test]
async fn the_kubeconfigs_proxy_is_used_even_for_this_machine() {
    let api = FakeApi::tls(vec![Answer::json(200, "{}")]);
    let proxy = api.proxy();
    let cluster = format!(
        "server: https://{}, tls-server-name: {TLS_NAME}, certificate-authority: {}, proxy-url: 'http://me:hunter2@{}'",
        api.address,
        tls_file("ca.pem").display(),
        proxy.address
    );
    let mut scene = Scene::with("own-proxy", &cluster, "token: t");
    scene.env.no_proxy = Some("*".into());
    get(&scene.connect().await.client, "/").await.unwrap();
    let asked = proxy.seen().remove(0);
    assert_eq!(asked.line, format!("CONNECT {} HTTP/1.1", api.address));
    assert_eq!(asked.header("proxy-authorization"), Some("Basic bWU6aHVudGVyMg=="));
    assert_eq!(asked.header("authorization"), None);
    assert_eq!(api.seen()[0].header("authorization"), Some("Bearer t"));
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named_without_its_password() {
    let mut scene = Scene::with("dead-proxy", "server: 'https://api.corp'", "");
    scene.env.https_proxy = Some("http://me:hunter2@127.0.0.1:1".into());
    let failure = get(&scene.connect().await.client, "/").await.unwrap_err();
    let text =
        "cannot reach the API server at api.corp:443 through the proxy 127.0.0.1:1: connection refused".to_owned();
    assert_eq!(failure, Failure::Unreachable(text));
}
