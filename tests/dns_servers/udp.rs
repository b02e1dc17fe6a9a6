//! What is particular to UDP: loss, strangers, nobody there.

use std::net::{TcpListener, UdpSocket};
use std::thread;

use kubectl_sts::cluster::dns::Via;
use kubectl_sts::model::answer::{Outcome, RecordType};

use super::server::{FakeDns, each};
use super::{PATIENT, SHORT, ask_at, asked, malformed, many, one, question, unreachable};

const NAME: &str = "db-0.db.shop.svc.cluster.local";

#[tokio::test]
async fn a_lost_datagram_is_sent_once_more() {
    let mut seen = 0;
    let server = FakeDns::datagrams(move |asked| {
        seen += 1;
        if seen == 1 { vec![] } else { vec![asked.address()] }
    });
    let answer = one(server.address, question(NAME, RecordType::A), SHORT * 4).await;
    assert_eq!(answer.outcome, Outcome::Answered);
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0].id, asked[1].id);
}

#[tokio::test]
async fn silence_ends_and_more_than_two_datagrams_are_never_sent() {
    let server = FakeDns::datagrams(|_| vec![]);
    let questions = many(100);
    let served = ask_at(server.address, &questions, SHORT).await;
    assert_eq!(served.answers.len(), 100);
    assert!(served.answers.values().all(|answer| answer.outcome == Outcome::Timeout));
    // Those of one window; who is silent for so long is not asked the rest.
    assert_eq!(server.asked().len(), 64);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn what_is_never_answered_takes_nothing_from_the_rest() {
    let server = FakeDns::datagrams(|asked| match asked.name.contains("7.") {
        true => vec![],
        false => vec![asked.address()],
    });
    let served = ask_at(server.address, &many(40), SHORT).await;
    for (question, answer) in &served.answers {
        let expected = match question.name.contains("7.") {
            true => Outcome::Timeout,
            false => Outcome::Answered,
        };
        assert_eq!(answer.outcome, expected, "{}", question.name);
    }
}

#[tokio::test]
async fn a_stranger_s_id_is_not_believed() {
    let wrong = |asked: &super::server::Asked| {
        let mut message = asked.answer(&[super::server::record(&asked.name, 1, 30, &[6, 6, 6, 6])]);
        message[0] ^= 0xff;
        message
    };
    let server = FakeDns::datagrams(move |asked| vec![wrong(asked), vec![], vec![1], asked.address()]);
    let answer = one(server.address, question(NAME, RecordType::A), PATIENT).await;
    assert_eq!(answer.records.into_iter().collect::<Vec<_>>(), ["10.0.0.1"]);

    let server = FakeDns::datagrams(move |asked| vec![wrong(asked)]);
    let answer = one(server.address, question(NAME, RecordType::A), SHORT).await;
    assert_eq!(answer.outcome, malformed("what came carries an id that was never sent"));
}

#[tokio::test]
async fn nobody_there_is_said() {
    let gone = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = one(gone, question(NAME, RecordType::A), PATIENT).await;
    assert_eq!(answer.outcome, unreachable("connection refused"));
}

#[tokio::test]
async fn who_takes_tcp_only_is_asked_over_tcp() {
    // As `kubectl port-forward svc/kube-dns 5353:53` does.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            each(|asked| asked.address())(stream);
        }
    });
    let served = ask_at(address, &many(100), PATIENT).await;
    assert!(
        served
            .answers
            .values()
            .all(|answer| answer.outcome == Outcome::Answered)
    );
}

#[tokio::test]
async fn over_tcp_alone_no_datagram_is_sent() {
    let server = FakeDns::stream(each(|asked| asked.address()));
    let served = asked(&many(100), PATIENT, Via::Stream(server.address), false).await;
    assert!(
        served[0]
            .answers
            .values()
            .all(|answer| answer.outcome == Outcome::Answered)
    );
    assert_eq!((server.asked().len(), server.connections()), (0, 1));
}

#[tokio::test]
async fn garbage_is_told_from_silence() {
    let server = FakeDns::datagrams(|asked| vec![[&asked.id.to_be_bytes()[..], &[0xff; 40]].concat()]);
    let answer = one(server.address, question(NAME, RecordType::A), PATIENT).await;
    assert_eq!(answer.outcome, malformed("the answer holds several questions"));
}
