//! The records that a set should have beside those that its Service's slices publish and those that servers answer.

use core::slice;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::difference::{self, Difference};
use super::endpoint::{Absence, Endpoint, families, hostname, of_pod, of_slices};
use super::record::{Own, Records, Zone, records, reverse};
use crate::model::answer::{Answer, Question, RecordType, Served};
use crate::model::objects::{EndpointSlice, Pod, Service};
use crate::model::set::{Ordinal, SetModel};

/// What a comparison rests on.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The namespace's pods, the set's own among them; `None` when they were not read whole: without them nobody can say
    /// what should be.
    pub pods: Option<&'a [&'a Pod]>,
    /// The governing Service; `None` where there is none, as far as is known.
    pub service: Option<&'a Service>,
    /// Its slices; `None` where they, or Services, were not read whole.
    pub slices: Option<&'a [&'a EndpointSlice]>,
    /// The cluster domain.
    pub domain: &'a str,
}

/// All records of a set, expected, published and served.
#[derive(Debug)]
pub struct Comparison {
    /// In the order of the ordinals; then the Service's own.
    pub rows: Vec<Row>,
}

/// One question with its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The ordinal whose record it is; `None` for the Service's own, and for those of strangers.
    pub ordinal: Option<i64>,
    /// What is asked.
    pub question: Question,
    /// What the answer should be, from the pods; `None` when they could not be read.
    pub expected: Option<BTreeSet<String>>,
    /// Why there should be no answer now.
    pub absence: Option<Absence>,
    /// What the slices say; `None` when they could not be read.
    pub published: Option<BTreeSet<String>>,
    /// What servers say, one each of those that were asked.
    pub served: Vec<Heard>,
}

/// What one server said to a row's question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its name, as `Served` has it.
    pub server: String,
    /// What it said.
    pub answer: Answer,
}

/// Whether the answers to a question of this type are the right ones. An address has a name below every Service that
/// selects its pod, so that a way back may lead to more.
pub fn same(kind: RecordType, right: &BTreeSet<String>, answers: &BTreeSet<String>) -> bool {
    match kind {
        RecordType::Ptr if !right.is_empty() => right.is_subset(answers),
        _ => right == answers,
    }
}

impl Row {
    /// Whether what is published is what should be; `None` where it is not known.
    pub fn published_as_expected(&self) -> Option<bool> {
        Some(same(
            self.question.kind,
            self.expected.as_ref()?,
            self.published.as_ref()?,
        ))
    }

    /// Whether what is published and what every server says is what should be; `None` where nothing can be compared.
    pub fn agrees(&self) -> Option<bool> {
        let known = self.expected.is_some() && (self.published.is_some() || !self.served.is_empty());
        match self.difference() {
            Some(_) => Some(false),
            None => known.then_some(true),
        }
    }

    /// The first difference, from left to right.
    pub fn difference(&self) -> Option<Difference> {
        difference::first(self)
    }

    /// Whether an answer that should be there is not published, or a server does not give it.
    pub fn lacks(&self) -> bool {
        let published = self.expected.as_ref().zip(self.published.as_ref());
        let unpublished = published.is_some_and(|(expected, published)| !expected.is_subset(published));
        let unserved = self.served.iter().any(|heard| {
            let difference = difference::served(self, heard);
            difference.is_some_and(|difference| !difference.missing.is_empty())
        });
        unpublished || unserved
    }
}

impl Comparison {
    /// What transport has to ask: every row's question once.
    pub fn questions(&self) -> Vec<Question> {
        let all: BTreeSet<&Question> = self.rows.iter().map(|row| &row.question).collect();
        all.into_iter().cloned().collect()
    }

    /// The same with what servers answered.
    pub fn served(mut self, servers: &[Served]) -> Self {
        for row in &mut self.rows {
            let heard = servers.iter().filter_map(|served| {
                Some(Heard {
                    server: served.server.clone(),
                    answer: served.answers.get(&row.question)?.clone(),
                })
            });
            row.served = heard.collect();
        }
        self
    }
}

/// Compares. A set that names no Service has no records.
pub fn compare(model: &SetModel<'_>, known: Known<'_>) -> Comparison {
    let Known { service, domain, .. } = known;
    let zone = Zone {
        service: &model.set.spec.service_name,
        namespace: &model.set.metadata.namespace,
        domain,
    };
    if zone.service.is_empty() {
        return Comparison { rows: Vec::new() };
    }
    let pods = model.rows().filter(|_| known.pods.is_some());
    let pods: Vec<_> = pods.map(|row| (row, own(zone, row, service))).collect();
    let mut all: Vec<Endpoint<'_>> = pods.iter().filter_map(|(_, endpoint)| endpoint.clone().ok()).collect();
    let own_pods: HashSet<&str> = model
        .rows()
        .filter_map(|row| row.pod)
        .map(|pod| pod.metadata.uid.as_str())
        .collect();
    // Whoever else the Service selects stands under its name with the same right.
    let others = known.pods.into_iter().flatten().filter(|pod| {
        let selected = service.is_some_and(|service| service.selects(&pod.metadata.labels));
        selected && !own_pods.contains(pod.metadata.uid.as_str())
    });
    all.extend(others.filter_map(|pod| of_pod(Some(pod), service, hostname(pod, zone.service)).ok()));
    // An ExternalName is not what a set wants: its pods' names stay what should be.
    let expected = records(zone, &all, Own::of(service.filter(|service| !service.external())));
    let published = known.slices.map(|slices| match service {
        Some(service) if service.external() => records(zone, &[], Own::of(Some(service))),
        Some(service) => records(zone, &of_slices(slices.iter().copied()), Own::of(Some(service))),
        // Without its Service no slice is looked at.
        None => Records::new(),
    });

    let mut owners: BTreeMap<Question, i64> = BTreeMap::new();
    let mut absences: BTreeMap<Question, Absence> = BTreeMap::new();
    for (row, endpoint) in &pods {
        let name = zone.pod(&row.name);
        match endpoint {
            Ok(endpoint) => {
                let own = records(zone, slice::from_ref(endpoint), Own::Endpoints);
                let own = own.into_keys().filter(|question| is_own(question, &name));
                owners.extend(own.map(|question| (question, row.ordinal)));
            }
            // Pods out of range that are about to go have nothing to miss.
            Err(_) if model.condemned.iter().any(|gone| gone.ordinal == row.ordinal) => {}
            Err(absence) => {
                for kind in families(service) {
                    let question = Question {
                        name: name.clone(),
                        kind,
                    };
                    owners.insert(question.clone(), row.ordinal);
                    absences.insert(question, *absence);
                }
            }
        }
    }
    let mut questions: BTreeSet<&Question> = expected.keys().chain(owners.keys()).collect();
    questions.extend(published.iter().flat_map(Records::keys));
    let answers = |records: &Records, question| records.get(question).cloned().unwrap_or_default();
    let mut rows: Vec<Row> = questions
        .into_iter()
        .map(|question| Row {
            ordinal: owners.get(question).copied(),
            question: question.clone(),
            expected: known.pods.map(|_| answers(&expected, question)),
            absence: absences.get(question).copied(),
            published: published.as_ref().map(|published| answers(published, question)),
            served: Vec::new(),
        })
        .collect();
    // What strangers have of their own, and rightly, is their matter.
    let of_service = |name: &str| name == zone.name() || name.starts_with('_');
    let virtual_ips = service.map_or(Vec::new(), Service::virtual_ips);
    let ways_back: Vec<_> = virtual_ips.into_iter().map(reverse).collect();
    rows.retain(|row| {
        let name = &row.question.name;
        let differs = row.published.is_some() && row.published != row.expected;
        row.ordinal.is_some() || of_service(name) || ways_back.contains(name) || differs
    });
    rows.sort_by_key(|row| (row.ordinal.is_none(), row.ordinal, row.question.kind));
    Comparison { rows }
}

/// What a pod of the set should publish: under its own name, whatever it says itself.
fn own<'a>(zone: Zone<'_>, row: &Ordinal<'a>, service: Option<&Service>) -> Result<Endpoint<'a>, Absence> {
    let name = row.pod.map(|pod| pod.metadata.name.as_str());
    let endpoint = of_pod(row.pod, service, name)?;
    match zone.holds(&row.name) {
        true => Ok(endpoint),
        false => Err(Absence::NameTooLong),
    }
}

/// Whether a record is a pod's own: its name, or the way back to it.
fn is_own(question: &Question, name: &str) -> bool {
    question.name == name || question.kind == RecordType::Ptr
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{governing, recorded};
    use crate::model::link::link;
    use crate::model::objects::PodAddress;
    use crate::model::snapshot::Snapshot;

    fn compared(snapshot: &Snapshot) -> Vec<Row> {
        let linked = link(snapshot);
        let model = SetModel::new(&linked, &linked.sets()[0]);
        let service = model.service;
        let slices = service.map_or(&[][..], |service| linked.slices(service));
        let known = Known {
            pods: Some(linked.pods_of("shop")),
            service,
            slices: Some(slices),
            domain: "cluster.local",
        };
        compare(&model, known).rows
    }

    fn line(row: &Row) -> String {
        let list = |answers: &BTreeSet<String>| answers.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let ordinal = row.ordinal.map_or("-".to_owned(), |ordinal| ordinal.to_string());
        let name = row.question.name.replace(".shop.svc.cluster.local", "");
        let (kind, expected) = (row.question.kind, list(row.expected.as_ref().unwrap()));
        let published = row.published.as_ref().map(list).unwrap_or_default();
        format!("{ordinal} {name} {kind:?} [{expected}] [{published}]")
    }

    #[test]
    fn a_healthy_set_publishes_what_it_should() {
        let rows = compared(&recorded("healthy-ordered"));
        assert!(rows.iter().all(|row| row.agrees() == Some(true)), "{rows:#?}");
        let lines: Vec<_> = rows.iter().map(line).collect();
        assert_eq!(
            lines[..3],
            [
                "0 web-0.web A [10.244.0.2] [10.244.0.2]",
                "0 2.0.244.10.in-addr.arpa Ptr [web-0.web.shop.svc.cluster.local] [web-0.web.shop.svc.cluster.local]",
                "1 web-1.web A [10.244.0.3] [10.244.0.3]",
            ]
        );
        assert_eq!(lines.len(), 8);
        assert_eq!(
            lines[6],
            "- web.web A [10.244.0.2 10.244.0.3 10.244.0.4] [10.244.0.2 10.244.0.3 10.244.0.4]"
                .replace("web.web", "web")
        );
    }

    #[test]
    fn without_the_service_nothing_of_it_is_published() {
        let rows = compared(&recorded("service-missing"));
        assert!(!rows.is_empty());
        assert!(
            rows.iter()
                .all(|row| row.expected.as_ref().is_some_and(|expected| !expected.is_empty()) || row.absence.is_some())
        );
        assert!(
            rows.iter()
                .all(|row| row.published.as_ref().is_some_and(BTreeSet::is_empty))
        );
    }

    #[test]
    fn a_pod_that_is_not_ready_has_no_record_unless_the_service_publishes_such() {
        let mut snapshot = recorded("readiness-fails");
        let absent = |snapshot: &Snapshot| {
            let rows = compared(snapshot);
            let absent = rows.iter().filter_map(|row| Some((row.ordinal?, row.absence?)));
            absent.collect::<Vec<_>>()
        };
        let found = absent(&snapshot);
        assert_eq!(found[0], (1, Absence::NotReady));
        for service in &mut snapshot.services.items {
            service.spec.publish_not_ready_addresses = true;
        }
        assert!(absent(&snapshot).iter().all(|(_, why)| *why == Absence::Missing));
    }

    #[test]
    fn an_address_of_an_earlier_pod_and_a_stranger_s_differ() {
        let mut snapshot = recorded("healthy-ordered");
        let endpoints = snapshot.slices.items[0].endpoints.as_mut().unwrap();
        endpoints[1].addresses = vec!["10.244.0.99".to_owned()];
        assert!(differing(&snapshot).contains(&"1 web-1.web A [10.244.0.3] [10.244.0.99]".to_owned()));
        // Several slices of one Service are one list; the same address twice is there once.
        let mut snapshot = recorded("healthy-ordered");
        let mut second = snapshot.slices.items[0].clone();
        second.metadata.name = "web-more".to_owned();
        let first = snapshot.slices.items[0].endpoints.as_mut().unwrap();
        first.pop();
        snapshot.slices.items.push(second);
        assert_eq!(differing(&snapshot), Vec::<String>::new());
    }

    #[test]
    fn what_could_not_be_read_does_not_disagree() {
        let snapshot = recorded("healthy-ordered");
        let linked = link(&snapshot);
        let model = SetModel::new(&linked, &linked.sets()[0]);
        let known = Known {
            pods: Some(linked.pods_of("shop")),
            service: model.service,
            slices: None,
            domain: "cluster.local",
        };
        assert!(compare(&model, known).rows.iter().all(|row| row.agrees().is_none()));
        let blind = Known { pods: None, ..known };
        assert!(compare(&model, blind).rows.is_empty());
    }

    /// The lines of rows that are not as they should be.
    fn differing(snapshot: &Snapshot) -> Vec<String> {
        let rows = compared(snapshot);
        rows.iter()
            .filter(|row| row.agrees() == Some(false))
            .map(line)
            .collect()
    }

    #[test]
    fn a_service_that_is_not_headless_has_an_address_of_its_own() {
        let rows = compared(&recorded("service-not-headless"));
        assert!(rows.iter().all(|row| row.agrees() == Some(true)), "{rows:#?}");
        let own: Vec<_> = rows.iter().filter(|row| row.ordinal.is_none()).map(line).collect();
        assert_eq!(
            own,
            [
                "- web A [10.96.77.155] [10.96.77.155]",
                "- _http._tcp.web Srv [80 web.shop.svc.cluster.local] [80 web.shop.svc.cluster.local]",
                "- 155.77.96.10.in-addr.arpa Ptr [web.shop.svc.cluster.local] [web.shop.svc.cluster.local]",
            ]
        );
    }

    #[test]
    fn an_alias_publishes_no_pod() {
        let mut snapshot = recorded("healthy-ordered");
        let service = governing(&mut snapshot);
        service.spec.kind = "ExternalName".to_owned();
        service.spec.external_name = "db.example.com".to_owned();
        let differing = differing(&snapshot);
        assert!(differing.contains(&"0 web-0.web A [10.244.0.2] []".to_owned()));
        assert!(differing.contains(&"- web Cname [] [db.example.com]".to_owned()));
    }

    #[test]
    fn whoever_else_is_selected_stands_under_the_service_rightly() {
        let mut snapshot = recorded("healthy-ordered");
        let web = snapshot
            .pods
            .items
            .iter()
            .find(|pod| pod.metadata.name == "web-0")
            .unwrap();
        let mut other = web.clone();
        other.metadata.name = "other".to_owned();
        other.metadata.uid = "other".to_owned();
        other.metadata.owner_references.clear();
        other.spec.hostname.clear();
        other.status.pod_ips[0].ip = "10.244.0.50".to_owned();
        snapshot.pods.items.push(other);
        assert!(differing(&snapshot).contains(
            &"- web A [10.244.0.2 10.244.0.3 10.244.0.4 10.244.0.50] [10.244.0.2 10.244.0.3 10.244.0.4]".to_owned()
        ));
        let endpoints = snapshot.slices.items[0].endpoints.as_mut().unwrap();
        let mut theirs = endpoints[0].clone();
        theirs.hostname = None;
        theirs.addresses = vec!["10.244.0.50".to_owned()];
        endpoints.push(theirs);
        assert_eq!(differing(&snapshot), Vec::<String>::new());
        let names: Vec<_> = compared(&snapshot)
            .iter()
            .map(|row| row.question.name.clone())
            .collect();
        assert!(names.iter().all(|name| !name.contains("50")), "{names:?}");
    }

    #[test]
    fn what_terminates_is_published_only_where_anything_is() {
        let mut snapshot = recorded("healthy-ordered");
        let pod = snapshot
            .pods
            .items
            .iter_mut()
            .find(|pod| pod.metadata.name == "web-1")
            .unwrap();
        pod.metadata.deletion_timestamp = Some(snapshot.taken_at);
        let absent = |snapshot: &Snapshot| compared(snapshot).iter().find_map(|row| row.absence);
        assert_eq!(absent(&snapshot), Some(Absence::Terminating));
        governing(&mut snapshot).spec.publish_not_ready_addresses = true;
        assert_eq!(absent(&snapshot), None);
    }

    #[test]
    fn families_that_the_service_does_not_publish_are_left_out() {
        let mut snapshot = recorded("healthy-ordered");
        for pod in &mut snapshot.pods.items {
            pod.status.pod_ips.push(PodAddress {
                ip: "fd00::7".to_owned(),
            });
        }
        assert!(
            compared(&snapshot)
                .iter()
                .all(|row| row.question.kind != RecordType::Aaaa)
        );
        governing(&mut snapshot).spec.ip_families = vec!["IPv6".to_owned()];
        let aaaa = compared(&snapshot)
            .into_iter()
            .find(|row| row.question.kind == RecordType::Aaaa);
        assert_eq!(aaaa.unwrap().expected, Some(BTreeSet::from(["fd00::7".to_owned()])));
        for pod in &mut snapshot.pods.items {
            pod.status.pod_ips.truncate(1);
        }
        let absences: BTreeSet<_> = compared(&snapshot)
            .iter()
            .filter_map(|row| Some((row.ordinal, row.question.kind.word(), row.absence?.says())))
            .collect();
        let why = "no address of the Service's family";
        assert_eq!(
            absences,
            BTreeSet::from([0, 1, 2].map(|ordinal| (Some(ordinal), "AAAA", why)))
        );
    }

    #[test]
    fn a_name_that_dns_cannot_hold_is_not_expected() {
        let snapshot = recorded("healthy-ordered");
        let linked = link(&snapshot);
        let model = SetModel::new(&linked, &linked.sets()[0]);
        let domain = ["long"; 50].join(".");
        let known = Known {
            pods: Some(linked.pods_of("shop")),
            service: model.service,
            slices: None,
            domain: &domain,
        };
        let rows = compare(&model, known).rows;
        assert!(
            rows.iter().any(|row| row.absence == Some(Absence::NameTooLong)),
            "{rows:?}"
        );
    }

    #[test]
    fn a_set_without_a_service_s_name_has_no_records() {
        assert_eq!(compared(&recorded("healthy-empty-service-name")), []);
    }
}
