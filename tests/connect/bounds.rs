//! Time and repetition: what is asked once, what is asked again, and what ends when the server does not answer.

#![expect(
    clippy::disallowed_types,
    reason = "the bounds of the client are shown on kube's own calls, which the tool does not use"
)]

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{DeleteParams, EvictParams},
};
use kubectl_sts::cluster::error::{Failure, classify, get, sentence};

use crate::{
    fake_api::{Answer, FakeApi},
    scene::Scene,
};

/// 429 or 503, as a server that asks to wait so long.
fn busy(code: u16, retry_after: &str) -> Answer {
    let body = br#"{"kind":"Status","message":"too busy","reason":"TooManyRequests"}"#.to_vec();
    Answer::Send(code, vec![format!("Retry-After: {retry_after}")], body)
}

#[tokio::test]
async fn an_eviction_that_is_refused_is_asked_once() {
    let api = FakeApi::plain(vec![busy(429, "0")]);
    let pods: Api<Pod> = Api::namespaced(Scene::plain("evict", &api).connect().await.client, "shop");
    let err = pods.evict("web-0", &EvictParams::default()).await.unwrap_err();
    assert_eq!(sentence(&err), "Error from server (TooManyRequests): too busy");
    pods.delete("web-0", &DeleteParams::default()).await.unwrap_err();
    assert_eq!(
        api.lines(),
        [
            "POST /api/v1/namespaces/shop/pods/web-0/eviction? HTTP/1.1",
            "DELETE /api/v1/namespaces/shop/pods/web-0? HTTP/1.1"
        ]
    );
}

#[tokio::test]
async fn a_read_is_asked_again_when_the_server_is_busy() {
    let api = FakeApi::plain(vec![busy(429, "0"), busy(503, "0"), Answer::json(200, "{}")]);
    get(&Scene::plain("busy", &api).connect().await.client, "/version")
        .await
        .unwrap();
    assert_eq!(api.lines(), ["GET /version HTTP/1.1"; 3]);
}

#[tokio::test]
async fn a_read_is_asked_three_times_at_most_and_then_the_answer_stands() {
    let api = FakeApi::plain(vec![busy(503, "0")]);
    let failure = get(&Scene::plain("always-busy", &api).connect().await.client, "/")
        .await
        .unwrap_err();
    assert_eq!(
        failure,
        Failure::Other("Error from server (TooManyRequests): too busy".into())
    );
    assert_eq!(api.seen().len(), 3);
}

#[tokio::test]
async fn a_wait_that_is_not_worth_it_is_not_waited() {
    let api = FakeApi::plain(vec![busy(429, "3600")]);
    let mut scene = Scene::plain("long-wait", &api);
    scene.args.request_timeout = Some(Duration::ZERO);
    let client = scene.connect().await.client;
    // The limit is for the test that fails: it would take an hour to.
    tokio::time::timeout(Duration::from_secs(60), get(&client, "/"))
        .await
        .unwrap()
        .unwrap_err();

    scene.args.request_timeout = Some(Duration::from_secs(4));
    let api = FakeApi::plain(vec![busy(429, "5")]);
    scene.args.server = Some(format!("http://{}", api.address));
    get(&scene.connect().await.client, "/").await.unwrap_err();
    assert_eq!(api.seen().len(), 1);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_one_sentence() {
    for answer in [Answer::Silence, Answer::HeadOnly] {
        let api = FakeApi::plain(vec![answer]);
        let mut scene = Scene::plain("silence", &api);
        scene.args.request_timeout = Some(Duration::from_millis(200));
        let client = scene.connect().await.client;
        let text = format!(
            "the API server at {} did not answer within 200ms (--request-timeout)",
            api.address
        );
        // The limit is for the test that fails: it would never end.
        let answer = tokio::time::timeout(Duration::from_secs(60), get(&client, "/"))
            .await
            .unwrap();
        assert_eq!(answer.unwrap_err(), Failure::Timeout(text.clone()));

        let pods: Api<Pod> = Api::namespaced(client, "shop");
        assert_eq!(classify(&pods.get("web-0").await.unwrap_err()), Failure::Timeout(text));
    }
}

#[tokio::test]
async fn a_watch_is_bounded_to_its_beginning_only() {
    let api = FakeApi::plain(vec![Answer::HeadOnly]);
    let mut scene = Scene::plain("watch", &api);
    scene.args.request_timeout = Some(Duration::from_secs(5));
    let request = http::Request::get("/api/v1/pods?watch=true")
        .body(kube::client::Body::empty())
        .unwrap();
    // Its body never comes: whoever waited for it would not get here.
    let answer = scene.connect().await.client.send(request).await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_one_sentence() {
    // tcpmux: nobody serves it, and no test is given it.
    let scene = Scene::with("refused", "server: 'http://127.0.0.1:1'", "");
    let failure = get(&scene.connect().await.client, "/").await.unwrap_err();
    let text = "cannot reach the API server at 127.0.0.1:1: connection refused".to_owned();
    assert_eq!(failure, Failure::Unreachable(text));
}

#[tokio::test]
async fn a_connection_that_breaks_is_one_sentence() {
    let api = FakeApi::plain(vec![Answer::Close]);
    let failure = get(&Scene::plain("close", &api).connect().await.client, "/")
        .await
        .unwrap_err();
    let text = format!(
        "cannot reach the API server at {}: connection closed before message completed",
        api.address
    );
    assert_eq!(failure, Failure::Unreachable(text));
}

#[tokio::test]
async fn an_answer_that_does_not_parse_is_not_quoted() {
    let api = FakeApi::plain(vec![Answer::json(200, r#"{"metadata":"hunter2"}"#)]);
    let pods: Api<Pod> = Api::namespaced(Scene::plain("quoted", &api).connect().await.client, "shop");
    let text = sentence(&pods.get("web-0").await.unwrap_err());
    assert!(
        text.starts_with("the server's answer is not what was asked for") && !text.contains("hunter2"),
        "{text}"
    );
}
