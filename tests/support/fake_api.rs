//! A server on loopback that records the requests it gets, byte for byte as far as a test can ask, and gives scripted
//! answers, over plain TCP or TLS; and a proxy in front of it. Threads, no HTTP library: nothing between the test and
//! the wire.
//!
//! `tls/` holds an authority whose key was thrown away, and with it a server's certificate for `kubernetes.test` (not
//! for 127.0.0.1) and a client's; valid for a hundred years, trusted by nobody else:
//! `openssl req -x509 -newkey ec …`, `openssl x509 -req -CA ca.pem … -extfile subjectAltName=DNS:kubernetes.test`.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

/// The name in the server's certificate.
pub const TLS_NAME: &str = "kubernetes.test";

/// A file of `tls/`.
pub fn tls_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/support/tls")
        .join(name)
}

/// What the server does with a request.
#[derive(Clone)]
pub enum Answer {
    /// A status, further header lines, a body.
    Send(u16, Vec<String>, Vec<u8>),
    /// Nothing, for ever.
    Silence,
    /// A head that promises a body, and no body.
    HeadOnly,
    /// A head that promises this body, the first half of it, and the end of the connection.
    Half(Vec<u8>),
    /// An answer as another server gave it, head and all.
    Whole(Vec<u8>),
    /// What another server sends, as it comes.
    Stream(Arc<TcpStream>),
    /// The end of the connection.
    Close,
}

impl Answer {
    pub fn json(status: u16, body: &str) -> Answer {
        Answer::Send(
            status,
            vec!["Content-Type: application/json".into()],
            body.as_bytes().to_vec(),
        )
    }

    pub fn status(code: u16, reason: &str, message: &str) -> Answer {
        let body = format!(
            r#"{{"kind":"Status","apiVersion":"v1","status":"Failure","message":{message:?},"reason":"{reason}","code":{code}}}"#
        );
        Answer::json(code, &body)
    }
}

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// `GET /api/v1/pods HTTP/1.1`.
    pub line: String,
    /// Names in lower case, in the order of the wire.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }
}

type Record = Arc<Mutex<Vec<Seen>>>;

/// The server. Its threads end with the test's process.
pub struct FakeApi {
    pub address: SocketAddr,
    seen: Record,
}

impl FakeApi {
    /// Gives the answers in turn, and the last one for ever.
    pub fn plain(answers: Vec<Answer>) -> FakeApi {
        let answer = in_turn(answers);
        FakeApi::start(move |stream, seen| serve(stream, seen, &answer))
    }

    /// Answers each request by what it asks for.
    pub fn answering(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> FakeApi {
        FakeApi::start(move |stream, seen| serve(stream, seen, &|request, _| answer(request)))
    }

    /// The same over TLS. A client's certificate is asked for, and refused if it is not from the same authority.
    pub fn tls(answers: Vec<Answer>) -> FakeApi {
        let (config, answer) = (server_config(false), in_turn(answers));
        FakeApi::start(move |stream, seen| serve(session(&config, stream), seen, &answer))
    }

    /// The same, for clients with a certificate only.
    pub fn mutual_tls(answers: Vec<Answer>) -> FakeApi {
        let (config, answer) = (server_config(true), in_turn(answers));
        FakeApi::start(move |stream, seen| serve(session(&config, stream), seen, &answer))
    }

    /// A proxy that takes every CONNECT to this server, whatever host is asked for.
    pub fn proxy(&self) -> FakeApi {
        FakeApi::proxy_to(self.address)
    }

    /// The same to any server.
    pub fn proxy_to(upstream: SocketAddr) -> FakeApi {
        FakeApi::start(move |mut stream, seen| {
            let Some(request) = read(&mut stream) else { return };
            seen.lock().unwrap().push(request);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
            let server = TcpStream::connect(upstream).unwrap();
            let (mut from, mut to) = (stream.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut from, &mut to));
            let (mut from, mut to) = (server, stream);
            let _ = std::io::copy(&mut from, &mut to);
        })
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    fn start(handle: impl Fn(TcpStream, &Record) + Send + Sync + 'static) -> FakeApi {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Record::default();
        let (record, handle) = (seen.clone(), Arc::new(handle));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (record, handle) = (record.clone(), handle.clone());
                thread::spawn(move || handle(stream, &record));
            }
        });
        FakeApi { address, seen }
    }
}

fn in_turn(answers: Vec<Answer>) -> impl Fn(&Seen, usize) -> Answer {
    move |_, turn| answers.get(turn).or(answers.last()).cloned().unwrap_or(Answer::Close)
}

fn serve(mut stream: impl Read + Write, seen: &Record, answer: &impl Fn(&Seen, usize) -> Answer) {
    while let Some(request) = read(&mut stream) {
        let turn = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let answer = answer(&request, turn);
        let (bytes, then) = match answer {
            Answer::Send(status, headers, body) => {
                let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
                headers.iter().for_each(|line| head.push_str(&format!("{line}\r\n")));
                ([head.as_bytes(), b"\r\n", &body].concat(), Then::Next)
            }
            Answer::Half(body) => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                ([head.as_bytes(), &body[..body.len() / 2]].concat(), Then::End)
            }
            Answer::Whole(answer) => (answer, Then::End),
            Answer::Stream(from) => {
                let _ = pass_on(&from, &mut stream);
                return;
            }
            Answer::HeadOnly => (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n".to_vec(), Then::Wait),
            Answer::Silence => (Vec::new(), Then::Wait),
            Answer::Close => (Vec::new(), Then::End),
        };
        if stream.write_all(&bytes).is_err() {
            return;
        }
        let _ = stream.flush();
        match then {
            Then::Next if request.header("connection") == Some("close") => return,
            Then::Next => {}
            Then::Wait => thread::park(),
            Then::End => return,
        }
    }
}

/// Each part at once: what waits in a buffer is late.
fn pass_on(mut from: &TcpStream, to: &mut impl Write) -> std::io::Result<()> {
    let mut part = [0; 4096];
    loop {
        match from.read(&mut part)? {
            0 => return Ok(()),
            length => to.write_all(&part[..length])?,
        }
        to.flush()?;
    }
}

/// What becomes of a connection after an answer.
enum Then {
    Next,
    Wait,
    End,
}

/// One request; none at the end of the connection.
fn read(stream: &mut impl Read) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let mut seen = Seen {
        line,
        headers,
        body: Vec::new(),
    };
    let length = seen
        .header("content-length")
        .map_or(0, |length| length.parse().unwrap());
    seen.body.resize(length, 0);
    stream.read_exact(&mut seen.body).ok()?;
    Some(seen)
}

fn session(config: &Arc<ServerConfig>, stream: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
    StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream)
}

fn server_config(certificate_required: bool) -> Arc<ServerConfig> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(tls_file("ca.pem")).unwrap())
        .unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
    let verifier = if certificate_required {
        verifier
    } else {
        verifier.allow_unauthenticated()
    };
    let config = ServerConfig::builder()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![CertificateDer::from_pem_file(tls_file("server.pem")).unwrap()],
            PrivateKeyDer::from_pem_file(tls_file("server-key.pem")).unwrap(),
        )
        .unwrap();
    Arc::new(config)
}
