//! What one sync reads: borrowed from whoever holds the objects, or owned and read from a line of the oracle's protocol.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Profile, UnknownGate};
use crate::model::objects::{Claim, Pod, Revision, StatefulSet};

/// Everything that decides one sync.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The set as the API serves it, after defaulting.
    pub set: &'a StatefulSet,
    /// The pods it owns, in the order of the list.
    pub pods: Vec<&'a Pod>,
    /// Claims by name; those that the set's templates give names to suffice.
    pub claims: HashMap<&'a str, &'a Claim>,
    /// ControllerRevisions of the namespace; foreign ones are sorted out, but their names count as taken.
    pub revisions: Vec<&'a Revision>,
    /// Names of pods that exist and are not the set's: the server refuses to make another of that name.
    pub taken: HashSet<&'a str>,
    /// The controller's clock.
    pub now: Timestamp,
    /// How this controller behaves.
    pub profile: Profile,
    /// Whether these are all the revisions that exist. Of those that were not read the status says which are in play.
    pub revisions_read: bool,
    /// Whether `status.updateRevision` is believed when the controller has seen the newest generation. Right for live
    /// clusters, where the bytes of a revision cannot always be made again (masked values, fields this build does not
    /// know); wrong for a proof, which must find the revision by itself.
    pub trust_status: bool,
}

impl<'a> Input<'a> {
    /// Pods, claims and revisions must be of the set's namespace.
    pub fn new(
        set: &'a StatefulSet,
        pods: impl IntoIterator<Item = &'a Pod>,
        claims: impl IntoIterator<Item = &'a Claim>,
        revisions: impl IntoIterator<Item = &'a Revision>,
        now: Timestamp,
        profile: Profile,
    ) -> Self {
        Self {
            set,
            pods: pods.into_iter().collect(),
            claims: claims
                .into_iter()
                .map(|claim| (claim.metadata.name.as_str(), claim))
                .collect(),
            revisions: revisions.into_iter().collect(),
            taken: HashSet::new(),
            now,
            profile,
            revisions_read: true,
            trust_status: true,
        }
    }

    /// The pod of this name.
    pub(super) fn pod(&self, name: &str) -> Option<&'a Pod> {
        self.pods.iter().copied().find(|pod| pod.metadata.name == name)
    }
}

/// One line of the oracle's protocol.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Given back with the answer.
    #[serde(default)]
    pub id: Value,
    /// Empty means the newest known.
    #[serde(default)]
    pub server_version: String,
    /// Gates that are not at their default.
    #[serde(default)]
    pub feature_gates: BTreeMap<String, bool>,
    /// The controller's clock.
    pub now: Timestamp,
    /// The set.
    pub set: StatefulSet,
    /// Its pods.
    #[serde(default)]
    pub pods: Vec<Pod>,
    /// Claims of the namespace.
    #[serde(default)]
    pub claims: Vec<Claim>,
    /// Revisions of the namespace.
    #[serde(default)]
    pub revisions: Vec<Revision>,
}

impl State {
    /// The state as an input that proves: nothing is believed that the controller would find out itself.
    pub fn input(&self) -> Result<Input<'_>, UnknownGate> {
        let profile = Profile::for_version(&self.server_version).with_gates(&self.feature_gates)?;
        let input = Input::new(&self.set, &self.pods, &self.claims, &self.revisions, self.now, profile);
        Ok(Input {
            trust_status: false,
            ..input
        })
    }
}
