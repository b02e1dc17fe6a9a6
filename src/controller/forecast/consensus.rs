//! The forecast under every behaviour that one server's controller may show.

use super::{Assumption, End, Event, Forecast, forecast};
use crate::controller::{Input, Profiles};

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
        let under = |profile| {
            let input = Input {
                profile,
                ..input.clone()
            };
            forecast(&input, assumption)
        };
        let consensus = self.decide(input);
        let expected = under(self.first);
        let differ = self
            .relevant(input, &consensus.decision)
            .filter(|other| course(&under(other.profile)) != course(&expected));
        let doubts = differ.map(|other| format!("differs if {}", other.fact));
        Expected {
            doubts: consensus.unproven.into_iter().chain(doubts).collect(),
            forecast: expected,
        }
    }
}

/// What happens to pods and claims, in order. What happens in one go has no order, and which waits go before it does not
/// count.
fn course(forecast: &Forecast) -> (Vec<Vec<&Event>>, bool) {
    let mut rounds: Vec<(usize, Vec<&Event>)> = Vec::new();
    for step in &forecast.steps {
        match rounds.last_mut() {
            Some((round, events)) if *round == step.round => events.push(&step.event),
            _ => rounds.push((step.round, vec![&step.event])),
        }
    }
    let of_pods = |event: &&Event| !matches!(event, Event::PodAvailable(_));
    let rounds = rounds.into_iter().map(|(_, events)| {
        let mut events: Vec<_> = events.into_iter().filter(of_pods).collect();
        events.sort_by_key(|event| format!("{event:?}"));
        events
    });
    let rounds = rounds.filter(|events| !events.is_empty()).collect();
    (rounds, forecast.end == End::Done)
}
