//! The records that a set should have beside those that its Service's slices publish.

use std::collections::{BTreeMap, BTreeSet};

use super::endpoint::{Absence, Endpoint, of_pod, of_slices};
use super::record::{Records, Zone, records};
use crate::model::answer::{Question, RecordType};
use crate::model::objects::{EndpointSlice, Service};
use crate::model::set::SetModel;

/// All records of a set, expected and published.
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
    /// What the answer should be, from the pods.
    pub expected: BTreeSet<String>,
    /// Why there should be no answer now.
    pub absence: Option<Absence>,
    /// What the slices say; `None` when they could not be read.
    pub published: Option<BTreeSet<String>>,
}

impl Row {
    /// Whether what is published is what should be; `None` where it is not known.
    pub fn agrees(&self) -> Option<bool> {
        self.published.as_ref().map(|published| *published == self.expected)
    }
}

/// Compares. `slices`: those of the governing Service, `None` when they were not read whole. `service`: `None` when there
/// is none, as far as is known.
pub fn compare(
    model: &SetModel<'_>,
    service: Option<&Service>,
    slices: Option<&[&EndpointSlice]>,
    domain: &str,
) -> Comparison {
    let zone = Zone {
        service: &model.set.spec.service_name,
        namespace: &model.set.metadata.namespace,
        domain,
    };
    let pods: Vec<_> = model.rows().map(|row| (row, of_pod(row.pod, service))).collect();
    let all: Vec<Endpoint<'_>> = pods.iter().filter_map(|(_, endpoint)| endpoint.clone().ok()).collect();
    let expected = records(zone, &all, None);
    let published = slices.map(|slices| {
        let virtual_ips = service.filter(|service| !service.headless()).map(Service::virtual_ips);
        records(zone, &of_slices(slices.iter().copied()), virtual_ips.as_deref())
    });

    let mut owners: BTreeMap<Question, i64> = BTreeMap::new();
    let mut absences: BTreeMap<Question, Absence> = BTreeMap::new();
    for (row, endpoint) in &pods {
        let name = zone.pod(&row.name);
        match endpoint {
            Ok(endpoint) => {
                let own = records(zone, std::slice::from_ref(endpoint), None);
                let own = own.into_keys().filter(|question| is_own(question, &name));
                owners.extend(own.map(|question| (question, row.ordinal)));
            }
            // Pods out of range that are about to go have nothing to miss.
            Err(_) if model.condemned.iter().any(|gone| gone.ordinal == row.ordinal) => {}
            Err(absence) => {
                let question = Question {
                    name,
                    kind: RecordType::A,
                };
                owners.insert(question.clone(), row.ordinal);
                absences.insert(question, *absence);
            }
        }
    }
    let mut questions: BTreeSet<&Question> = expected.keys().chain(owners.keys()).collect();
    questions.extend(published.iter().flat_map(Records::keys));
    let mut rows: Vec<Row> = questions
        .into_iter()
        .map(|question| Row {
            ordinal: owners.get(question).copied(),
            question: question.clone(),
            expected: expected.get(question).cloned().unwrap_or_default(),
            absence: absences.get(question).copied(),
            published: published
                .as_ref()
                .map(|known| known.get(question).cloned().unwrap_or_default()),
        })
        .collect();
    rows.sort_by_key(|row| (row.ordinal.is_none(), row.ordinal));
    Comparison { rows }
}

/// Whether a record is a pod's own: its name, or the way back to it.
fn is_own(question: &Question, name: &str) -> bool {
    question.name == name || question.kind == RecordType::Ptr
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::recorded;
    use crate::model::link::link;
    use crate::model::snapshot::Snapshot;

    fn compared(snapshot: &Snapshot) -> Vec<Row> {
        let linked = link(snapshot);
        let model = SetModel::new(&linked, &linked.sets()[0]);
        let service = model.service;
        let slices = service.map_or(&[][..], |service| linked.slices(service));
        compare(&model, service, Some(slices), "cluster.local").rows
    }

    fn line(row: &Row) -> String {
        let list = |answers: &BTreeSet<String>| answers.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let ordinal = row.ordinal.map_or("-".to_owned(), |ordinal| ordinal.to_string());
        let name = row.question.name.replace(".shop.svc.cluster.local", "");
        let (kind, expected) = (row.question.kind, list(&row.expected));
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
                "0 2.0.244.10.in-addr.arpa Ptr [web-0.web.shop.svc.cluster.local] [web-0.web.shop.svc.cluster.local]",
                "0 web-0.web A [10.244.0.2] [10.244.0.2]",
                "1 3.0.244.10.in-addr.arpa Ptr [web-1.web.shop.svc.cluster.local] [web-1.web.shop.svc.cluster.local]",
            ]
        );
        assert_eq!(lines.len(), 8);
        assert_eq!(
            lines[7],
            "- web.web A [10.244.0.2 10.244.0.3 10.244.0.4] [10.244.0.2 10.244.0.3 10.244.0.4]"
                .replace("web.web", "web")
        );
    }

    #[test]
    fn without_the_service_nothing_of_it_is_published() {
        let rows = compared(&recorded("service-missing"));
        assert!(!rows.is_empty());
        assert!(rows.iter().all(|row| !row.expected.is_empty() || row.absence.is_some()));
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
        let differing = |snapshot: &Snapshot| {
            let rows = compared(snapshot);
            let differing = rows.iter().filter(|row| row.agrees() == Some(false));
            differing.map(line).collect::<Vec<_>>()
        };
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
        let rows = compare(&model, model.service, None, "cluster.local").rows;
        assert!(rows.iter().all(|row| row.agrees().is_none()));
    }
}
