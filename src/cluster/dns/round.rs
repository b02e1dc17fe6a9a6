//! Which questions wait, are on their way and are answered: the books of one server, whatever carries the messages.

use core::mem;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::message::{self, Heard};
use crate::model::answer::{Answer, Outcome, Question};

/// A question on its way.
struct Sent {
    question: usize,
    at: Instant,
    message: Vec<u8>,
    again: bool,
}

/// The books.
pub(super) struct Round<'a> {
    questions: &'a [Question],
    timeout: Duration,
    /// Not sent yet, or not on this connection.
    waiting: VecDeque<usize>,
    flight: HashMap<u16, Sent>,
    /// Ids of this connection that are answered or given up: what comes for them is late, not wrong.
    retired: HashSet<u16>,
    answers: BTreeMap<usize, Answer>,
    /// Questions whose answer did not fit.
    truncated: Vec<usize>,
    /// When the server last answered something, or was connected to.
    heard: Instant,
    /// Answers on this connection.
    answered: usize,
    /// Something came that nobody asked for.
    strange: bool,
}

impl<'a> Round<'a> {
    pub(super) fn new(questions: &'a [Question], timeout: Duration) -> Self {
        Self {
            questions,
            timeout,
            waiting: (0..questions.len()).collect(),
            flight: HashMap::new(),
            retired: HashSet::new(),
            answers: BTreeMap::new(),
            truncated: Vec::new(),
            heard: Instant::now(),
            answered: 0,
            strange: false,
        }
    }

    /// A new connection: what was on its way is to be sent anew.
    pub(super) fn begin(&mut self) {
        let mut lost: Vec<_> = mem::take(&mut self.flight)
            .into_values()
            .map(|sent| sent.question)
            .collect();
        lost.sort_unstable();
        lost.into_iter()
            .rev()
            .for_each(|question| self.waiting.push_front(question));
        self.retired.clear();
        self.heard = Instant::now();
        self.answered = 0;
        self.strange = false;
    }

    /// What did not fit, and what could not be sent, waits for another connection.
    pub(super) fn ask_again_over_tcp(&mut self) -> bool {
        self.waiting.extend(mem::take(&mut self.truncated));
        !self.waiting.is_empty()
    }

    /// The next message to send, while fewer than `window` are on their way.
    pub(super) fn next(&mut self, window: usize) -> Option<Vec<u8>> {
        while self.flight.len() < window {
            let question = self.waiting.pop_front()?;
            let taken = |id: u16| self.flight.contains_key(&id) || self.retired.contains(&id);
            match message::encode(&self.questions[question], taken) {
                Ok((id, message)) => {
                    let sent = Sent {
                        question,
                        at: Instant::now(),
                        message: message.clone(),
                        again: false,
                    };
                    self.flight.insert(id, sent);
                    return Some(message);
                }
                Err(outcome) => self.end(question, outcome),
            }
        }
        None
    }

    /// Takes a message in. What nobody asked for is forgotten: its sender may be anyone.
    pub(super) fn take(&mut self, message: &[u8]) {
        let id = message::id(message);
        let Some((id, sent)) = id.and_then(|id| Some((id, self.flight.remove(&id)?))) else {
            self.strange |= id.is_none_or(|id| !self.retired.contains(&id));
            return;
        };
        self.retired.insert(id);
        self.heard = Instant::now();
        self.answered += 1;
        match message::decode(&self.questions[sent.question], message) {
            Heard::Whole(answer) => _ = self.answers.insert(sent.question, answer),
            Heard::Truncated => self.truncated.push(sent.question),
        }
    }

    /// When something is next to be given up, or, with `again`, to be sent once more.
    pub(super) fn next_event(&self, again: bool) -> Option<Instant> {
        let due = |sent: &Sent| match again && !sent.again {
            true => sent.at + self.timeout / 2,
            false => sent.at + self.timeout,
        };
        self.flight.values().map(due).min()
    }

    /// What to send once more: a datagram may be lost.
    pub(super) fn overdue(&mut self) -> Vec<Vec<u8>> {
        let (now, half) = (Instant::now(), self.timeout / 2);
        let late = self
            .flight
            .values_mut()
            .filter(|sent| !sent.again && now >= sent.at + half);
        late.map(|sent| {
            sent.again = true;
            sent.message.clone()
        })
        .collect()
    }

    /// Gives up what waited too long; all of it, where the server said nothing in all that time.
    pub(super) fn expire(&mut self) {
        let now = Instant::now();
        let late: Vec<u16> = self
            .flight
            .iter()
            .filter(|(_, sent)| now >= sent.at + self.timeout)
            .map(|(id, _)| *id)
            .collect();
        if late.is_empty() {
            return;
        }
        for id in late {
            if let Some(sent) = self.flight.remove(&id) {
                self.retired.insert(id);
                self.end(sent.question, self.silence());
            }
        }
        if now >= self.heard + self.timeout {
            self.end_all(&self.silence());
        }
    }

    fn silence(&self) -> Outcome {
        match self.strange {
            true => message::malformed("what came carries an id that was never sent"),
            false => Outcome::Timeout,
        }
    }

    fn end(&mut self, question: usize, outcome: Outcome) {
        self.answers.insert(question, Answer::ended(outcome));
    }

    /// Ends all that is open.
    pub(super) fn end_all(&mut self, outcome: &Outcome) {
        self.begin();
        self.waiting.extend(mem::take(&mut self.truncated));
        while let Some(question) = self.waiting.pop_front() {
            self.end(question, outcome.clone());
        }
    }

    /// Whether nothing is left for this connection.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.flight.is_empty()
    }

    /// Whether this connection brought any answer.
    pub(super) fn was_of_use(&self) -> bool {
        self.answered > 0
    }

    /// The answers by question; what is open had no time.
    pub(super) fn finish(mut self) -> BTreeMap<Question, Answer> {
        self.end_all(&Outcome::Timeout);
        let questions = self.questions;
        self.answers
            .into_iter()
            .map(|(question, answer)| (questions[question].clone(), answer))
            .collect()
    }
}
