//! Where the controller's version or gates leave open what it does, whatever rests on that is likely and says why.

use super::context::Context;
use super::finding::{Certainty, Evidence, Finding, ObjectRef};
use crate::model::resource::Resource;

/// Rules whose findings follow from what the controller would do; the others read theirs from objects.
const RESTS_ON_DECISION: [&str; 4] = ["STS201", "STS204", "STS220", "STS221"];

impl Context<'_> {
    /// Certainty of what rests on the decision.
    pub fn certainty(&self) -> Certainty {
        match self.doubts.as_slice() {
            [] => Certainty::Certain,
            _ => Certainty::Likely,
        }
    }

    /// Makes findings that rest on the decision no surer than the decision is, and says why.
    pub(super) fn doubt(&self, findings: &mut [Finding]) {
        let set = ObjectRef::of(Resource::StatefulSets.info().kind, &self.set().metadata);
        for finding in findings
            .iter_mut()
            .filter(|finding| RESTS_ON_DECISION.contains(&finding.code))
        {
            finding.certainty = finding.certainty.min(self.certainty());
            let reasons = self.doubts.iter();
            finding
                .evidence
                .extend(reasons.map(|doubt| Evidence::field(set.clone(), "controller", doubt.as_str())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::diagnose;
    use crate::diagnose::next::next;
    use crate::diagnose::testing::recorded;
    use crate::model::link::link;

    /// Next line, and certainty and last evidence of a finding, when a recording came from this version.
    fn said(scenario: &str, version: Option<&str>, code: &str) -> (String, Certainty, String) {
        let mut snapshot = recorded(scenario);
        snapshot.server_version = version.map(str::to_owned);
        let linked = link(&snapshot);
        let (cx, report) = diagnose(&linked, linked.sets().first().unwrap());
        let finding = report.findings.iter().find(|finding| finding.code == code).unwrap();
        let last = finding.evidence.last().unwrap();
        (
            next(&cx),
            finding.certainty,
            last.value.as_str().unwrap_or_default().to_owned(),
        )
    }

    #[test]
    fn a_proven_version_that_all_agree_on_is_certain() {
        let (next, certainty, _) = said("reverted-image", Some("v1.36.3"), "STS204");
        assert!(next.ends_with("(kubernetes#67250)"), "{next}");
        assert_eq!(certainty, Certainty::Certain);
    }

    #[test]
    fn a_version_that_is_not_proven_is_said_with_the_finding_and_what_comes_next() {
        let why = "Kubernetes 1.41 is not known; 1.38 is the nearest that is";
        let (next, certainty, evidence) = said("reverted-image", Some("v1.41.0"), "STS204");
        assert!(next.ends_with(&format!(" (likely: {why})")), "{next}");
        assert_eq!((certainty, evidence.as_str()), (Certainty::Likely, why));
    }

    #[test]
    fn a_version_that_was_not_read_is_no_doubt_where_all_known_ones_agree() {
        let (next, certainty, _) = said("reverted-image", None, "STS204");
        assert!(next.ends_with("(kubernetes#67250)"), "{next}");
        assert_eq!(certainty, Certainty::Certain);
    }

    #[test]
    fn what_is_read_from_objects_stays_as_sure_as_it_was() {
        let sure = said("name-taken", Some("v1.36.3"), "STS213").1;
        assert_eq!(said("name-taken", Some("v1.41.0"), "STS213").1, sure);
    }
}
