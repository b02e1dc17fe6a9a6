//! The server refuses the manifest for a reason that no other rule knows.

use super::{sts701_fixed_field, sts702_selector_misses_template, sts703_invalid_field, sts704_unknown_field};
use crate::check::{Context, Rule};
use crate::diagnose::Checked;
use crate::diagnose::finding::{Evidence, Finding, Role, Severity};
use crate::model::manifest::Told;

pub(super) const RULE: Rule = Rule {
    code: "STS705",
    name: "refused-by-server",
    explain: "\
## What it means
The API server was asked with a dry run and said no: the pod template is invalid, a policy or a webhook forbids it, a quota
is used up, a field is unknown.
## How it is detected
A dry run (`dryRun=All`, `fieldValidation=Strict`, field manager `kubectl-sts`) replaces the set, or makes it where there is
none; nothing is stored. Said only where no other finding explains the refusal; the server's words are quoted.
## What to do
Put right what the server names. A webhook that refuses is named in the message, and its owners know why.
## When it is fine
Never: applying the manifest would fail the same way.
## Source
https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
",
    check,
};

/// Rules whose findings explain a refusal.
const EXPLAIN: [&Rule; 4] = [
    &sts701_fixed_field::RULE,
    &sts702_selector_misses_template::RULE,
    &sts703_invalid_field::RULE,
    &sts704_unknown_field::RULE,
];

fn check(cx: &Context<'_>) -> Checked {
    let Told::Refused(said) = &cx.told else {
        return Ok(Vec::new().into());
    };
    for rule in EXPLAIN {
        // Where the manifest does not have the API's shape, most of them cannot be asked.
        let asked = cx.misshapen.is_none() || super::SHAPE.iter().any(|shape| shape.code == rule.code);
        if asked && !(rule.check)(cx)?.findings.is_empty() {
            return Ok(Vec::new().into());
        }
    }
    let reason = said.split_once("): ").map_or(said.as_str(), |(_, reason)| reason);
    let finding = Finding::new(
        Role::Root,
        Severity::Error,
        cx.object(),
        format!("the API server refuses it: {reason}"),
    )
    .evidence(Evidence::field(cx.object(), "dry run", said.as_str()));
    Ok(vec![finding].into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::testing::fresh;

    fn refused(said: &str) -> Told {
        Told::Refused(said.to_owned())
    }

    #[test]
    fn the_server_s_own_words_are_the_finding() {
        let case = fresh().with(|case| case.told = refused("Error from server (Forbidden): exceeded quota: sets"));
        assert_eq!(
            case.findings(&RULE)[0].summary,
            "the API server refuses it: exceeded quota: sets"
        );
    }

    #[test]
    fn silent_where_another_rule_explains_it_or_nothing_was_refused() {
        let case = fresh().with(|case| case.told = refused("invalid"));
        assert!(case.spec("podManagementPolicy", json!("x")).findings(&RULE).is_empty());
        assert!(fresh().findings(&RULE).is_empty());
    }
}
