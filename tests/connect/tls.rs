//! Certificates: whom we trust, who we are, and what is said when it does not fit.

use kubectl_sts::cluster::error::{Failure, get};

use crate::{
    fake_api::{Answer, FakeApi, TLS_NAME, tls_file},
    scene::Scene,
};

fn ok() -> Vec<Answer> {
    vec![Answer::json(200, "{}")]
}

async fn unreachable(scene: &Scene) -> String {
    match get(&scene.connect().await.client, "/").await {
        Err(Failure::Unreachable(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_authority_beside_its_kubeconfig_is_trusted() {
    let api = FakeApi::tls(ok());
    let cluster = format!(
        "server: https://{}, tls-server-name: {TLS_NAME}, certificate-authority: pki/ca.crt",
        api.address
    );
    let scene = Scene::with("relative", &cluster, "");
    scene.write("pki/ca.crt", &std::fs::read_to_string(tls_file("ca.pem")).unwrap());
    get(&scene.connect().await.client, "/").await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_one_sentence_and_can_be_trusted_by_flag() {
    let api = FakeApi::tls(ok());
    let mut scene = Scene::tls("stranger", &api, "");
    // Another authority than the server's.
    scene.args.certificate_authority = Some(tls_file("client.pem"));
    assert_eq!(
        unreachable(&scene).await,
        format!(
            "cannot reach the API server at {}: its certificate is signed by an authority that is not trusted here \
             (certificate-authority)",
            api.address
        )
    );
    scene.args.certificate_authority = Some(tls_file("ca.pem"));
    get(&scene.connect().await.client, "/").await.unwrap();

    scene.args.certificate_authority = None;
    scene.args.insecure_skip_tls_verify = true;
    get(&scene.connect().await.client, "/").await.unwrap();

    scene.args.certificate_authority = Some(tls_file("ca.pem"));
    assert!(scene.refusal().await.contains("only one of them"));
}

#[tokio::test]
async fn another_server_drops_the_files_tls_name_and_a_flag_sets_it() {
    let api = FakeApi::tls(ok());
    let mut scene = Scene::tls("name", &api, "");
    scene.args.server = Some(format!("https://{}", api.address));
    let text = unreachable(&scene).await;
    assert!(
        text.contains("its certificate is not valid: ") && text.contains(TLS_NAME),
        "{text}"
    );
    scene.args.tls_server_name = Some(TLS_NAME.into());
    get(&scene.connect().await.client, "/").await.unwrap();
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_the_server() {
    let api = FakeApi::mutual_tls(ok());
    let mut scene = Scene::tls("mutual", &api, "");
    scene.args.client_certificate = Some(tls_file("client.pem"));
    assert_eq!(
        scene.refusal().await,
        "a client certificate is given without its key (client-key)"
    );
    scene.args.client_key = Some(tls_file("client-key.pem"));
    get(&scene.connect().await.client, "/").await.unwrap();
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_one_sentence() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let scene = Scene::with(
        "no-tls",
        &format!("server: https://{address}, insecure-skip-tls-verify: true"),
        "",
    );
    assert_eq!(
        unreachable(&scene).await,
        format!("cannot reach the API server at {address}: it does not speak TLS (is the server http?)")
    );
}

#[tokio::test]
async fn an_authority_that_cannot_be_read_stops_the_connection() {
    let scene = Scene::with(
        "no-ca",
        "server: 'https://api.corp', certificate-authority: nowhere.crt",
        "",
    );
    let text = scene.refusal().await;
    assert!(
        text.contains("certificate authority") && text.contains("nowhere.crt"),
        "{text}"
    );
}
