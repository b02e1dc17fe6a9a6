//! Questions through a port-forward against the same over TCP, for `benches/dns`, which starts a control plane around it.
//! Arguments: a DNS pod in kube-system, its process's address, and the addresses of the pods of set `shop/web`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: a panic is the report, the table is the answer"
)]

use std::time::{Duration, Instant};

use kubectl_sts::cluster::connect::{ConnectArgs, connect};
use kubectl_sts::cluster::dns::{Asking, Via, ask};
use kubectl_sts::cluster::error::get;
use kubectl_sts::model::answer::{DnsPod, Outcome, Question, RecordType};

const ROUNDS: usize = 9;

fn questions(addresses: &[String]) -> Vec<Question> {
    let mut questions = Vec::new();
    for (ordinal, address) in addresses.iter().enumerate() {
        let mut ask = |name: String, kind| questions.push(Question { name, kind });
        let name = format!("web-{ordinal}.web.shop.svc.cluster.local");
        ask(name.clone(), RecordType::A);
        ask(name.clone(), RecordType::Aaaa);
        ask(name, RecordType::Srv);
        let reverse: Vec<_> = address.rsplit('.').collect();
        ask(format!("{}.in-addr.arpa", reverse.join(".")), RecordType::Ptr);
    }
    questions
}

/// One run: every question asked and answered, connection included.
async fn timed(questions: &[Question], via: Via<'_>) -> Duration {
    let asking = Asking {
        questions,
        timeout: Duration::from_secs(20),
        each: false,
    };
    let begin = Instant::now();
    let served = ask(asking, via).await;
    let took = begin.elapsed();
    for (question, answer) in &served[0].answers {
        let expected = match question.kind {
            RecordType::Aaaa => Outcome::NoData,
            _ => Outcome::Answered,
        };
        assert_eq!(answer.outcome, expected, "{question:?}");
    }
    took
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let (Some(name), Some(address)) = (args.next(), args.next()) else {
        println!("benches/dns runs this against a control plane");
        return;
    };
    let questions = questions(&args.collect::<Vec<_>>());
    let connection = connect(&ConnectArgs::default()).await.unwrap();
    let pod = DnsPod {
        namespace: "kube-system".to_owned(),
        name,
        port: 53,
    };
    let (mut forwarded, mut direct, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        // As in a command, which reads from the API server before it asks: there is a connection to take.
        get(&connection.client, "/version").await.unwrap();
        let through = timed(&questions, Via::Pods(&connection.client, vec![pod.clone()])).await;
        let own = timed(&questions, Via::Stream(address.parse().unwrap())).await;
        // The first warms both up.
        if round > 0 {
            forwarded.push(through.as_secs_f64() * 1000.0);
            direct.push(own.as_secs_f64() * 1000.0);
            ratios.push(through.as_secs_f64() / own.as_secs_f64());
        }
    }
    println!("| what | through a port-forward | over TCP | unit | ratio | bar |\n|---|---|---|---|---|---|");
    let [through, own, ratio] = [forwarded, direct, ratios].map(median);
    println!(
        "| {} questions, one connection | {through:.1} | {own:.1} | ms | {ratio:.2} | 3 |",
        questions.len()
    );
}
