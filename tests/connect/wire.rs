//! What a request looks like to the server.

use std::io::Write;

use kubectl_sts::cluster::error::{Failure, get};

use crate::{
    fake_api::{Answer, FakeApi, tls_file},
    scene::Scene,
};

fn ok() -> Vec<Answer> {
    vec![Answer::json(200, "{}")]
}

#[tokio::test]
async fn a_read_carries_these_headers_and_no_others() {
    let api = FakeApi::plain(ok());
    let scene = Scene::plain("headers", &api);
    let (head, body) = get(&scene.connect().await.client, "/api/v1/pods?limit=500")
        .await
        .unwrap();
    assert_eq!((head.status.as_u16(), body.as_slice()), (200, b"{}".as_slice()));

    let seen = api.seen().remove(0);
    assert_eq!(seen.line, "GET /api/v1/pods?limit=500 HTTP/1.1");
    let mut headers = seen.headers;
    headers.sort();
    let expected = [
        ("accept", "application/json".to_owned()),
        ("accept-encoding", "gzip".to_owned()),
        ("host", api.address.to_string()),
        ("user-agent", format!("kubectl-sts/{}", env!("CARGO_PKG_VERSION"))),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value)));
}

#[tokio::test]
async fn a_zipped_answer_is_unzipped_and_a_kubeconfig_can_ask_for_none() {
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zip.write_all(b"{\"kind\":\"PodList\"}").unwrap();
    let zipped = Answer::Send(200, vec!["Content-Encoding: gzip".into()], zip.finish().unwrap());
    let api = FakeApi::plain(vec![zipped]);
    let (_, body) = get(&Scene::plain("gzip", &api).connect().await.client, "/")
        .await
        .unwrap();
    assert_eq!(body, b"{\"kind\":\"PodList\"}");

    let api = FakeApi::plain(ok());
    let scene = Scene::with(
        "no-gzip",
        &format!("server: http://{}, disable-compression: true", api.address),
        "",
    );
    get(&scene.connect().await.client, "/").await.unwrap();
    assert_eq!(api.seen()[0].header("accept-encoding"), None);
}

#[tokio::test]
async fn impersonation_is_sent_as_asked() {
    let api = FakeApi::plain(ok());
    let mut scene = Scene::plain("as", &api);
    scene.args.impersonate = Some("jane".into());
    scene.args.impersonate_uid = Some("7".into());
    scene.args.impersonate_groups = vec!["dev".into(), "ops".into()];
    get(&scene.connect().await.client, "/").await.unwrap();
    let seen = api.seen().remove(0);
    assert_eq!(seen.header("impersonate-user"), Some("jane"));
    assert_eq!(seen.header("impersonate-uid"), Some("7"));
    let groups = seen.headers.iter().filter(|(name, _)| name == "impersonate-group");
    assert_eq!(
        groups.map(|(_, value)| value.as_str()).collect::<Vec<_>>(),
        ["dev", "ops"]
    );

    scene.args.impersonate = None;
    assert_eq!(scene.refusal().await, "--as-group and --as-uid only go with --as");
}

#[tokio::test]
async fn the_path_of_the_server_stays_before_the_requests() {
    let api = FakeApi::plain(ok());
    let scene = Scene::with(
        "path",
        &format!("server: 'http://{}/k8s/clusters/c-1'", api.address),
        "",
    );
    get(&scene.connect().await.client, "/api/v1/pods").await.unwrap();
    assert_eq!(api.lines(), ["GET /k8s/clusters/c-1/api/v1/pods HTTP/1.1"]);
}

#[tokio::test]
async fn a_token_goes_over_tls_only() {
    let api = FakeApi::plain(ok());
    let scene = Scene::with(
        "plain-token",
        &format!("server: http://{}", api.address),
        "token: hunter2",
    );
    get(&scene.connect().await.client, "/").await.unwrap();
    assert_eq!(api.seen()[0].header("authorization"), None);

    let api = FakeApi::tls(ok());
    let mut scene = Scene::tls("tls-token", &api, "token: filed");
    get(&scene.connect().await.client, "/").await.unwrap();
    scene.args.token = Some("given".into());
    get(&scene.connect().await.client, "/").await.unwrap();
    let sent: Vec<_> = api
        .seen()
        .iter()
        .map(|seen| seen.header("authorization").map(str::to_owned))
        .collect();
    assert_eq!(sent, [Some("Bearer filed".to_owned()), Some("Bearer given".to_owned())]);
    assert!(!format!("{:?}", scene.args).contains("given"));
}

#[tokio::test]
async fn a_token_file_is_found_beside_its_kubeconfig_and_beats_a_token() {
    let api = FakeApi::tls(ok());
    let scene = Scene::tls("token-file", &api, "tokenFile: secrets/token, token: old");
    for text in ["fresh", "fresh\n"] {
        scene.write("secrets/token", text);
        get(&scene.connect().await.client, "/").await.unwrap();
    }
    assert!(
        api.seen()
            .iter()
            .all(|seen| seen.header("authorization") == Some("Bearer fresh")),
        "{:?}",
        api.seen()
    );
}

#[tokio::test]
async fn an_empty_token_is_no_token() {
    let api = FakeApi::tls(ok());
    get(
        &Scene::tls("empty-token", &api, "token: ''").connect().await.client,
        "/",
    )
    .await
    .unwrap();
    assert_eq!(api.seen()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_pod_uses_its_service_account() {
    let api = FakeApi::tls(ok());
    let mut scene = Scene::new("pod");
    scene.write("account/token", "pods-own");
    scene.write("account/namespace", "shop\n");
    scene.write("account/ca.crt", &std::fs::read_to_string(tls_file("ca.pem")).unwrap());
    scene.env.service_host = Some("127.0.0.1".into());
    scene.env.service_port = Some(api.address.port().to_string());
    scene.args.tls_server_name = Some(crate::fake_api::TLS_NAME.into());
    let connection = scene.connect().await;
    assert_eq!(
        (connection.context.as_str(), connection.namespace.as_str()),
        ("in-cluster", "shop")
    );
    get(&connection.client, "/").await.unwrap();
    assert_eq!(api.seen()[0].header("authorization"), Some("Bearer pods-own"));
}

#[tokio::test]
async fn refusals_keep_their_kind_and_the_servers_words() {
    let api = FakeApi::plain(vec![
        Answer::status(403, "Forbidden", "pods is forbidden"),
        Answer::status(401, "Unauthorized", "Unauthorized"),
        Answer::Send(404, vec![], b"404 page not found\n".to_vec()),
        Answer::status(410, "Expired", "the provided continue parameter is too old"),
    ]);
    let client = Scene::plain("refusals", &api).connect().await.client;
    let forbidden = "Error from server (Forbidden): pods is forbidden".to_owned();
    assert_eq!(get(&client, "/").await.unwrap_err(), Failure::Forbidden(forbidden));
    let Err(Failure::Unauthorized(text)) = get(&client, "/").await else {
        panic!("401")
    };
    assert!(
        text.contains("(Unauthorized)") && text.contains("log in again"),
        "{text}"
    );
    assert!(matches!(get(&client, "/").await, Err(Failure::NotFound(_))));
    assert!(matches!(get(&client, "/").await, Err(Failure::Expired(_))));
}
