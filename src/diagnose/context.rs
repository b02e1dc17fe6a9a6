//! What a rule may look at: the set, its neighbours through indices, and what the controller would do.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};

use super::finding::ObjectRef;
use super::fit::Misfits;
use super::messages::controller_pod;
use super::provisioner::{Provisioner, Standing, investigate};
use crate::controller::{self, Decision, HeldBack, Input, Op, Profiles, Wait};
use crate::dns::domain::{ASSUMED, Domain};
use crate::dns::{Comparison, Known, compare};
use crate::model::answer::Served;
use crate::model::gap::Gap;
use crate::model::link::Linked;
use crate::model::listing::Listing;
use crate::model::objects::{Claim, Event, Meta, Object, Pod, StatefulSet, StorageClass};
use crate::model::ordinal;
use crate::model::pod_state::{PodState, pod_state};
use crate::model::resource::Resource;
use crate::model::set::{Ordinal, SetModel};

/// Everything that is known when one set is diagnosed.
#[derive(Debug)]
pub struct Context<'a> {
    /// All that was read.
    pub linked: &'a Linked<'a>,
    /// The set, laid out by ordinals.
    pub model: SetModel<'a>,
    /// What the controller sees.
    pub input: Input<'a>,
    /// What it does next.
    pub decision: Decision,
    /// Why that is only likely, as clauses: the controller's version and gates cannot all be seen.
    pub doubts: Vec<String>,
    /// What its waiting keeps from happening.
    pub held_back: Vec<HeldBack>,
    /// What DNS servers said; empty where nobody was asked.
    pub served: &'a [Served],
    /// The cluster domain, and how it is known.
    pub domain: &'a Domain,
    /// Whether names are what is asked about: then what harms nothing is told as well.
    pub of_names: bool,
    /// The set's records, compared when somebody asks.
    records: OnceCell<Comparison>,
    /// Provisioners that were looked into: several rules ask about the same one.
    provisioners: RefCell<BTreeMap<String, Rc<Provisioner<'a>>>>,
}

impl<'a> Context<'a> {
    /// Lays out one set and asks the controller model about it.
    pub fn new(linked: &'a Linked<'a>, set: &'a StatefulSet) -> Self {
        let model = SetModel::new(linked, set);
        let profiles = Profiles::plausible(linked.snapshot.server_version.as_deref());
        let namespace = set.metadata.namespace.as_str();
        let pods = model.rows().filter_map(|row| row.pod);
        let claims = model.rows().flat_map(|row| &row.claims).filter_map(|slot| slot.claim);
        let revisions = model.revisions.iter().copied();
        let input = Input {
            taken: model.taken().collect(),
            revisions_read: linked.snapshot.revisions.complete().is_ok(),
            ..Input::new(set, pods, claims, revisions, linked.snapshot.taken_at, profiles.first)
        };
        debug_assert!(
            model
                .rows()
                .all(|row| row.pod.is_none_or(|pod| pod.metadata.namespace == namespace))
        );
        let consensus = profiles.decide(&input);
        let doubts = consensus.doubts().collect();
        let decision = consensus.decision;
        let held_back = controller::held_back(&input, &decision);
        Self {
            linked,
            model,
            input,
            decision,
            doubts,
            held_back,
            served: &[],
            domain: &ASSUMED,
            of_names: false,
            records: OnceCell::new(),
            provisioners: RefCell::default(),
        }
    }

    /// The same for questions about names: with the cluster domain, and what servers said of names in it.
    pub fn resolved(self, domain: &'a Domain, served: &'a [Served]) -> Self {
        Self {
            served,
            domain,
            of_names: true,
            ..self
        }
    }

    /// The set's records: expected, published and, where servers were asked, served.
    pub fn records(&self) -> &Comparison {
        self.records.get_or_init(|| {
            let snapshot = self.linked.snapshot;
            let service = self.model.service;
            let read = self.need(&snapshot.services).is_ok() && self.need(&snapshot.slices).is_ok();
            let known = Known {
                pods: self
                    .need(&snapshot.pods)
                    .ok()
                    .map(|_| self.linked.pods_of(self.namespace())),
                service,
                slices: read.then(|| service.map_or(&[][..], |service| self.linked.slices(service))),
                domain: &self.domain.name,
            };
            compare(&self.model, known).served(self.served)
        })
    }

    /// What is known about a provisioner.
    pub fn provisioner(&self, name: &str) -> Rc<Provisioner<'a>> {
        let mut known = self.provisioners.borrow_mut();
        let found = known
            .entry(name.to_owned())
            .or_insert_with(|| Rc::new(investigate(self.linked, name)));
        Rc::clone(found)
    }

    /// The set itself.
    pub fn set(&self) -> &'a StatefulSet {
        self.model.set
    }

    /// Its namespace.
    pub fn namespace(&self) -> &'a str {
        &self.set().metadata.namespace
    }

    /// The only clock.
    pub fn now(&self) -> Timestamp {
        self.linked.snapshot.taken_at
    }

    /// The objects of a listing, when nothing is missing that concerns this set; otherwise what is.
    ///
    /// # Errors
    /// The first gap that could hide something of this set.
    pub fn need<'l, T: Object>(&self, listing: &'l Listing<T>) -> Result<&'l [T], Gap> {
        match listing.complete() {
            Ok(items) => Ok(items),
            Err(first) if listing.gaps.is_empty() => Err(first),
            Err(_) => match listing.gaps.iter().find(|gap| self.concerns(gap)) {
                Some(gap) => Err(gap.clone()),
                None => Ok(&listing.items),
            },
        }
    }

    /// All that was asked for, not read, and could be of this set.
    pub fn gaps(&self) -> impl Iterator<Item = &Gap> {
        self.linked.snapshot.gaps().filter(|gap| self.concerns(gap))
    }

    /// Whether what is missing could be of this set: a whole list, or an object with its namespace and its kind of name.
    fn concerns(&self, gap: &Gap) -> bool {
        let numbered = [Resource::Pods, Resource::PersistentVolumeClaims].contains(&gap.resource);
        let set = &self.set().metadata;
        if gap
            .namespace
            .as_ref()
            .is_some_and(|namespace| *namespace != set.namespace)
        {
            return false;
        }
        match &gap.name {
            None => true,
            // Claims end in the pod's name, so one test serves both; other kinds have names of any form.
            Some(_) if !numbered => true,
            Some(name) => match ordinal::numbered(name) {
                Some((parent, _)) => parent == set.name || parent.ends_with(&format!("-{}", set.name)),
                None => true,
            },
        }
    }

    /// Rows whose pod exists and is not fine, lowest first; pods of the set only.
    pub fn troubled(&self) -> impl Iterator<Item = (&Ordinal<'a>, &'a Pod, PodState<'a>)> {
        self.model.rows().filter_map(|row| {
            let pod = row.pod?;
            let state = pod_state(pod, self.now());
            (!matches!(state, PodState::Ready)).then_some((row, pod, state))
        })
    }

    /// The claims of a row that exist and are not bound.
    pub fn pending_claims<'s>(&'s self, row: &'s Ordinal<'a>) -> impl Iterator<Item = &'a Claim> + 's {
        row.claims
            .iter()
            .filter_map(|slot| slot.claim)
            .filter(|claim| claim.status.phase == "Pending")
    }

    /// Whether the controller will never replace this pod although it is on a revision that is not wanted:
    /// kubernetes#67250. Only a trouble that its template made counts; a claim that is not bound follows the pod's
    /// successor too.
    pub fn withdrawn(&self, row: &Ordinal<'a>) -> bool {
        let Some(pod) = row.pod else { return false };
        let waits = self
            .decision
            .waits_for
            .iter()
            .any(|wait: &Wait| wait.name == pod.metadata.name);
        let template_made = match pod_state(pod, self.now()) {
            // The same image again would fail again: then the template is not cured yet.
            PodState::ImagePull(container, _) => {
                let wanted = self
                    .model
                    .revision(self.desired_revision(row))
                    .map(|revision| revision.images());
                wanted.is_none_or(|images| !images.contains(&(container.name.as_str(), container.image.as_str())))
            }
            PodState::Crashing(..) | PodState::Waiting(..) => true,
            PodState::NotReady => pod.restarts() > 0,
            PodState::Unscheduled => self.pending_claims(row).next().is_none(),
            PodState::Ready | PodState::Starting | PodState::Terminating | PodState::Ended => false,
        };
        waits && template_made && self.set().ordered() && pod.revision() != self.desired_revision(row)
    }

    /// The revision that this ordinal's pod would get if it were made now.
    pub fn desired_revision(&self, row: &Ordinal<'_>) -> &str {
        let index = row.ordinal - i64::from(self.set().start());
        controller::desired_revision(&self.input, &self.decision, index)
    }

    /// Events about the object with this uid and reason, newest first.
    pub fn events<'s>(&'s self, uid: &str, reason: &'s str) -> impl Iterator<Item = &'a Event> + 's {
        self.linked
            .events(uid)
            .iter()
            .copied()
            .filter(move |event| event.reason == reason)
    }

    /// Whether the controller would create this pod now.
    pub fn creates(&self, pod: &str) -> bool {
        self.decision.names(Op::CreatePod).any(|name| name == pod)
    }

    /// The newest event about a missing pod, when it is a failed creation: a success after that makes it history.
    pub fn refusal(&self, row: &Ordinal<'_>) -> Option<&'a Event> {
        let about = |event: &&&'a Event| controller_pod(&event.message) == Some(row.name.as_str());
        let newest = self.linked.events(&self.set().metadata.uid).iter().find(about)?;
        (row.pod.is_none() && newest.reason == "FailedCreate").then_some(*newest)
    }

    /// Since when the controller owes an answer to the newest change of the set. `None` while it may only be slow, and
    /// where nothing tells when the change was made.
    pub fn unanswered(&self) -> Option<Timestamp> {
        let Meta {
            generation,
            managed_fields,
            creation_timestamp,
            ..
        } = &self.set().metadata;
        let seen = self.set().status.observed_generation;
        if seen >= *generation {
            return None;
        }
        let of_spec = managed_fields
            .iter()
            .filter(|entry| entry.subresource != "status" && entry.fields.contains_key("f:spec"));
        let made = creation_timestamp.filter(|_| seen.is_none());
        let since = of_spec.filter_map(|entry| entry.time).max().or(made)?;
        (self.now().duration_since(since) > ANSWER).then_some(since)
    }

    /// Pods whose own trouble is worth a look: those of the set that the controller would not cure by itself and whose
    /// node and volumes are there, and those of a provisioner that is down. With each the ordinals that suffer from it.
    pub fn suspects(&self) -> Vec<Suspect<'a>> {
        let elsewhere = |row: &Ordinal<'a>, pod| self.lost_node(pod).is_some() || self.stranded(row).is_some();
        let own = self
            .troubled()
            .filter(|(row, pod, _)| !self.withdrawn(row) && !elsewhere(row, pod));
        let mut suspects: Vec<_> = own
            .map(|(row, pod, state)| Suspect {
                pod,
                state,
                ordinals: vec![row.ordinal],
                own: true,
            })
            .collect();
        for (row, _, trouble) in self.waiting_claims() {
            let ClaimTrouble::Provisioner(_, provisioner) = trouble else {
                continue;
            };
            let Standing::Down(runner) = &provisioner.standing else {
                continue;
            };
            for &pod in &runner.pods {
                match suspects
                    .iter_mut()
                    .find(|suspect| suspect.pod.metadata.uid == pod.metadata.uid)
                {
                    Some(known) => known.ordinals.push(row.ordinal),
                    None => suspects.push(Suspect {
                        pod,
                        state: pod_state(pod, self.now()),
                        ordinals: vec![row.ordinal],
                        own: false,
                    }),
                }
            }
        }
        suspects
    }
}

/// A controller that runs sees a change within this time.
const ANSWER: SignedDuration = SignedDuration::from_secs(30);

/// What keeps a claim from being bound.
#[derive(Debug)]
pub enum ClaimTrouble<'a> {
    /// Its provisioner does not run, or cannot be seen to.
    Provisioner(&'a StorageClass, Rc<Provisioner<'a>>),
    /// Its provisioner tried and failed; the newest report.
    Failed(&'a Event),
    /// Its class does not exist, and no volume carries that name.
    ClassMissing(&'a str),
    /// It names no class, no class is the default, and no volume without a class fits.
    NoDefault,
    /// Only volumes made by hand can serve it, and none does: each with the reason.
    NoVolume(Misfits<'a>),
    /// Its provisioner runs, and was asked so lately that it need not have answered.
    UnderWay,
    /// Something else.
    Other,
}

/// A pod that is not fine.
#[derive(Debug)]
pub struct Suspect<'a> {
    /// The pod.
    pub pod: &'a Pod,
    /// What is the matter.
    pub state: PodState<'a>,
    /// The set's ordinals that suffer.
    pub ordinals: Vec<i64>,
    /// Whether the pod is the set's own.
    pub own: bool,
}

impl Suspect<'_> {
    /// The pod as an object.
    pub fn object(&self) -> ObjectRef {
        ObjectRef::of("Pod", &self.pod.metadata)
    }
}
