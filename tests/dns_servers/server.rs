//! A DNS server on loopback, over TCP and UDP on one port, that says what a test wants said. Messages are made byte by
//! byte, so that it can say what no library would; threads, nothing between the test and the wire.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

pub const A: u16 = 1;
pub const CNAME: u16 = 5;
pub const SOA: u16 = 6;
pub const PTR: u16 = 12;
pub const AAAA: u16 = 28;
pub const SRV: u16 = 33;

/// The bits of a good answer: it is one, and the zone's own.
pub const GOOD: u16 = 0x8400;
/// The answer is cut short.
pub const CUT: u16 = 0x0200;

/// A question as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub id: u16,
    /// The flags of the header.
    pub flags: u16,
    /// In the case of the wire, without the last dot.
    pub name: String,
    pub kind: u16,
    /// The question section.
    pub section: Vec<u8>,
}

impl Asked {
    pub fn read(message: &[u8]) -> Asked {
        let (mut at, mut labels) = (12, Vec::new());
        while message[at] != 0 {
            let end = at + 1 + usize::from(message[at]);
            labels.push(String::from_utf8_lossy(&message[at + 1..end]).into_owned());
            at = end;
        }
        Asked {
            id: u16::from_be_bytes([message[0], message[1]]),
            flags: u16::from_be_bytes([message[2], message[3]]),
            name: labels.join("."),
            kind: u16::from_be_bytes([message[at + 1], message[at + 2]]),
            section: message[12..at + 5].to_vec(),
        }
    }

    /// An answer with these bits, answers and authorities.
    pub fn message(&self, flags: u16, answers: &[Vec<u8>], authorities: &[Vec<u8>]) -> Vec<u8> {
        let count = |records: &[Vec<u8>]| u16::try_from(records.len()).unwrap();
        let head = [self.id, flags, 1, count(answers), count(authorities), 0];
        let head: Vec<u8> = head.iter().flat_map(|word| word.to_be_bytes()).collect();
        [head, self.section.clone(), answers.concat(), authorities.concat()].concat()
    }

    /// A good answer.
    pub fn answer(&self, records: &[Vec<u8>]) -> Vec<u8> {
        self.message(GOOD, records, &[])
    }

    /// A good answer with one address.
    pub fn address(&self) -> Vec<u8> {
        self.answer(&[record(&self.name, A, 30, &[10, 0, 0, 1])])
    }
}

/// A name, label by label.
pub fn name(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}

/// A record of class IN.
pub fn record(owner: &str, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    record_at(&name(owner), kind, ttl, data)
}

/// The same, below a name in bytes.
pub fn record_at(owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    let head = [kind.to_be_bytes(), 1u16.to_be_bytes()].concat();
    [owner, &head, &ttl.to_be_bytes(), &length.to_be_bytes(), data].concat()
}

pub fn srv(port: u16, target: &str) -> Vec<u8> {
    [vec![0, 0, 0, 100], port.to_be_bytes().to_vec(), name(target)].concat()
}

pub fn soa(minimum: u32) -> Vec<u8> {
    let numbers = [1, 7200, 1800, 86400, minimum].map(u32::to_be_bytes).concat();
    [name("ns.dns.cluster.local"), name("hostmaster.cluster.local"), numbers].concat()
}

/// A message after its length.
pub fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

/// Reads questions from a stream until it ends.
pub fn questions(stream: &mut impl Read) -> impl Iterator<Item = Asked> {
    std::iter::from_fn(move || {
        let mut length = [0; 2];
        stream.read_exact(&mut length).ok()?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut message).ok()?;
        Some(Asked::read(&message))
    })
}

/// The server. Its threads end with the test's process.
pub struct FakeDns {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    datagrams: Arc<Mutex<Vec<Asked>>>,
}

impl FakeDns {
    /// Everything over UDP is cut short; a connection is handed over.
    pub fn stream(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> FakeDns {
        FakeDns::start(|asked| vec![asked.message(GOOD | CUT, &[], &[])], serve)
    }

    /// The same answer over UDP and TCP; none is silence.
    pub fn datagrams(answer: impl FnMut(&Asked) -> Vec<Vec<u8>> + Send + 'static) -> FakeDns {
        FakeDns::start(answer, drop)
    }

    fn start(
        mut answer: impl FnMut(&Asked) -> Vec<Vec<u8>> + Send + 'static,
        serve: impl Fn(TcpStream) + Send + Sync + 'static,
    ) -> FakeDns {
        let (listener, socket) = loop {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            // The number may be taken on the other side.
            if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
                break (listener, socket);
            }
        };
        let server = FakeDns {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            datagrams: Arc::default(),
        };
        let (connections, datagrams, serve) = (server.connections.clone(), server.datagrams.clone(), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let serve = serve.clone();
                thread::spawn(move || serve(stream));
            }
        });
        thread::spawn(move || {
            let mut inbox = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut inbox) {
                let asked = Asked::read(&inbox[..length]);
                datagrams.lock().unwrap().push(asked.clone());
                for message in answer(&asked) {
                    let _ = socket.send_to(&message, from);
                }
            }
        });
        server
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What came over UDP.
    pub fn asked(&self) -> Vec<Asked> {
        self.datagrams.lock().unwrap().clone()
    }
}

/// Answers so many questions of a connection and ends it in good order: no answer is lost to a reset.
pub fn some(count: usize) -> impl Fn(TcpStream) {
    move |mut stream| {
        let mut back = stream.try_clone().unwrap();
        for asked in questions(&mut stream).take(count) {
            back.write_all(&framed(&asked.address())).unwrap();
        }
        back.shutdown(Shutdown::Write).unwrap();
        let _ = questions(&mut stream).count();
    }
}

/// Answers every question of a connection with one message.
pub fn each(answer: impl Fn(&Asked) -> Vec<u8>) -> impl Fn(TcpStream) {
    move |mut stream| {
        let mut back = stream.try_clone().unwrap();
        for asked in questions(&mut stream) {
            if back.write_all(&framed(&answer(&asked))).is_err() {
                return;
            }
        }
    }
}
