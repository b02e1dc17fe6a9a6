//! Names that are made from the set's own come out longer than they may be.

use crate::check::{Context, Rule};
use crate::controller::{Profile, revision_hash};
use crate::diagnose::Checked;
use crate::diagnose::finding::{Evidence, Finding, Remedy, Role, Safety, Severity};
use crate::model::manifest::Told;

pub(super) const RULE: Rule = Rule {
    code: "STS710",
    name: "name-too-long",
    explain: "\
## What it means
A set's name becomes part of other names. A pod is `NAME-ORDINAL`, which is also its host name and a label (63 characters).
Every pod carries the label `controller-revision-hash` with `NAME-HASH`, where the hash has up to ten characters and changes
with the template (63). A claim is `TEMPLATE-NAME-ORDINAL` (253), and a claim template's name is a volume's (63, no dots). The
API server takes the set, and then refuses its pods: FailedCreate, for ever.
## How it is detected
The names are put together. The hash is computed from the template as the server's dry run gave it back; where none was made,
names of more than 52 characters are likely to fail: seven in ten of 53, nearly all of 54 and more. Such a set can also work
today and fail at the next change of its template.
## What to do
Choose a name of at most 52 characters. A set that exists keeps its name: make another one and move to it.
## When it is fine
Never for pods; for the hash, by luck.
## Source
https://github.com/kubernetes/kubernetes/issues/64023
",
    check,
};

/// Longest label value, host name, and volume name.
const LABEL: usize = 63;
/// Longest name of a claim.
const CLAIM: usize = 253;
/// Longest hash.
const HASH: usize = 10;

fn check(cx: &Context<'_>) -> Checked {
    let name = cx.manifest.name();
    let ordinals = cx.ordinals();
    let last = ordinals.end - 1;
    let mut found = Vec::new();
    let mut long = |summary: String, path: &str, value: &str, certain: bool| {
        found.push(
            Finding::new(Role::Root, Severity::Error, cx.object(), summary)
                .certain(certain)
                .evidence(Evidence::field(cx.object(), path, value))
                .remedy(Remedy::new(
                    "choose a shorter name: 52 characters always fit",
                    Safety::ReadOnly,
                )),
        );
    };
    let pod = cx.set.pod_name(last);
    if !ordinals.is_empty() && pod.len() > LABEL {
        let summary = format!(
            "pod {pod} would have a name of {} characters, {LABEL} are allowed: it is never made",
            pod.len()
        );
        long(summary, "metadata.name", name, true);
    } else if let Some((label, exact)) = hash_label(cx, name) {
        let summary = match exact {
            true => format!(
                "the label controller-revision-hash would have {label} characters, {LABEL} are allowed: no pod is made"
            ),
            false => {
                format!("the label controller-revision-hash would have up to {label} characters, {LABEL} are allowed")
            }
        };
        long(summary, "metadata.name", name, exact);
    }
    for template in &cx.set.spec.volume_claim_templates {
        let volume = template.metadata.name.as_str();
        let claim = format!("{volume}-{pod}");
        if volume.len() > LABEL || volume.contains('.') {
            let summary = format!(
                "claim template {volume} is no volume's name (at most {LABEL} characters, no dots): no pod is made"
            );
            long(summary, "spec.volumeClaimTemplates", volume, true);
        } else if !ordinals.is_empty() && claim.len() > CLAIM {
            let summary = format!(
                "a claim would have a name of {} characters, {CLAIM} are allowed: no pod is made",
                claim.len()
            );
            long(summary, "spec.volumeClaimTemplates", volume, true);
        }
    }
    Ok(found.into())
}

/// How long the label gets where it does not fit, and whether that is known for this template.
/// Source: `pkg/controller/history/controller_history.go` (ControllerRevisionName, HashControllerRevision).
fn hash_label(cx: &Context<'_>, name: &str) -> Option<(usize, bool)> {
    let template = match &cx.told {
        Told::Accepted(object) => object.pointer("/spec/template"),
        Told::Refused(_) | Told::NotAsked(_) => None,
    };
    let collisions = cx
        .current_set
        .as_ref()
        .and_then(|set| set.status.collision_count)
        .unwrap_or(0);
    let profile = Profile::for_version(cx.after.server_version.as_deref().unwrap_or_default());
    let (hash, exact) = match template {
        Some(template) => (revision_hash(template, collisions, &profile).len(), profile.exact),
        None => (HASH, false),
    };
    let label = name.len() + 1 + hash;
    (label > LABEL).then_some((label, exact))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::testing::{Case, fresh};
    use crate::diagnose::finding::Certainty;

    fn named(length: usize) -> Case {
        fresh().with(|case| case.manifest["metadata"]["name"] = json!("a".repeat(length)))
    }

    #[test]
    fn a_pod_of_more_than_63_characters_is_never_made() {
        let found = named(62).findings(&RULE);
        assert!(
            found[0].summary.contains("a name of 64 characters"),
            "{}",
            found[0].summary
        );
        assert_eq!(found[0].certainty, Certainty::Certain);
        // An ordinal of two digits takes one more.
        assert!(
            named(61).spec("replicas", json!(11)).findings(&RULE)[0]
                .summary
                .contains("a name of 64")
        );
    }

    #[test]
    fn the_hash_label_is_likely_too_long_until_a_dry_run_tells() {
        let found = named(53).findings(&RULE);
        assert_eq!(found[0].certainty, Certainty::Likely);
        assert!(named(52).findings(&RULE).is_empty());
        let told = |template: serde_json::Value| {
            named(53).with(|case| case.told = Told::Accepted(json!({"spec": {"template": template}})))
        };
        // The hash of this template has ten characters, that of the other one nine.
        let hashes = (0..200)
            .map(|n| (n, revision_hash(&json!({"n": n}), 0, &Profile::default()).len()))
            .collect::<Vec<_>>();
        let of = |length| hashes.iter().find(|(_, found)| *found == length).unwrap().0;
        assert_eq!(
            told(json!({"n": of(10)})).findings(&RULE)[0].certainty,
            Certainty::Certain
        );
        assert!(told(json!({"n": of(9)})).findings(&RULE).is_empty());
    }

    #[test]
    fn claim_templates_are_volumes_too() {
        let template = |name: &str| fresh().spec("volumeClaimTemplates", json!([{"metadata": {"name": name}}]));
        assert!(template("data").findings(&RULE).is_empty());
        assert!(
            template("data.db").findings(&RULE)[0]
                .summary
                .contains("no volume's name")
        );
        assert_eq!(template(&"a".repeat(64)).findings(&RULE).len(), 1);
    }
}
