//! Reads everything one command needs, in two bounded rounds: lists side by side and page by page, then what the first
//! round calls for. The number of requests does not grow with the objects, pages aside.

use std::fmt;

use http::response::Parts;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use kube::Client;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::error::{Failure, JSON, METADATA, get, get_as};
use crate::model::gap::{Gap, GapReason};
use crate::model::listing::{Page, PageHead};
use crate::model::mask;
use crate::model::place::Place;
use crate::model::recording::{API_VERSION, Absent, KIND, RecordedList, Recording};
use crate::model::resource::{Resource, is_possible_name, percent_encoded};
use crate::model::rounds::{self, ListOf, Needs, Want};
use crate::model::snapshot::{Scope, Snapshot};

/// Objects in one page of a list.
const PAGE: usize = 500;
/// Pages that wait to be parsed; more would only hold memory.
const PAGES_AHEAD: usize = 4;

/// How raw objects are kept beside the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Not at all.
    Nothing,
    /// With the values masked that can hold secrets.
    Masked,
    /// As they are.
    Everything,
}

enum Answer {
    Page(ListOf, Parts, Vec<u8>),
    /// The pages so far do not count.
    Again(ListOf),
    Failed(ListOf, Failure),
    Read(Want, Result<Vec<u8>, Failure>),
    Version(Result<(Parts, Vec<u8>), Failure>),
}

/// The collection under way.
struct Collection {
    snapshot: Snapshot,
    recording: Option<Recording>,
    /// Single reads, put in after the lists: what both hold is one object.
    reads: Vec<(Want, Value)>,
    /// Whether the server answered anything at all.
    answered: bool,
    /// Why it did not, the first time.
    silence: Option<Failure>,
}

/// What [`collect`] is to read.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// Which namespaces.
    pub scope: Scope,
    /// What.
    pub needs: Needs<'a>,
    /// Which sets the answer is about, as typed; none means all of the scope. Volumes are then read for these only.
    pub names: &'a [String],
    /// What to keep raw.
    pub keep: Keep,
}

/// What [`collect`] gives.
#[derive(Debug)]
pub struct Collected {
    /// The lean view.
    pub snapshot: Snapshot,
    /// The raw view, when it was asked for.
    pub recording: Option<Recording>,
}

/// Reads what is asked for, then what that calls for.
///
/// # Errors
/// When nothing was answered at all, or the server does not know the user. A single refused, broken or late list is a
/// [`Gap`] in the snapshot instead.
pub async fn collect(client: &Client, context: &str, asked: Asked<'_>) -> Result<Collected, Failure> {
    let Asked {
        scope,
        needs,
        names,
        keep,
    } = asked;
    let first = match keep {
        Keep::Nothing => rounds::first_round(needs, &scope),
        Keep::Masked | Keep::Everything => rounds::whole_round(needs),
    };
    let volumes = Resource::PersistentVolumes;
    let listed = first.iter().any(|list| list.resource == volumes);
    let volumes_owed = needs.resources.contains(&volumes) && !listed;
    let mut collection = Collection::new(context, scope, keep);
    collection.begin(client, &first, &[]).await?;
    let second = rounds::second_round(&collection.snapshot, volumes_owed.then_some(names));
    collection.round(client, &second.lists, &second.reads, false).await?;
    Ok(collection.end())
}

/// Reads these lists and these single objects, and nothing that they call for.
///
/// # Errors
/// As [`collect`].
pub async fn collect_only(
    client: &Client,
    context: &str,
    scope: Scope,
    lists: &[Resource],
    reads: &[Want],
) -> Result<Snapshot, Failure> {
    let mut collection = Collection::new(context, scope, Keep::Nothing);
    let lists: Vec<_> = lists
        .iter()
        .map(|&resource| ListOf::all(resource, Place::Scope))
        .collect();
    collection.begin(client, &lists, reads).await?;
    Ok(collection.end().snapshot)
}

impl Collection {
    fn new(context: &str, scope: Scope, keep: Keep) -> Self {
        let namespace = scope.namespace().map(str::to_owned);
        let recording = (keep != Keep::Nothing).then(|| Recording {
            api_version: API_VERSION.to_owned(),
            kind: KIND.to_owned(),
            taken_at: Timestamp::UNIX_EPOCH,
            server_version: None,
            context: context.to_owned(),
            namespace,
            masked: keep == Keep::Masked,
            lists: Vec::new(),
            confirmed_absent: Vec::new(),
        });
        Self {
            snapshot: Snapshot::new(Timestamp::UNIX_EPOCH, context.to_owned(), scope),
            recording,
            reads: Vec::new(),
            answered: false,
            silence: None,
        }
    }

    /// The first round.
    async fn begin(&mut self, client: &Client, first: &[ListOf], reads: &[Want]) -> Result<(), Failure> {
        self.round(client, first, reads, true).await?;
        // One sentence in the place of twenty gaps.
        match self.silence.take() {
            Some(failure) if !self.answered => Err(failure),
            _ => Ok(()),
        }
    }

    fn end(self) -> Collected {
        let Self {
            mut snapshot,
            mut recording,
            ..
        } = self;
        if snapshot.taken_at == Timestamp::UNIX_EPOCH {
            // A proxy may strip the Date header; the own clock is the next best.
            snapshot.taken_at = Timestamp::now();
        }
        if let Some(recording) = &mut recording {
            recording.taken_at = snapshot.taken_at;
            recording.server_version.clone_from(&snapshot.server_version);
            recording.lists.sort_by(|a, b| {
                (&a.group, &a.resource, &a.part, &a.namespace).cmp(&(&b.group, &b.resource, &b.part, &b.namespace))
            });
            if recording.masked {
                mask::hide(&mut recording.lists);
            }
        }
        Collected { snapshot, recording }
    }

    async fn round(&mut self, client: &Client, lists: &[ListOf], reads: &[Want], version: bool) -> Result<(), Failure> {
        let (answers, mut inbox) = mpsc::channel(PAGES_AHEAD);
        let mut tasks = JoinSet::new();
        for &list in lists {
            let path = list.resource.path(self.namespace(list), None);
            let labels = list
                .labels
                .map(|labels| format!("&labelSelector={}", percent_encoded(labels)));
            let path = format!("{path}?limit={PAGE}{}", labels.unwrap_or_default());
            self.record(list, |_| ());
            tasks.spawn(read_list(client.clone(), path, list, answers.clone()));
        }
        let (possible, impossible): (Vec<_>, Vec<_>) =
            reads.iter().cloned().partition(|want| is_possible_name(&want.name));
        impossible.into_iter().for_each(|want| self.absent(want));
        for want in possible {
            let (client, answers) = (client.clone(), answers.clone());
            tasks.spawn(async move {
                let path = want.resource.path(want.namespace.as_deref(), Some(&want.name));
                let form = if want.resource.metadata_only() { METADATA } else { JSON };
                let answer = get_as(&client, &path, form).await.map(|(_, body)| body);
                // The receiver goes only when the whole collection is given up.
                let _ = answers.send(Answer::Read(want, answer)).await;
            });
        }
        if version {
            let (client, answers) = (client.clone(), answers.clone());
            tasks.spawn(async move {
                let answer = get(&client, "/version").await;
                let _ = answers.send(Answer::Version(answer)).await;
            });
        }
        drop(answers);
        while let Some(answer) = inbox.recv().await {
            self.take(answer)?;
        }
        for (want, object) in std::mem::take(&mut self.reads) {
            self.read(&want, object);
        }
        Ok(())
    }

    fn take(&mut self, answer: Answer) -> Result<(), Failure> {
        match answer {
            Answer::Page(list, parts, body) => {
                self.answered = true;
                self.clock(&parts);
                self.page(list, &body);
            }
            Answer::Again(list) => {
                if let Some(sink) = self.snapshot.sink(list.resource, list.place) {
                    sink.clear();
                }
                self.record(list, |recorded| recorded.items.clear());
            }
            // Whoever is unknown to the server learns nothing from it, and what he learnt is not the whole.
            Answer::Failed(_, failure @ Failure::Unauthorized(_))
            | Answer::Read(_, Err(failure @ Failure::Unauthorized(_)))
            | Answer::Version(Err(failure @ Failure::Unauthorized(_))) => return Err(failure),
            Answer::Failed(list, Failure::NotFound(_)) if is_optional(list.resource) => {
                self.answered = true;
                if let Some(sink) = self.snapshot.sink(list.resource, list.place) {
                    sink.answered();
                }
            }
            Answer::Failed(list, failure) => {
                self.gap(list, reason(&failure));
                self.unanswered(failure);
            }
            Answer::Read(want, Ok(body)) => {
                let object = serde_json::from_slice::<Value>(&body).ok();
                // Something in between may answer everything with its own page.
                let object = object
                    .filter(|object| object.pointer("/metadata/name").and_then(Value::as_str) == Some(&want.name));
                self.reads.extend(object.map(|object| (want, object)));
            }
            Answer::Read(want, Err(Failure::NotFound(_))) => self.absent(want),
            Answer::Read(want, Err(failure)) if want.needed => self.unread(want, &failure),
            // An absence that could not be confirmed stays unconfirmed: the finding is only likely.
            Answer::Read(..) => {}
            Answer::Version(Ok((parts, body))) => {
                self.answered = true;
                self.clock(&parts);
                let version: Option<Value> = serde_json::from_slice(&body).ok();
                self.snapshot.server_version = version.and_then(|v| v.get("gitVersion")?.as_str().map(str::to_owned));
            }
            Answer::Version(Err(failure)) => self.unanswered(failure),
        }
        Ok(())
    }

    fn unanswered(&mut self, failure: Failure) {
        match failure {
            Failure::Unreachable(_) | Failure::Timeout(_) => _ = self.silence.get_or_insert(failure),
            _ => self.answered = true,
        }
    }

    fn absent(&mut self, want: Want) {
        if let Some(recording) = &mut self.recording {
            let absent = Absent::new(want.resource, want.namespace.as_deref(), &want.name);
            recording.confirmed_absent.push(absent);
        }
        self.snapshot
            .confirmed_absent
            .push((want.resource, want.namespace, want.name));
    }

    /// Whoever may not read one object may read no other of the kind: that is one gap.
    fn unread(&mut self, want: Want, failure: &Failure) {
        let (name, reason) = match reason(failure) {
            GapReason::Forbidden => (None, GapReason::Forbidden),
            reason => (Some(want.name), reason),
        };
        let list = ListOf::all(want.resource, want.place);
        self.record(list, |recorded| recorded.gap(&reason));
        let Some(sink) = self.snapshot.sink(want.resource, want.place) else {
            return;
        };
        let gap = Gap::list(want.resource, want.namespace.as_deref(), reason).at(want.place);
        sink.gap(Gap { name, ..gap });
    }

    /// An object that appeared after its list was read, or that the list was not asked for.
    fn read(&mut self, want: &Want, mut object: Value) {
        let Some(sink) = self.snapshot.sink(want.resource, want.place) else {
            return;
        };
        if sink.holds(want.namespace.as_deref(), &want.name) {
            return;
        }
        sink.object(object.clone());
        let list = ListOf::all(want.resource, want.place);
        self.record(list, |recorded| {
            mask::slim(&mut object);
            if want.resource == Resource::ConfigMaps {
                mask::only_corefiles(&mut object);
            }
            recorded.items.push(object);
        });
    }

    fn page(&mut self, list: ListOf, body: &[u8]) {
        let read = match self.snapshot.sink(list.resource, list.place) {
            Some(sink) => sink.page(body).map(drop),
            None => Page::<IgnoredAny>::read(body, list.resource).map(drop),
        };
        if let Err(error) = read {
            self.gap(list, GapReason::Failed(format!("the server sent no list: {error}")));
            return;
        }
        if self.recording.is_some()
            && let Ok(mut page) = Page::<Value>::read(body, list.resource)
        {
            self.record(list, |recorded| {
                recorded.resource_version = std::mem::take(&mut page.metadata.resource_version);
                for mut object in page.objects() {
                    mask::slim(&mut object);
                    recorded.items.push(object);
                }
            });
        }
    }

    fn gap(&mut self, list: ListOf, reason: GapReason) {
        self.record(list, |recorded| recorded.gap(&reason));
        let gap = Gap::list(list.resource, self.namespace(list), reason).at(list.place);
        if let Some(sink) = self.snapshot.sink(list.resource, list.place) {
            sink.gap(gap);
        }
    }

    fn record(&mut self, list: ListOf, change: impl FnOnce(&mut RecordedList)) {
        let empty = RecordedList::new(list.resource, self.namespace(list)).at(list.place);
        let Some(recording) = &mut self.recording else { return };
        let same = |known: &RecordedList| {
            (&known.group, &known.resource, &known.part, &known.namespace)
                == (&empty.group, &empty.resource, &empty.part, &empty.namespace)
        };
        let at = recording.lists.iter().position(same).unwrap_or_else(|| {
            recording.lists.push(empty);
            recording.lists.len() - 1
        });
        change(&mut recording.lists[at]);
    }

    /// The namespace that a list is limited to.
    fn namespace(&self, list: ListOf) -> Option<&str> {
        let limited = list.resource.info().namespaced && list.place == Place::Scope;
        self.snapshot.scope.namespace().filter(|_| limited)
    }

    /// The server's clock is the only one: the newest Date header counts.
    fn clock(&mut self, parts: &Parts) {
        let date = parts
            .headers
            .get(http::header::DATE)
            .and_then(|date| date.to_str().ok());
        if let Some(at) = date.and_then(|date| rfc2822::parse(date).ok()) {
            self.snapshot.taken_at = self.snapshot.taken_at.max(at.timestamp());
        }
    }
}

/// Reads one list page by page; `path` with all of its query but where a page begins. When it changes under the reading (410), it starts once more from the beginning: pages
/// of two states, put together, can lack an object that existed all the time.
async fn read_list(client: Client, path: String, list: ListOf, answers: mpsc::Sender<Answer>) {
    let mut token = String::new();
    let mut again = true;
    loop {
        let mut query = path.clone();
        if !token.is_empty() {
            query += &format!("&continue={}", percent_encoded(&token));
        }
        let (answer, next) = match get(&client, &query).await {
            Ok((parts, body)) => {
                let next = next_page(&body);
                (Answer::Page(list, parts, body), next)
            }
            Err(Failure::Expired(_)) if again && !token.is_empty() => {
                again = false;
                token.clear();
                if answers.send(Answer::Again(list)).await.is_err() {
                    return;
                }
                continue;
            }
            Err(failure) => (Answer::Failed(list, failure), String::new()),
        };
        let stuck = !next.is_empty() && next == token;
        token = next;
        if answers.send(answer).await.is_err() || token.is_empty() {
            return;
        }
        if stuck {
            let failure = Failure::Other("the server sends the same page again and again".to_owned());
            let _ = answers.send(Answer::Failed(list, failure)).await;
            return;
        }
    }
}

/// Whether a server may lack the whole API group, which a 404 then says. Every server has the other groups: there a 404
/// comes from something that is no API server, or from a wrong path to it.
fn is_optional(resource: Resource) -> bool {
    !["", "apps"].contains(&resource.info().group)
}

/// The continue token. The API server writes a list's metadata before its objects, which are then not read here.
fn next_page(body: &[u8]) -> String {
    let mut head = PageHead::default();
    // Leaving early is an error to the reader of JSON; whether the body is a list is found where it is parsed.
    let _ = serde_json::Deserializer::from_slice(body).deserialize_map(HeadOf(&mut head));
    head.continue_token
}

/// Takes a list's metadata, and nothing behind it.
struct HeadOf<'h>(&'h mut PageHead);

impl<'de> Visitor<'de> for HeadOf<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(field) = fields.next_key::<String>()? {
            if field == "metadata" {
                *self.0 = fields.next_value()?;
                return Ok(());
            }
            fields.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

fn reason(failure: &Failure) -> GapReason {
    match failure {
        Failure::Forbidden(_) => GapReason::Forbidden,
        Failure::Timeout(_) => GapReason::Timeout,
        Failure::Expired(_) => GapReason::Expired,
        other => GapReason::Failed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_found_wherever_the_head_stands() {
        let before = br#"{"kind":"PodList","metadata":{"continue":"abc"},"items":[{"metadata":{"continue":"x"}}]}"#;
        let behind = br#"{"items":[{"metadata":{"continue":"x"}}],"metadata":{"continue":"abc"}}"#;
        assert_eq!(next_page(before), "abc");
        assert_eq!(next_page(behind), "abc");
        assert_eq!(next_page(br#"{"metadata":{"resourceVersion":"7"},"items":[]}"#), "");
        assert_eq!(next_page(b"<html>"), "");
    }
}
