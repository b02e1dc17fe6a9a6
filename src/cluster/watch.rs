//! Rounds of collection that follow a namespace: watches say when to look again, lists say what there is, so that a wait
//! rests on the same reading as every other answer. A round has as many requests as any collection, never more often
//! than once a second, and at least every ten seconds: some facts change with time alone.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use http::{Request, header};
use kube::Client;
use kube::core::WatchEvent;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::collect::{Asked, collect};
use super::connect::{ConnectArgs, Connection, connect};
use super::error::{Failure, JSON, METADATA, classify, get};
use crate::model::listing::PageHead;
use crate::model::named::Named;
use crate::model::ordinal::numbered;
use crate::model::resource::{Resource, percent_encoded};
use crate::model::snapshot::Snapshot;

/// What is watched: the set, and what its controller waits for.
pub const WATCHED: [Resource; 3] = [Resource::StatefulSets, Resource::Pods, Resource::PersistentVolumeClaims];

/// Between two rounds, at least.
const SHORTEST: Duration = Duration::from_secs(1);
/// Between two rounds, at most.
const LONGEST: Duration = Duration::from_secs(10);
/// A namespace that takes long to read is read less often: the reading takes a fifth of the time at most.
const REST: u32 = 4;
/// A server may be away for so long, as when it is restarted.
const PATIENCE: Duration = Duration::from_secs(60);
/// The server ends a watch after this time, and that is nothing to speak of.
const WATCH_ENDS: Duration = Duration::from_secs(290);
/// Before a watch that failed is begun again; doubled each time, up to `LONGEST`.
const PAUSE: Duration = Duration::from_secs(1);

/// What one round gave.
#[derive(Debug)]
pub struct Round {
    /// What was read; `None` when the server did not answer.
    pub snapshot: Option<Snapshot>,
    /// What a person should know of the watching itself.
    pub notices: Vec<String>,
    /// Whether the time is over.
    pub last: bool,
}

/// Collections one after the other.
pub struct Rounds<'a> {
    args: ConnectArgs,
    connection: Connection,
    asked: Asked<'a>,
    deadline: Option<Instant>,
    sender: mpsc::Sender<Signal>,
    signals: mpsc::Receiver<Signal>,
    /// They end with this value.
    watches: JoinSet<()>,
    /// When the last round ended, and when the next may begin.
    earliest: Option<(Instant, Instant)>,
    /// Since when the server has not answered.
    silent: Option<Instant>,
}

enum Signal {
    /// Something of the sets changed.
    Changed,
    /// Something to say of the watching.
    Notice(String),
}

impl<'a> Rounds<'a> {
    /// Begins to watch. `limit`: how long there are rounds; none is for ever, zero is one round.
    ///
    /// # Errors
    /// As [`connect`].
    pub async fn start(
        args: ConnectArgs,
        asked: impl FnOnce(&Connection) -> Asked<'a>,
        limit: Option<Duration>,
    ) -> anyhow::Result<Self> {
        let connection = connect(&args).await?;
        let asked = asked(&connection);
        let deadline = limit.map(|limit| Instant::now() + limit);
        // More than one waiting signal says nothing more.
        let (sender, signals) = mpsc::channel(WATCHED.len());
        let mut rounds = Self {
            args,
            connection,
            asked,
            deadline,
            sender,
            signals,
            watches: JoinSet::new(),
            earliest: None,
            silent: None,
        };
        if limit != Some(Duration::ZERO) {
            rounds.watch();
        }
        Ok(rounds)
    }

    /// Waits until there is something to look at, or until it is time, and looks.
    ///
    /// # Errors
    /// When nothing was ever answered, when the server has been away for too long, or does not know the user.
    pub async fn next(&mut self) -> anyhow::Result<Round> {
        let mut notices = Vec::new();
        if let Some((ended, earliest)) = self.earliest {
            self.pause(ended + LONGEST, earliest, &mut notices).await;
        }
        let last = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let first = self.earliest.is_none();
        let began = Instant::now();
        let mut read = self.collect().await;
        if let (Err(Failure::Unauthorized(_)), false) = (&read, first) {
            // Credentials of a plugin expire in a long wait.
            self.connection = connect(&self.args).await?;
            self.watch();
            read = self.collect().await;
        }
        let ended = Instant::now();
        self.earliest = Some((ended, ended + SHORTEST.max((ended - began) * REST).min(LONGEST)));
        let snapshot = match read {
            Ok(snapshot) => {
                self.silent = None;
                Some(snapshot)
            }
            Err(failure @ (Failure::Unreachable(_) | Failure::Timeout(_))) if !first => {
                let since = *self.silent.get_or_insert(began);
                if since == began {
                    notices.push(format!("{failure}; trying again"));
                }
                if ended - since > PATIENCE {
                    let away = PATIENCE.as_secs();
                    return Err(anyhow::Error::new(failure).context(format!("no answer for more than {away}s")));
                }
                None
            }
            Err(failure) => return Err(failure.into()),
        };
        Ok(Round {
            snapshot,
            notices,
            last,
        })
    }

    /// Begins the watches, in the place of those that there are.
    fn watch(&mut self) {
        self.watches = JoinSet::new();
        for resource in WATCHED {
            let watched = Watched::new(resource, &self.asked);
            self.watches
                .spawn(watch(self.connection.client.clone(), watched, self.sender.clone()));
        }
    }

    async fn collect(&self) -> Result<Snapshot, Failure> {
        let Connection { client, context, .. } = &self.connection;
        let asked = self.asked.clone();
        collect(client, context, asked)
            .await
            .map(|collected| collected.snapshot)
    }

    /// Until `longest` if nothing changes, and not before `earliest` if something does. The deadline ends both.
    async fn pause(&mut self, longest: Instant, earliest: Instant, notices: &mut Vec<String>) {
        let within = |at: Instant| self.deadline.map_or(at, |deadline| deadline.min(at));
        let (longest, earliest) = (within(longest), within(earliest));
        let mut until = longest;
        while let Ok(Some(signal)) = timeout_at(until, self.signals.recv()).await {
            match signal {
                Signal::Changed => until = earliest.min(longest),
                Signal::Notice(notice) => notices.push(notice),
            }
        }
    }
}

/// One watch.
struct Watched {
    resource: Resource,
    path: String,
    /// `&fieldSelector=…` for a set on its own.
    field: String,
    /// Names of sets: what carries none of them is somebody else's.
    sets: Vec<String>,
}

/// An object of which only the name is asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct OnlyName {
    metadata: Name,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Name {
    name: String,
}

impl Watched {
    fn new(resource: Resource, asked: &Asked<'_>) -> Self {
        // One name that does not tell its set, and every change is worth a look.
        let sets = asked
            .names
            .iter()
            .map(|name| Named::parse(name).ok()?.set().map(str::to_owned));
        let sets: Vec<String> = sets.collect::<Option<_>>().unwrap_or_default();
        let field = match (resource, sets.as_slice()) {
            (Resource::StatefulSets, [one]) => format!("&fieldSelector=metadata.name%3D{}", percent_encoded(one)),
            _ => String::new(),
        };
        Self {
            resource,
            path: resource.path(asked.scope.namespace(), None),
            field,
            sets,
        }
    }

    /// Whether a change of the object of this name is worth a look. Claims end in the pod's name.
    fn concerns(&self, name: &str) -> bool {
        let of_set = |set: &String| match self.resource {
            Resource::StatefulSets => name == set,
            _ => numbered(name).is_some_and(|(parent, _)| {
                parent == set || parent.strip_suffix(set.as_str()).is_some_and(|p| p.ends_with('-'))
            }),
        };
        self.sets.is_empty() || self.sets.iter().any(of_set)
    }

    /// The version that the list has now: what changes after it is told by the watch.
    async fn version(&self, client: &Client) -> Result<String, Failure> {
        let (_, body) = get(client, &format!("{}?limit=1{}", self.path, self.field)).await?;
        let page: Head =
            serde_json::from_slice(&body).map_err(|_| Failure::Other("the server sent no list".to_owned()))?;
        Ok(page.metadata.resource_version)
    }

    /// Follows the changes until the watch ends. `Ok`: the server ended it.
    async fn follow(&self, client: &Client, version: &str, signals: &mpsc::Sender<Signal>) -> Result<(), Failure> {
        let query = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}{}",
            self.path,
            WATCH_ENDS.as_secs(),
            percent_encoded(version),
            self.field
        );
        let request = Request::get(query)
            .header(header::ACCEPT, format!("{METADATA},{JSON}"))
            .body(Vec::new())
            .map_err(|_| Failure::Other("the watch cannot be asked for".to_owned()))?;
        let events = client.request_events::<OnlyName>(request).await;
        let mut events = std::pin::pin!(events.map_err(|error| classify(&error))?);
        // A stream that breaks is a watch that was cut, whatever broke it.
        while let Ok(Some(event)) = events.try_next().await {
            match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) | WatchEvent::Deleted(object) => {
                    if self.concerns(&object.metadata.name) {
                        // A full channel holds signals enough.
                        let _ = signals.try_send(Signal::Changed);
                    }
                }
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(status) => return Err(classify(&kube::Error::Api(status))),
            }
        }
        Ok(())
    }
}

/// A list's metadata alone.
#[derive(Deserialize)]
struct Head {
    metadata: PageHead,
}

/// Watches one resource for as long as anybody listens: from a list on, and from a new list when it broke.
async fn watch(client: Client, watched: Watched, signals: mpsc::Sender<Signal>) {
    let plural = watched.resource.info().plural;
    let mut pause = PAUSE;
    let mut said = false;
    while !signals.is_closed() {
        let began = Instant::now();
        let ended = match watched.version(&client).await {
            Ok(version) => watched.follow(&client, &version, &signals).await,
            Err(failure) => Err(failure),
        };
        let lasted = began.elapsed();
        if lasted > LONGEST {
            (pause, said) = (PAUSE, false);
        }
        let notice = match &ended {
            // It ended in its time.
            Ok(()) if lasted + PAUSE >= WATCH_ENDS => None,
            Ok(()) => Some(format!("the watch of {plural} was cut; reading anew")),
            Err(Failure::Expired(_)) => Some(format!("the watch of {plural} expired (410); reading anew")),
            // The rounds meet the same, and speak of it.
            Err(Failure::Unreachable(_) | Failure::Timeout(_)) => None,
            // What is refused once is refused again; the rounds go on without.
            Err(failure @ (Failure::Forbidden(_) | Failure::NotFound(_) | Failure::Unauthorized(_))) => {
                let every = LONGEST.as_secs();
                let notice = format!("{plural} cannot be watched, so they are read every {every}s ({failure})");
                let _ = signals.send(Signal::Notice(notice)).await;
                return;
            }
            Err(failure) => Some(format!("the watch of {plural} broke ({failure}); reading anew")),
        };
        if let (Some(notice), false) = (notice, said) {
            said = true;
            let _ = signals.send(Signal::Notice(notice)).await;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
        // What happened in between was told to nobody.
        let _ = signals.try_send(Signal::Changed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::collect::Keep;
    use crate::model::snapshot::Scope;

    #[test]
    fn only_what_carries_a_set_s_name_is_worth_a_look() {
        let names = ["web".to_owned()];
        let asked = Asked {
            scope: Scope::Namespace("shop".to_owned()),
            needs: (&WATCHED).into(),
            names: &names,
            keep: Keep::Nothing,
        };
        let [sets, pods, claims] = WATCHED.map(|resource| Watched::new(resource, &asked));
        assert_eq!(sets.field, "&fieldSelector=metadata.name%3Dweb");
        assert!(sets.concerns("web") && !sets.concerns("web-1"));
        assert!(pods.concerns("web-1") && !pods.concerns("cobweb-1") && !pods.concerns("api-7d9f"));
        assert!(claims.concerns("data-web-1") && !claims.concerns("data-cobweb-1"));
    }
}
