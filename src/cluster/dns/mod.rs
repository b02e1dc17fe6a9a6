//! Asks DNS servers: those of this system, one at an address, or pods through the API server. Nothing is taken from a
//! cache or from the hosts file, names are absolute, and every question ends within a known time. Messages are hickory's;
//! its exchange drops an answer that cannot be parsed, and here that is an outcome of its own.

mod datagram;
mod forward;
mod message;
mod round;
mod stream;

use core::net::SocketAddr;
use std::future::pending;
use std::io;
use std::time::Duration;

use futures_util::future::join_all;
use hickory_resolver::system_conf::read_system_conf;
use kube::Client;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::model::answer::{Answer, DnsPod, Outcome, Question, Served, Way};
use round::Round;
use stream::Line;

/// How long a server may take for one answer where nobody says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
/// The port of the DNS.
pub const PORT: u16 = 53;
/// Servers that are tried, one after the other, until one can be reached.
const TRIED: usize = 3;

/// What to ask, and how.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The questions, each put once.
    pub questions: &'a [Question],
    /// How long one answer may take, and how long a connection.
    pub timeout: Duration,
    /// Ask every server that there is, instead of the first that answers.
    pub each: bool,
}

/// Whom to ask.
#[derive(Clone)]
pub enum Via<'a> {
    /// The servers that this system asks: right inside the cluster only, see `Connection::in_cluster`.
    System,
    /// The server at an address: over UDP as pods ask, and over TCP what does not fit, or where nobody takes UDP.
    Address(SocketAddr),
    /// The same, over TCP alone.
    Stream(SocketAddr),
    /// These pods, over TCP through the API server. There must be one at least.
    Pods(&'a Client, Vec<DnsPod>),
}

/// One server, and the way to it.
enum Server<'a> {
    Direct(SocketAddr, Way),
    Stream(SocketAddr),
    Pod(&'a Client, DnsPod),
}

/// Asks. Never fails: what could not be heard is an outcome of each question. Without `each` there is one [`Served`], of the
/// first server that could be reached, or of the last that was tried. Without questions nobody is asked.
pub async fn ask(asking: Asking<'_>, via: Via<'_>) -> Vec<Served> {
    if asking.questions.is_empty() {
        return Vec::new();
    }
    let servers: Vec<Server<'_>> = match via {
        Via::System => match system() {
            Ok(servers) => servers.into_iter().map(|at| Server::Direct(at, Way::System)).collect(),
            Err(why) => {
                let server = "this system's resolver";
                return vec![Served::unreachable(server, Way::System, asking.questions, &why)];
            }
        },
        Via::Address(address) => vec![Server::Direct(address, Way::Address)],
        Via::Stream(address) => vec![Server::Stream(address)],
        Via::Pods(client, pods) => pods.into_iter().map(|pod| Server::Pod(client, pod)).collect(),
    };
    if asking.each {
        return join_all(servers.iter().map(|server| ask_one(asking, server))).await;
    }
    let mut last = None;
    for server in servers.iter().take(TRIED) {
        let served = ask_one(asking, server).await;
        let silent = |answer: &Answer| matches!(answer.outcome, Outcome::Timeout | Outcome::Unreachable(_));
        let reached = !served.answers.values().all(silent);
        last = Some(served);
        if reached {
            break;
        }
    }
    last.into_iter().collect()
}

/// The servers in the system's resolver configuration.
fn system() -> Result<Vec<SocketAddr>, String> {
    let (config, _) =
        read_system_conf().map_err(|error| format!("cannot read the system's resolver configuration: {error}"))?;
    let servers = config.name_servers().iter();
    Ok(servers.map(|server| SocketAddr::new(server.ip, PORT)).collect())
}

async fn ask_one(asking: Asking<'_>, server: &Server<'_>) -> Served {
    let mut round = Round::new(asking.questions, asking.timeout);
    let limit = asking.timeout;
    // However a server spreads its answers, the last one comes within this time or not at all.
    let windows = u32::try_from(asking.questions.len() / datagram::WINDOW).unwrap_or(u32::MAX);
    let most = limit.saturating_mul(windows.saturating_add(3));
    let (server, way) = match server {
        Server::Direct(address, way) => {
            let work = async {
                datagram::ask(&mut round, *address).await;
                if round.ask_again_over_tcp() {
                    stream::ask(&mut round, async || connect(*address, limit).await).await;
                }
            };
            // What is open is given up when the round is finished.
            let _ = timeout(most, work).await;
            (address.to_string(), *way)
        }
        Server::Stream(address) => {
            let work = stream::ask(&mut round, async || connect(*address, limit).await);
            let _ = timeout(most, work).await;
            (address.to_string(), Way::Address)
        }
        Server::Pod(client, pod) => {
            let work = stream::ask(&mut round, async || forward::open(client, pod, limit).await);
            let _ = timeout(most, work).await;
            (format!("{}/{}", pod.namespace, pod.name), Way::PortForward)
        }
    };
    Served {
        server,
        way,
        answers: round.finish(),
    }
}

async fn connect(address: SocketAddr, limit: Duration) -> Result<Line, Outcome> {
    match timeout(limit, TcpStream::connect(address)).await {
        Err(_) => Err(Outcome::Timeout),
        Ok(Err(error)) => Err(Outcome::Unreachable(said(&error))),
        Ok(Ok(stream)) => {
            // Questions go out as they come; it is slower without, and no less right.
            let _ = stream.set_nodelay(true);
            Ok(Line {
                stream: Box::pin(stream),
                fault: Box::pin(pending()),
            })
        }
    }
}

/// An operating system's error without its number.
fn said(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or_default();
    text.to_lowercase()
}
