//! Servers that do as they should, each in its way.

use std::collections::BTreeSet;
use std::io::Write as _;

use kubectl_sts::model::answer::{Authority, Outcome, RecordType, Way};

use super::server::{
    A, AAAA, Asked, CNAME, FakeDns, GOOD, PTR, SOA, SRV, each, framed, name, questions, record, soa, some, srv,
};
use super::{PATIENT, ask_at, many, one, question};

const SET: &str = "db.shop.svc.cluster.local";

fn texts(records: &BTreeSet<String>) -> Vec<&str> {
    records.iter().map(String::as_str).collect()
}

/// A zone with a record of each type.
fn zone(asked: &Asked) -> Vec<u8> {
    let own = &asked.name;
    match asked.kind {
        A => asked.answer(&[
            record(own, A, 30, &[10, 0, 0, 2]),
            record(&own.to_uppercase(), A, 5, &[10, 0, 0, 1]),
        ]),
        AAAA => asked.answer(&[record(
            own,
            AAAA,
            30,
            &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        )]),
        SRV => asked.answer(&[record(own, SRV, 30, &srv(5432, "DB-0.db.shop.svc.cluster.local"))]),
        CNAME => asked.answer(&[record(own, CNAME, 30, &name("db.example.com"))]),
        _ => asked.answer(&[record(own, PTR, 30, &name("db-0.db.shop.svc.cluster.local"))]),
    }
}

#[tokio::test]
async fn every_type_of_record_is_read() {
    let server = FakeDns::stream(each(zone));
    let questions = [
        question(SET, RecordType::A),
        question(SET, RecordType::Aaaa),
        question("_pg._tcp.db.shop.svc.cluster.local", RecordType::Srv),
        question("out.shop.svc.cluster.local", RecordType::Cname),
        question("1.0.0.10.in-addr.arpa", RecordType::Ptr),
    ];
    let served = ask_at(server.address, &questions, PATIENT).await;
    assert_eq!(served.way, Way::Address);
    let said: Vec<_> = questions
        .iter()
        .map(|question| {
            let answer = &served.answers[question];
            assert_eq!(answer.outcome, Outcome::Answered);
            assert!(answer.authoritative && answer.aliases.is_empty() && answer.authority.is_none());
            (texts(&answer.records), answer.ttl.unwrap())
        })
        .collect();
    let expected = [
        // The least of both.
        (vec!["10.0.0.1", "10.0.0.2"], 5),
        (vec!["fd00::1"], 30),
        (vec!["5432 db-0.db.shop.svc.cluster.local"], 30),
        (vec!["db.example.com"], 30),
        (vec!["db-0.db.shop.svc.cluster.local"], 30),
    ];
    assert_eq!(said, expected);
    assert_eq!((server.connections(), served.answers.len()), (1, 5));
}

#[tokio::test]
async fn questions_are_absolute_and_want_recursion() {
    let server = FakeDns::datagrams(|asked| vec![asked.address()]);
    one(server.address, question(SET, RecordType::A), PATIENT).await;
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (asked[0].name.as_str(), asked[0].kind, asked[0].flags),
        (SET, A, 0x0100)
    );
}

#[tokio::test]
async fn an_alias_is_followed_to_the_address_and_kept() {
    let server = FakeDns::datagrams(|asked| {
        vec![asked.answer(&[
            // In no order; and a record that belongs to nobody.
            record("b.example.com", A, 300, &[192, 0, 2, 1]),
            record("stranger.example.com", A, 1, &[192, 0, 2, 9]),
            record("a.example.com", CNAME, 7, &name("B.example.com")),
            record(&asked.name, CNAME, 30, &name("a.example.com")),
        ])]
    });
    let answer = one(
        server.address,
        question("out.shop.svc.cluster.local", RecordType::A),
        PATIENT,
    )
    .await;
    assert_eq!(answer.outcome, Outcome::Answered);
    assert_eq!(texts(&answer.records), ["192.0.2.1"]);
    assert_eq!(answer.aliases, ["a.example.com", "b.example.com"]);
    assert_eq!(answer.ttl, Some(7));

    let server =
        FakeDns::datagrams(|asked| vec![asked.answer(&[record(&asked.name, CNAME, 30, &name("a.example.com"))])]);
    let answer = one(
        server.address,
        question("out.shop.svc.cluster.local", RecordType::Aaaa),
        PATIENT,
    )
    .await;
    assert_eq!(
        (answer.outcome, answer.aliases),
        (Outcome::NoData, vec!["a.example.com".to_owned()])
    );
    assert!(answer.records.is_empty());
}

#[tokio::test]
async fn what_a_server_says_is_kept_apart() {
    let authority = || record("Cluster.local", SOA, 30, &soa(5));
    let codes = [
        ("nodata", 0, Outcome::NoData),
        ("formerr", 1, Outcome::Code("FormErr".to_owned())),
        ("servfail", 2, Outcome::ServFail),
        ("nxdomain", 3, Outcome::NxDomain),
        ("notimp", 4, Outcome::Code("NotImp".to_owned())),
        ("refused", 5, Outcome::Refused),
        ("notauth", 9, Outcome::Code("NotAuth".to_owned())),
        ("eleven", 11, Outcome::Code("RCODE 11".to_owned())),
    ];
    let code = |name: &str| codes.iter().find(|(code, ..)| *code == name).unwrap().1;
    let names: Vec<_> = codes.iter().map(|(name, ..)| question(name, RecordType::A)).collect();
    let numbers: Vec<_> = codes
        .iter()
        .map(|(name, ..)| ((*name).to_owned(), code(name)))
        .collect();
    let server = FakeDns::datagrams(move |asked| {
        let (_, code) = numbers.iter().find(|(name, _)| *name == asked.name).unwrap();
        // Not the zone's own, and an address that an error must not bring along.
        let answers = match code {
            0 => vec![],
            _ => vec![record(&asked.name, A, 9, &[10, 0, 0, 1])],
        };
        vec![asked.message(0x8000 | code, &answers, &[authority()])]
    });
    let served = ask_at(server.address, &names, PATIENT).await;
    for ((_, _, outcome), question) in codes.iter().zip(&names) {
        let answer = &served.answers[question];
        assert_eq!(&answer.outcome, outcome);
        assert!(answer.records.is_empty() && !answer.authoritative);
        let zone = Authority {
            zone: "cluster.local".to_owned(),
            ttl: 30,
            minimum: 5,
        };
        assert_eq!(answer.authority.as_ref(), Some(&zone));
    }
}

#[tokio::test]
async fn a_refusal_need_not_repeat_the_question() {
    let server = FakeDns::datagrams(|asked| {
        let words = [asked.id, 0x8005, 0, 0, 0, 0];
        vec![words.iter().flat_map(|word| word.to_be_bytes()).collect()]
    });
    let answer = one(server.address, question(SET, RecordType::A), PATIENT).await;
    assert_eq!(answer.outcome, Outcome::Refused);
}

#[tokio::test]
async fn four_hundred_questions_are_one_connection_whatever_the_order_of_the_answers() {
    // Waits for several questions, and answers the last one first.
    let server = FakeDns::stream(|mut stream| {
        let mut back = stream.try_clone().unwrap();
        let mut held = Vec::new();
        for asked in questions(&mut stream) {
            held.push(framed(&asked.answer(&[record(
                &asked.name,
                A,
                30,
                &asked.section[3..7],
            )])));
            if held.len() == 100 {
                held.reverse();
                back.write_all(&held.concat()).unwrap();
                held.clear();
            }
        }
    });
    let questions = many(400);
    let served = ask_at(server.address, &questions, PATIENT).await;
    assert_eq!(served.answers.len(), 400);
    for question in &questions {
        let bytes = &name(&question.name)[3..7];
        let address = bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(".");
        assert_eq!(texts(&served.answers[question].records), [address]);
    }
    assert_eq!(server.connections(), 1);
    // Each went out over UDP once, too.
    assert_eq!(server.asked().len(), 400);
}

#[tokio::test]
async fn a_server_that_closes_after_some_answers_is_asked_on() {
    let server = FakeDns::stream(some(100));
    let served = ask_at(server.address, &many(250), PATIENT).await;
    let answered = |answer: &kubectl_sts::model::answer::Answer| answer.outcome == Outcome::Answered;
    assert!(served.answers.values().all(answered), "{served:#?}");
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_message_of_64_kib_is_read_to_its_end() {
    let server = FakeDns::stream(each(|asked| {
        let records: Vec<_> = (0..4000u16)
            .map(|n| {
                let [high, low] = n.to_be_bytes();
                super::server::record_at(&[0xc0, 12], A, 30, &[10, 0, high, low])
            })
            .collect();
        let message = asked.message(GOOD, &records, &[]);
        assert!(message.len() > 64_000);
        message
    }));
    let answer = one(server.address, question(SET, RecordType::A), PATIENT).await;
    assert_eq!((answer.outcome, answer.records.len()), (Outcome::Answered, 4000));
}

#[tokio::test]
async fn a_name_that_cannot_be_asked_stops_no_other() {
    let server = FakeDns::datagrams(|asked| vec![asked.address()]);
    let (label, long) = ("a".repeat(64), ["a"; 128].join("."));
    let questions = [&label, &long, SET].map(|name| question(name, RecordType::A));
    let served = ask_at(server.address, &questions, PATIENT).await;
    let outcomes = questions.map(|question| served.answers[&question].outcome.clone());
    let impossible = super::malformed("the DNS has no such names");
    assert_eq!(outcomes, [impossible.clone(), impossible, Outcome::Answered]);
}
