//! Servers that mean harm or are broken, over TCP: each ends in one outcome, within the time.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread::{park, sleep};
use std::time::Duration;

use kubectl_sts::model::answer::{Outcome, RecordType};

use super::server::{
    A, Asked, CNAME, CUT, FakeDns, GOOD, PTR, SRV, each, framed, name, questions, record, record_at, some, srv,
};
use super::{PATIENT, SHORT, ask_at, malformed, many, one, question, unreachable};

const NAME: &str = "db-0.db.shop.svc.cluster.local";

/// How a question for a type ends where every answer is made by `answer`, before the time is over.
async fn answered(kind: RecordType, answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Outcome {
    let server = FakeDns::stream(each(answer));
    one(server.address, question(NAME, kind), PATIENT).await.outcome
}

/// How it ends where a connection is handed to `serve`, and time must be over before it ends if `silent`.
async fn connected(serve: impl Fn(TcpStream, Asked) + Send + Sync + 'static, silent: bool) -> Outcome {
    let server = FakeDns::stream(move |mut stream| {
        let asked = questions(&mut stream).next().unwrap();
        serve(stream, asked);
    });
    let timeout = if silent { SHORT } else { PATIENT };
    one(server.address, question(NAME, RecordType::A), timeout)
        .await
        .outcome
}

#[tokio::test]
async fn answers_to_something_else() {
    let other = |change: fn(&mut Asked)| {
        answered(RecordType::A, move |asked| {
            let mut asked = asked.clone();
            change(&mut asked);
            asked.address()
        })
    };
    let another = malformed("the answer is for another question");
    assert_eq!(other(|asked| asked.section[1] = b'x').await, another);
    // Another type, another class.
    assert_eq!(
        other(|asked| *asked.section.iter_mut().rev().nth(2).unwrap() = 28).await,
        another
    );
    assert_eq!(other(|asked| *asked.section.last_mut().unwrap() = 3).await, another);
    let strange = malformed("the records of the answer are of other names or types");
    let records = |owner: &'static str, kind, data: &'static [u8]| {
        answered(RecordType::A, move |asked| {
            asked.answer(&[record(owner, kind, 30, data)])
        })
    };
    assert_eq!(records("evil.example.com", A, &[6, 6, 6, 6]).await, strange);
    assert_eq!(records(NAME, 28, &[0; 16]).await, strange);
    let question = answered(RecordType::A, |asked| asked.message(0x0400, &[], &[])).await;
    assert_eq!(question, malformed("a question came, and not an answer"));
    let update = answered(RecordType::A, |asked| asked.message(GOOD | 0x2800, &[], &[])).await;
    assert_eq!(update, malformed("a question came, and not an answer"));
    let cut = answered(RecordType::A, |asked| asked.message(GOOD | CUT, &[], &[])).await;
    assert_eq!(cut, malformed("the answer says that it is cut short, over TCP"));
}

#[tokio::test]
async fn messages_that_are_none() {
    let counted = |at: usize, count: [u8; 2]| {
        answered(RecordType::A, move |asked| {
            let mut message = asked.address();
            message[at..at + 2].copy_from_slice(&count);
            message
        })
    };
    let broken = malformed("the answer cannot be parsed");
    let several = malformed("the answer holds several questions");
    // Questions and records that are announced and not there.
    assert_eq!(counted(4, [0xff, 0xff]).await, several);
    assert_eq!(counted(4, [0, 2]).await, several);
    assert_eq!(counted(6, [0xff, 0xff]).await, broken);
    assert_eq!(counted(8, [0, 1]).await, broken);
    let unsaid = answered(RecordType::A, |asked| {
        [&asked.id.to_be_bytes()[..], &GOOD.to_be_bytes(), &[0; 8]].concat()
    });
    assert_eq!(unsaid.await, malformed("the answer does not say what was asked"));
    let short = answered(RecordType::A, |asked| asked.id.to_be_bytes().to_vec()).await;
    assert_eq!(short, malformed("the answer is too short to be one"));
    let garbage = answered(RecordType::A, |asked| {
        let mut message = asked.address();
        message.resize(65_535, 0xee);
        message[6..8].copy_from_slice(&[0xff, 0xff]);
        message
    });
    assert_eq!(garbage.await, broken);
}

#[tokio::test]
async fn names_that_lead_round_in_circles() {
    let broken = malformed("the answer cannot be parsed");
    let owner = |owner: &'static [u8]| {
        answered(RecordType::A, move |asked| {
            asked.answer(&[record_at(owner, A, 30, &[10, 0, 0, 1])])
        })
    };
    // The record's name begins at byte 12 + 32 + 4; it points to itself, and past the end.
    let own = 12 + u8::try_from(name(NAME).len()).unwrap() + 4;
    let pointer: &'static [u8] = Box::leak(Box::new([0xc0, own]));
    assert_eq!(owner(pointer).await, broken);
    assert_eq!(owner(&[0xff, 0xff]).await, broken);
    let label: &'static [u8] = Box::leak(Box::new([1, b'a', 0xc0, own]));
    assert_eq!(owner(label).await, broken);

    let circle = malformed("the aliases of the answer lead round in a circle");
    let aliases = |names: &'static [(&str, &str)]| {
        answered(RecordType::A, move |asked| {
            let records = names
                .iter()
                .map(|(owner, target)| record(owner, CNAME, 30, &name(target)));
            asked.answer(&records.collect::<Vec<_>>())
        })
    };
    assert_eq!(aliases(&[(NAME, NAME)]).await, circle);
    assert_eq!(
        aliases(&[
            (NAME, "a.example"),
            ("a.example", "b.example"),
            ("b.example", "a.example")
        ])
        .await,
        circle
    );
    let chain = answered(RecordType::A, |asked| {
        let link = |n: usize| {
            if n == 0 {
                NAME.to_owned()
            } else {
                format!("n{n}.example")
            }
        };
        let records = (0..1000).map(|n| record(&link(n), CNAME, 30, &name(&link(n + 1))));
        asked.answer(&records.collect::<Vec<_>>())
    });
    assert_eq!(chain.await, circle);
}

#[tokio::test]
async fn records_that_lie() {
    let broken = malformed("the answer cannot be parsed");
    let data = |kind, data: &'static [u8]| {
        answered(RecordType::A, move |asked| {
            asked.answer(&[record(&asked.name, kind, 30, data)])
        })
    };
    assert_eq!(data(A, &[10, 0, 0]).await, broken);
    assert_eq!(data(A, &[]).await, broken);
    assert_eq!(data(SRV, &[0, 0]).await, broken);
    let length = answered(RecordType::A, |asked| {
        let mut message = asked.address();
        let at = message.len() - 5;
        message[at] = 0xff;
        message
    });
    assert_eq!(length.await, broken);
    // A long name that each record repeats in two bytes would be megabytes of text.
    let bomb = answered(RecordType::Ptr, |asked| {
        let long = [["a".repeat(63).as_str(); 3].join(".").as_str(), "example"].join(".");
        let first = record_at(&[0xc0, 12], PTR, 30, &name(&long));
        let at = 12 + asked.section.len() + 12;
        let [high, low] = u16::try_from(at | 0xc000).unwrap().to_be_bytes();
        let more = (0..3000u16).map(|n| {
            let [a, b] = [n >> 6, n & 63].map(|n| b'0' + u8::try_from(n).unwrap());
            record_at(&[0xc0, 12], PTR, 30, &[2, a, b, high, low])
        });
        asked.answer(&[first].into_iter().chain(more).collect::<Vec<_>>())
    });
    assert_eq!(bomb.await, malformed("the answer holds more than any real one"));
    // What is no text is shown as numbers.
    let server = FakeDns::stream(each(|asked| {
        asked.answer(&[record(&asked.name, SRV, 30, &srv(1, "a\u{1b}[2J.b\nc"))])
    }));
    let answer = one(server.address, question(NAME, RecordType::Srv), PATIENT).await;
    assert_eq!(answer.records.into_iter().collect::<Vec<_>>(), [r"1 a\033\[2j.b\012c"]);
}

#[tokio::test]
async fn connections_that_break() {
    let cut = malformed("the connection ended in the middle of an answer");
    let bytes = |bytes: &'static [u8]| connected(move |mut stream, _| stream.write_all(bytes).unwrap(), false);
    assert_eq!(bytes(&[0]).await, cut);
    assert_eq!(bytes(&[0, 40, 1, 2, 3]).await, cut);
    assert_eq!(
        bytes(&[]).await,
        unreachable("the server closed the connection without an answer")
    );
    // Not one byte of a promised message, half a length: nothing comes in time.
    for sent in [&[][..], &[0], &[0xff, 0xff, 1]] {
        let silence = move |mut stream: TcpStream, _| {
            stream.write_all(sent).unwrap();
            park();
        };
        assert_eq!(connected(silence, true).await, Outcome::Timeout);
    }
    let drip = |mut stream: TcpStream, asked: Asked| {
        for byte in framed(&asked.address()) {
            let _ = stream.write_all(&[byte]);
            sleep(Duration::from_millis(40));
        }
    };
    assert_eq!(connected(drip, true).await, Outcome::Timeout);
}

#[tokio::test]
async fn floods_of_what_nobody_asked() {
    let unasked = malformed("what came carries an id that was never sent");
    let flood = |make: fn(&Asked) -> Vec<u8>| {
        let flood = move |mut stream: TcpStream, asked: Asked| {
            let message = framed(&make(&asked));
            while stream.write_all(&message).is_ok() {}
        };
        connected(flood, true)
    };
    let wrong_id = |asked: &Asked| {
        let mut message = asked.address();
        message[0] ^= 0xff;
        message.resize(20_000, 0);
        message
    };
    assert_eq!(flood(wrong_id).await, unasked);
    assert_eq!(flood(|_| Vec::new()).await, unasked);
    // The same answer again and again is taken once.
    let again = |mut stream: TcpStream, asked: Asked| {
        let message = framed(&asked.address());
        while stream.write_all(&message).is_ok() {}
    };
    assert_eq!(connected(again, false).await, Outcome::Answered);
}

#[tokio::test]
async fn one_answer_a_connection_goes_on_and_none_does_not() {
    let once = FakeDns::stream(some(1));
    let served = ask_at(once.address, &many(10), PATIENT).await;
    assert!(
        served
            .answers
            .values()
            .all(|answer| answer.outcome == Outcome::Answered)
    );
    assert_eq!(once.connections(), 10);

    let never = FakeDns::stream(|mut stream| _ = questions(&mut stream).next());
    let served = ask_at(never.address, &many(10), PATIENT).await;
    let closed = |outcome: &Outcome| matches!(outcome, Outcome::Unreachable(_));
    assert!(
        served.answers.values().all(|answer| closed(&answer.outcome)),
        "{served:#?}"
    );
    assert_eq!(never.connections(), 1);
}

#[tokio::test]
async fn the_last_of_many_slow_answers_has_an_end_too() {
    // Each within its time, one after the other: no connection may go on like that for ever.
    let server = FakeDns::stream(|mut stream| {
        let mut back = stream.try_clone().unwrap();
        for asked in questions(&mut stream) {
            sleep(SHORT / 2);
            let _ = back.write_all(&framed(&asked.address()));
        }
    });
    let questions = many(12);
    let served = ask_at(server.address, &questions, SHORT).await;
    assert_eq!(served.answers[&questions[0]].outcome, Outcome::Answered);
    assert_eq!(served.answers[&questions[11]].outcome, Outcome::Timeout);
}
