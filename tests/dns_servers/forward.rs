//! Pods that are asked through the API server: one WebSocket for all questions, with whatever the connection says about
//! the user; and what is said where it does not come about.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{park, sleep, spawn};
use std::time::Duration;

use kubectl_sts::cluster::connect::Connection;
use kubectl_sts::cluster::dns::Via;
use kubectl_sts::model::answer::{DnsPod, Outcome, RecordType, Served, Way};
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::{Message, WebSocket, accept_hdr};

use super::fake_api::{Answer, FakeApi};
use super::scene::Scene;
use super::server::{Asked, framed};
use super::{PATIENT, SHORT, asked, malformed, many, question, unreachable};

type Socket = WebSocket<TcpStream>;

/// An API server that forwards ports: an answer to each request for one, and then the pod's side of the WebSocket.
struct Forwarder {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Forwarder {
    fn start(
        refusal: impl Fn(&Request) -> Option<(u16, &'static str)> + Send + Sync + 'static,
        serve: impl Fn(Socket) + Send + Sync + 'static,
    ) -> Forwarder {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (seen, sides) = (requests.clone(), Arc::new((refusal, serve)));
        spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, sides) = (seen.clone(), sides.clone());
                spawn(move || {
                    let answer = |request: &Request, mut response: Response| {
                        seen.lock().unwrap().push(request.clone());
                        if let Some((code, body)) = (sides.0)(request) {
                            let mut refused = ErrorResponse::new(Some(body.to_owned()));
                            *refused.status_mut() = code.try_into().unwrap();
                            return Err(refused);
                        }
                        let protocol = "v4.channel.k8s.io".parse().unwrap();
                        response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
                        Ok(response)
                    };
                    if let Ok(socket) = accept_hdr(stream, answer) {
                        (sides.1)(socket);
                    }
                });
            }
        });
        Forwarder { address, requests }
    }

    /// One that forwards every port to the same.
    fn serving(serve: impl Fn(Socket) + Send + Sync + 'static) -> Forwarder {
        Forwarder::start(|_| None, serve)
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    async fn connect(&self, name: &str) -> Connection {
        let cluster = format!("server: http://{}", self.address);
        Scene::with(name, &cluster, "").connect().await
    }

    async fn ask(&self, name: &str, pods: &[DnsPod], count: usize, timeout: Duration) -> Vec<Served> {
        let connection = self.connect(name).await;
        let via = Via::Pods(&connection.client, pods.to_vec());
        asked(&many(count), timeout, via, false).await
    }

    /// How the one question ends.
    async fn outcome(&self, name: &str, timeout: Duration) -> Outcome {
        let served = self.ask(name, &[pod("coredns-a")], 1, timeout).await;
        served[0].answers[&many(1)[0]].outcome.clone()
    }
}

fn pod(name: &str) -> DnsPod {
    DnsPod {
        namespace: "kube-system".to_owned(),
        name: name.to_owned(),
        port: 5353,
    }
}

fn send(socket: &mut Socket, channel: u8, bytes: &[u8]) {
    let message = [&[channel], bytes].concat();
    let _ = socket.send(Message::binary(message));
}

/// The beginning of both channels: the port, low byte first.
fn begin(socket: &mut Socket) {
    let port = 5353u16.to_le_bytes();
    send(socket, 0, &port);
    send(socket, 1, &port);
}

/// Answers at most so many questions as `answer` says, and closes.
fn answer(mut socket: Socket, count: usize, answer: impl Fn(&Asked) -> Vec<u8>) {
    begin(&mut socket);
    let (mut inbox, mut left) = (Vec::new(), count);
    while let Ok(Message::Binary(message)) = socket.read() {
        assert_eq!(message[0], 0);
        inbox.extend(&message[1..]);
        while left > 0 && inbox.len() > 2 {
            let end = 2 + usize::from(u16::from_be_bytes([inbox[0], inbox[1]]));
            if inbox.len() < end {
                break;
            }
            let bytes: Vec<u8> = inbox.drain(..end).collect();
            // Frames know nothing of messages: each is sent in two.
            let answer = framed(&answer(&Asked::read(&bytes[2..])));
            let (head, tail) = answer.split_at(answer.len() / 2);
            send(&mut socket, 0, head);
            send(&mut socket, 0, tail);
            left -= 1;
        }
        if left == 0 {
            let _ = socket.close(None);
            while socket.read().is_ok() {}
            return;
        }
    }
}

#[tokio::test]
async fn four_hundred_questions_are_one_web_socket_of_this_user() {
    let api = Forwarder::serving(|socket| answer(socket, usize::MAX, Asked::address));
    let cluster = format!("server: http://{}", api.address);
    let mut scene = Scene::with("forward-user", &cluster, "");
    scene.args.impersonate = Some("eve".to_owned());
    let connection = scene.connect().await;
    let via = Via::Pods(&connection.client, vec![pod("coredns-a"), pod("coredns-b")]);
    let served = asked(&many(400), PATIENT, via, false).await;
    assert_eq!(served.len(), 1);
    assert_eq!(
        (served[0].server.as_str(), served[0].way),
        ("kube-system/coredns-a", Way::PortForward)
    );
    assert_eq!(served[0].answers.len(), 400);
    assert!(
        served[0]
            .answers
            .values()
            .all(|answer| answer.outcome == Outcome::Answered)
    );
    let requests = api.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(
        requests[0].uri(),
        "/api/v1/namespaces/kube-system/pods/coredns-a/portforward?&ports=5353"
    );
    let user = requests[0].headers().get("impersonate-user");
    assert_eq!(user.unwrap(), "eve");
}

#[tokio::test]
async fn every_pod_is_asked_on_its_own() {
    let api = Forwarder::start(
        |request| request.uri().path().contains("coredns-b").then_some((500, "")),
        |socket| answer(socket, usize::MAX, Asked::address),
    );
    let pods = ["coredns-a", "coredns-b", "coredns-c"].map(pod).to_vec();
    let connection = api.connect("forward-each").await;
    let served = asked(&many(3), PATIENT, Via::Pods(&connection.client, pods), true).await;
    let reached: Vec<_> = served
        .iter()
        .map(|served| (served.server.as_str(), served.never_reached()))
        .collect();
    assert_eq!(
        reached,
        [
            ("kube-system/coredns-a", None),
            (
                "kube-system/coredns-b",
                Some("Error from server (InternalServerError): the server answered 500 Internal Server Error")
            ),
            ("kube-system/coredns-c", None),
        ]
    );
}

#[tokio::test]
async fn the_next_pod_is_asked_where_one_cannot_be_reached() {
    let api = Forwarder::start(
        |request| (!request.uri().path().contains("coredns-c")).then_some((500, "")),
        |socket| answer(socket, usize::MAX, Asked::address),
    );
    let pods = ["coredns-a", "coredns-b", "coredns-c", "coredns-d"].map(pod);
    let served = api.ask("forward-next", &pods, 3, PATIENT).await;
    let servers: Vec<_> = served.iter().map(|served| served.server.as_str()).collect();
    assert_eq!((servers, api.requests().len()), (vec!["kube-system/coredns-c"], 3));
}

#[tokio::test]
async fn a_request_timeout_does_not_cut_the_conversation() {
    let api = Forwarder::serving(|socket| {
        answer(socket, usize::MAX, |asked| {
            sleep(SHORT * 2);
            asked.address()
        });
    });
    let cluster = format!("server: http://{}", api.address);
    let mut scene = Scene::with("forward-long", &cluster, "");
    scene.args.request_timeout = Some(SHORT);
    let connection = scene.connect().await;
    let via = Via::Pods(&connection.client, vec![pod("coredns-a")]);
    let served = asked(&many(2), PATIENT, via, false).await;
    assert!(
        served[0]
            .answers
            .values()
            .all(|answer| answer.outcome == Outcome::Answered)
    );
}

#[tokio::test]
async fn a_proxy_leads_there_too() {
    let api = Forwarder::serving(|socket| answer(socket, usize::MAX, Asked::address));
    let proxy = FakeApi::proxy_to(api.address);
    let cluster = format!("server: http://kubernetes.test:80, proxy-url: http://{}", proxy.address);
    let connection = Scene::with("forward-proxy", &cluster, "").connect().await;
    let via = Via::Pods(&connection.client, vec![pod("coredns-a")]);
    let served = asked(&many(2), PATIENT, via, false).await;
    assert!(
        served[0]
            .answers
            .values()
            .all(|answer| answer.outcome == Outcome::Answered)
    );
    assert_eq!(proxy.lines(), ["CONNECT kubernetes.test:80 HTTP/1.1"]);
}

#[tokio::test]
async fn a_server_that_limits_what_a_connection_may_ask_is_asked_through_another() {
    let api = Forwarder::serving(|socket| answer(socket, 100, Asked::address));
    let served = api.ask("forward-again", &[pod("coredns-a")], 250, PATIENT).await;
    assert!(
        served[0]
            .answers
            .values()
            .all(|answer| answer.outcome == Outcome::Answered)
    );
    assert_eq!(api.requests().len(), 3);
}

#[tokio::test]
async fn refusals_are_one_sentence() {
    let refused = async |name: &str, code, body: &'static str| {
        let api = Forwarder::start(move |_| Some((code, body)), |_| unreachable!());
        api.outcome(name, PATIENT).await
    };
    let forbidden = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods \"coredns-a\" is forbidden: User \"eve\" cannot get resource \"pods/portforward\"","reason":"Forbidden","code":403}"#;
    assert_eq!(
        refused("forward-403", 403, forbidden).await,
        unreachable(
            "Error from server (Forbidden): pods \"coredns-a\" is forbidden: User \"eve\" cannot get resource \
             \"pods/portforward\" (a port-forward needs the verbs get and create on pods/portforward in kube-system)"
        )
    );
    let gone = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods \"coredns-a\" not found","reason":"NotFound","code":404}"#;
    assert_eq!(
        refused("forward-404", 404, gone).await,
        unreachable("Error from server (NotFound): pods \"coredns-a\" not found")
    );
    // Something in between that knows no WebSockets.
    let page = FakeApi::plain(vec![Answer::json(200, "{}")]);
    let connection = Scene::plain("forward-200", &page).connect().await;
    let served = asked(&many(1), PATIENT, Via::Pods(&connection.client, vec![pod("a")]), false).await;
    assert_eq!(served[0].never_reached(), Some("failed to switch protocol: 200 OK"));
}

#[tokio::test]
async fn what_the_node_says_is_one_sentence() {
    let said = async |name: &str, words: &'static [u8]| {
        let api = Forwarder::serving(move |mut socket| {
            begin(&mut socket);
            send(&mut socket, 1, words);
            park();
        });
        api.outcome(name, PATIENT).await
    };
    let closed = b"error forwarding port 5353 to pod abc, uid : exit status 1: 2026/11/21 socat[1] E connect(5, AF=2 \
        127.0.0.1:5353, 16): Connection refused\n";
    assert_eq!(
        said("forward-closed", closed).await,
        unreachable("nothing listens on TCP port 5353 in the pod (connection refused)")
    );
    let stopped =
        b"error forwarding port 5353 to pod abc, uid :\n\tno running\x1b[2Jtask found: task 5d not found: not found";
    assert_eq!(
        said("forward-stopped", stopped).await,
        unreachable(
            "the node cannot forward to TCP port 5353 of the pod: error forwarding port 5353 to pod abc, uid : \
             no running [2Jtask found: task 5d not found: not found"
        )
    );
    let Outcome::Unreachable(long) = said("forward-words", &[b'x'; 100_000]).await else {
        panic!()
    };
    assert_eq!(long.len(), 253);
    // No text at all: the port-forward ends there.
    assert_eq!(
        said("forward-bytes", &[0xff; 40]).await,
        unreachable("the server closed the connection without an answer")
    );
}

#[tokio::test]
async fn sockets_that_break_or_stay_silent() {
    let served = async |name: &str, timeout, serve: fn(Socket)| Forwarder::serving(serve).outcome(name, timeout).await;
    let nothing = unreachable("the server closed the connection without an answer");
    assert_eq!(served("forward-end", PATIENT, |_| {}).await, nothing);
    // Another port than was asked for, a channel that nobody opened.
    let wrong = served("forward-port", PATIENT, |mut socket| {
        send(&mut socket, 0, &[1, 2]);
        park();
    });
    assert_eq!(wrong.await, nothing);
    let wrong = served("forward-channel", PATIENT, |mut socket| {
        begin(&mut socket);
        send(&mut socket, 9, b"x");
        park();
    });
    assert_eq!(wrong.await, nothing);
    let silent = served("forward-silent", SHORT, |_| park());
    assert_eq!(silent.await, Outcome::Timeout);
    let half = served("forward-half", PATIENT, |mut socket| {
        begin(&mut socket);
        send(&mut socket, 0, &[0]);
        let _ = socket.close(None);
        while socket.read().is_ok() {}
    });
    assert_eq!(half.await, malformed("the connection ended in the middle of an answer"));
    // Not even the handshake ends.
    let api = TcpListener::bind("127.0.0.1:0").unwrap();
    let cluster = format!("server: http://{}", api.local_addr().unwrap());
    let connection = Scene::with("forward-handshake", &cluster, "").connect().await;
    let via = Via::Pods(&connection.client, vec![pod("coredns-a")]);
    let served = asked(&[question("a", RecordType::A)], SHORT, via, false).await;
    assert_eq!(
        served[0].answers[&question("a", RecordType::A)].outcome,
        Outcome::Timeout
    );
}

#[tokio::test]
async fn a_pod_s_name_leads_nowhere_else() {
    let api = Forwarder::start(|_| Some((404, "")), |_| unreachable!());
    let served = api.ask("forward-name", &[pod("a?x=#y z")], 1, PATIENT).await;
    assert!(served[0].never_reached().is_some());
    let paths: Vec<_> = api.requests().iter().map(|request| request.uri().to_string()).collect();
    assert_eq!(
        paths,
        ["/api/v1/namespaces/kube-system/pods/a%3Fx%3D%23y%20z/portforward?&ports=5353"]
    );
    let served = api.ask("forward-path", &[pod("../../secrets/a")], 1, PATIENT).await;
    assert_eq!(
        served[0].never_reached(),
        Some("kube-system/../../secrets/a is no pod's name")
    );
    assert_eq!(api.requests().len(), 1);
}
