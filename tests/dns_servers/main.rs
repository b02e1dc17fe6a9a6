//! What is made of DNS servers' answers, good and bad, over UDP, TCP and a port-forward: the exact outcome of each. No
//! test looks at the clock; one that hangs is ended by its guard.
#![allow(
    clippy::unwrap_used,
    clippy::result_large_err,
    missing_docs,
    reason = "a test panics where it fails; a library's refusal is as large as it is"
)]

#[allow(dead_code, reason = "shared with other tests")]
#[path = "../support/fake_api.rs"]
mod fake_api;
mod forward;
mod good;
mod hostile;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../support/scene.rs"]
mod scene;
mod server;
mod udp;

use std::net::SocketAddr;
use std::time::Duration;

use kubectl_sts::cluster::dns::{Asking, Via, ask};
use kubectl_sts::model::answer::{Answer, Outcome, Question, RecordType, Served};

/// Where the answer comes for certain: long enough for a busy machine.
const PATIENT: Duration = Duration::from_secs(20);
/// Where none comes.
const SHORT: Duration = Duration::from_millis(400);

fn question(name: &str, kind: RecordType) -> Question {
    Question {
        name: name.to_owned(),
        kind,
    }
}

fn malformed(why: &str) -> Outcome {
    Outcome::Malformed(why.to_owned())
}

fn unreachable(why: &str) -> Outcome {
    Outcome::Unreachable(why.to_owned())
}

/// `count` questions for addresses.
fn many(count: usize) -> Vec<Question> {
    let name = |n| format!("db-{n}.db.shop.svc.cluster.local");
    (0..count).map(|n| question(&name(n), RecordType::A)).collect()
}

/// Asks; nothing may take longer than the guard, whatever the other side does.
async fn asked(questions: &[Question], timeout: Duration, via: Via<'_>, each: bool) -> Vec<Served> {
    let asking = Asking {
        questions,
        timeout,
        each,
    };
    let guarded = tokio::time::timeout(Duration::from_secs(60), ask(asking, via));
    guarded.await.unwrap()
}

/// Asks one server at an address.
async fn ask_at(address: SocketAddr, questions: &[Question], timeout: Duration) -> Served {
    let mut served = asked(questions, timeout, Via::Address(address), false).await;
    assert_eq!(served.len(), 1);
    assert_eq!(served[0].server, address.to_string());
    served.remove(0)
}

/// The answer to one question.
async fn one(address: SocketAddr, question: Question, timeout: Duration) -> Answer {
    let served = ask_at(address, std::slice::from_ref(&question), timeout).await;
    served.answers[&question].clone()
}
