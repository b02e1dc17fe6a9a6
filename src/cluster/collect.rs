//! Reads everything one command needs, in two bounded rounds: lists side by side and page by page, then what the first
//! round calls for. The number of requests does not grow with the objects, pages aside.

use http::response::Parts;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use kube::Client;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::error::{Failure, get};
use crate::model::gap::{Gap, GapReason};
use crate::model::listing::PageHead;
use crate::model::mask;
use crate::model::recording::{API_VERSION, Absent, KIND, RecordedList, Recording};
use crate::model::resource::Resource;
use crate::model::rounds::{self, Want};
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

/// One list request.
#[derive(Clone, Copy, Debug)]
struct ListOf {
    resource: Resource,
    /// Over all namespaces, beside the scope's own list of the same resource.
    wide: bool,
}

enum Answer {
    Page(ListOf, Parts, Vec<u8>),
    Failed(ListOf, Failure),
    Read(Want, Result<Vec<u8>, Failure>),
    Version(Result<(Parts, Vec<u8>), Failure>),
}

/// The collection under way.
struct Collection {
    snapshot: Snapshot,
    recording: Option<Recording>,
    mask: bool,
}

/// What [`collect`] gives.
#[derive(Debug)]
pub struct Collected {
    /// The lean view.
    pub snapshot: Snapshot,
    /// The raw view, when it was asked for.
    pub recording: Option<Recording>,
}

/// Reads `first` over `scope`, then what that calls for.
///
/// # Errors
/// When no list could be answered at all: the server is unreachable or does not know the user. A single refused,
/// missing or late list is a [`Gap`] in the snapshot instead.
pub async fn collect(
    client: &Client,
    context: &str,
    scope: Scope,
    first: &[Resource],
    keep: Keep,
) -> Result<Collected, Failure> {
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
    let snapshot = Snapshot::new(Timestamp::UNIX_EPOCH, context.to_owned(), scope);
    let mut collection = Collection {
        snapshot,
        recording,
        mask: keep == Keep::Masked,
    };

    let lists: Vec<_> = first.iter().map(|&resource| ListOf { resource, wide: false }).collect();
    collection.round(client, &lists, &[], true).await?;
    let second = rounds::second_round(&collection.snapshot);
    let lists: Vec<_> = second
        .lists
        .iter()
        .map(|&resource| ListOf { resource, wide: true })
        .collect();
    collection.round(client, &lists, &second.reads, false).await?;

    if collection.snapshot.taken_at == Timestamp::UNIX_EPOCH {
        // A proxy may strip the Date header; the own clock is the next best.
        collection.snapshot.taken_at = Timestamp::now();
    }
    let Collection {
        snapshot,
        mut recording,
        ..
    } = collection;
    if let Some(recording) = &mut recording {
        recording.taken_at = snapshot.taken_at;
        recording.server_version.clone_from(&snapshot.server_version);
        recording
            .lists
            .sort_by(|a, b| (&a.group, &a.resource, &a.namespace).cmp(&(&b.group, &b.resource, &b.namespace)));
    }
    Ok(Collected { snapshot, recording })
}

impl Collection {
    async fn round(&mut self, client: &Client, lists: &[ListOf], reads: &[Want], version: bool) -> Result<(), Failure> {
        let (answers, mut inbox) = mpsc::channel(PAGES_AHEAD);
        let mut tasks = JoinSet::new();
        for &list in lists {
            let namespace = if list.wide {
                None
            } else {
                self.snapshot.scope.namespace()
            };
            let path = list.resource.path(namespace, None);
            self.record(list, |_| ());
            tasks.spawn(read_list(client.clone(), path, list, answers.clone()));
        }
        for want in reads.iter().cloned() {
            let (client, answers) = (client.clone(), answers.clone());
            tasks.spawn(async move {
                let path = want.resource.path(want.namespace.as_deref(), Some(&want.name));
                let answer = get(&client, &path).await.map(|(_, body)| body);
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
        Ok(())
    }

    fn take(&mut self, answer: Answer) -> Result<(), Failure> {
        match answer {
            Answer::Page(list, parts, body) => {
                self.clock(&parts);
                self.page(list, &body);
            }
            // Nothing else will be answered either: one sentence instead of twenty gaps.
            Answer::Failed(_, failure @ (Failure::Unreachable(_) | Failure::Unauthorized(_))) => return Err(failure),
            Answer::Failed(list, failure) => self.gap(list, reason(&failure)),
            Answer::Read(want, Ok(body)) => {
                if let (Some(sink), Ok(object)) =
                    (self.snapshot.sink(want.resource, false), serde_json::from_slice(&body))
                {
                    sink.object(object);
                }
            }
            Answer::Read(want, Err(Failure::NotFound(_))) => {
                if let Some(recording) = &mut self.recording {
                    recording
                        .confirmed_absent
                        .push(Absent::new(want.resource, want.namespace.as_deref(), &want.name));
                }
                self.snapshot
                    .confirmed_absent
                    .push((want.resource, want.namespace, want.name));
            }
            // An absence that could not be confirmed stays unconfirmed: the finding is only likely.
            Answer::Read(..) => {}
            Answer::Version(Ok((parts, body))) => {
                self.clock(&parts);
                let version: Option<Value> = serde_json::from_slice(&body).ok();
                self.snapshot.server_version = version.and_then(|v| v.get("gitVersion")?.as_str().map(str::to_owned));
            }
            Answer::Version(Err(failure @ (Failure::Unreachable(_) | Failure::Unauthorized(_)))) => {
                return Err(failure);
            }
            Answer::Version(Err(_)) => {}
        }
        Ok(())
    }

    fn page(&mut self, list: ListOf, body: &[u8]) {
        if let Some(sink) = self.snapshot.sink(list.resource, list.wide)
            && let Err(error) = sink.page(body)
        {
            self.gap(list, GapReason::Failed(format!("the server sent no list: {error}")));
            return;
        }
        let mask = self.mask;
        if self.recording.is_some()
            && let Ok(raw) = serde_json::from_slice::<RawPage>(body)
        {
            self.record(list, |recorded| {
                recorded.resource_version = raw.metadata.resource_version;
                for mut object in raw.items.into_iter().flatten() {
                    mask::prepare(list.resource, &mut object, mask);
                    recorded.items.push(object);
                }
            });
        }
    }

    fn gap(&mut self, list: ListOf, reason: GapReason) {
        self.record(list, |recorded| recorded.gap(&reason));
        let namespace = if list.wide {
            None
        } else {
            self.snapshot.scope.namespace()
        };
        let gap = Gap::list(list.resource, namespace, reason);
        if let Some(sink) = self.snapshot.sink(list.resource, list.wide) {
            sink.gap(gap);
        }
    }

    fn record(&mut self, list: ListOf, change: impl FnOnce(&mut RecordedList)) {
        let Some(recording) = &mut self.recording else { return };
        let namespaced = list.resource.info().namespaced && !list.wide;
        let namespace = if namespaced {
            self.snapshot.scope.namespace()
        } else {
            None
        };
        let empty = RecordedList::new(list.resource, namespace);
        let same = |known: &RecordedList| {
            known.group == empty.group && known.resource == empty.resource && known.namespace == empty.namespace
        };
        let at = recording.lists.iter().position(same).unwrap_or_else(|| {
            recording.lists.push(empty);
            recording.lists.len() - 1
        });
        change(&mut recording.lists[at]);
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

#[derive(serde::Deserialize)]
struct RawPage {
    #[serde(default)]
    metadata: PageHead,
    items: Option<Vec<Value>>,
}

async fn read_list(client: Client, path: String, list: ListOf, answers: mpsc::Sender<Answer>) {
    let mut token = String::new();
    loop {
        let mut query = format!("{path}?limit={PAGE}");
        if !token.is_empty() {
            query += &format!("&continue={}", percent_encoded(&token));
        }
        let (parts, body) = match get(&client, &query).await {
            Ok(answer) => answer,
            Err(failure) => {
                let _ = answers.send(Answer::Failed(list, failure)).await;
                return;
            }
        };
        token = next_page(&body);
        if answers.send(Answer::Page(list, parts, body)).await.is_err() || token.is_empty() {
            return;
        }
    }
}

/// The continue token, read without the objects.
fn next_page(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Head {
        #[serde(default)]
        metadata: PageHead,
    }
    serde_json::from_slice::<Head>(body)
        .map(|head| head.metadata.continue_token)
        .unwrap_or_default()
}

/// Continue tokens are base64url in practice, and opaque by contract.
fn percent_encoded(token: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    token
        .bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

fn reason(failure: &Failure) -> GapReason {
    match failure {
        Failure::Forbidden(_) => GapReason::Forbidden,
        Failure::Timeout(_) => GapReason::Timeout,
        Failure::Expired(_) => GapReason::Expired,
        other => GapReason::Failed(other.to_string()),
    }
}
