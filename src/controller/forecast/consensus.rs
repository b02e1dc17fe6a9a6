//! The forecast under every behaviour that one server's controller may show.

use super::{Assumption, End, Event, Forecast, follow};
use crate::controller::{Decision, Input, Profiles};

/// What is expected, and where it could come otherwise.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Under the behaviour that is expected.
    pub forecast: Forecast,
    /// What makes it uncertain, as clauses; empty where every plausible behaviour comes to the same.
    pub doubts: Vec<String>,
}

impl Profiles {
    /// A forecast under each behaviour that matters for this input; `input.profile` is not looked at.
    pub fn forecast(&self, input: &Input<'_>, assumption: &Assumption<'_>) -> Expected {
        let under = |profile, decision: Option<Decision>| {
            let input = Input {
                profile,
                ..input.clone()
            };
            follow(&input, assumption, decision)
        };
        let consensus = self.decide(input);
        // The first sync is the decision, unless names are taken that it did not know of.
        let known = assumption.refused.is_empty().then(|| consensus.decision.clone());
        let expected = under(self.first, known);
        let moves = !expected.steps.is_empty();
        let differ = self.others.iter().filter(|other| {
            self.lasts(other, input, &consensus, moves) && !under(other.profile, None).same_course(&expected)
        });
        let doubts = differ.map(|other| format!("differs if {}", other.fact));
        Expected {
            doubts: consensus.unproven.iter().cloned().chain(doubts).collect(),
            forecast: expected,
        }
    }
}

impl Forecast {
    /// Whether the same happens to pods and claims in the same order, and both end well or neither does. What happens in one
    /// go has no order, which waits go before it does not count, nor does the name of a revision that does not exist yet.
    pub fn same_course(&self, other: &Self) -> bool {
        (self.rounds(), self.end == End::Done) == (other.rounds(), other.end == End::Done)
    }

    fn rounds(&self) -> Vec<Vec<Event>> {
        let rounds = self.steps.chunk_by(|a, b| a.round == b.round).map(|steps| {
            let events = steps.iter().map(|step| self.spoken(&step.event));
            let mut events: Vec<_> = events
                .filter(|event| !matches!(event, Event::PodAvailable(_)))
                .collect();
            events.sort_by_cached_key(|event| format!("{event:?}"));
            events
        });
        rounds.filter(|events| !events.is_empty()).collect()
    }

    fn spoken(&self, event: &Event) -> Event {
        let mut event = event.clone();
        if let Event::Call(call) = &mut event {
            let revision = |name: &String| self.update_revision_is_new && *name == self.update_revision;
            call.revision = call.revision.take_if(|name| !revision(name));
            if revision(&call.name) {
                call.name.clear();
            }
        }
        event
    }
}
