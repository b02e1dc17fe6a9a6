//! The DNS servers' Corefile serves the domain, and keeps this set's names back or answers them itself.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Finding, Role, Severity};
use crate::diagnose::serving::{self, Keeps, Withheld};
use crate::diagnose::{Checked, Rule};
use crate::dns::configured::{Configured, cluster_corefile};
use crate::dns::corefile::Directive;

pub(super) const RULE: Rule = Rule {
    code: "STS422",
    name: "corefile-withholds",
    explain: "\
## What it means
The DNS servers answer the cluster's domain, but their Corefile makes an exception that meets this set: `namespaces` lists others
only, `noendpoints` serves no headless Service at all, or `rewrite`, `template`, `hosts` or `acl` deals with the name before the
cluster is asked. The slices are right, and the answer is another one.
## How it is detected
The Corefile in the ConfigMap that the DNS pods mount, with the pieces that it imports. Where servers were asked, it is only said
of names that they answer otherwise than published. Likely where an expression, a file or the client's address decides.
## What to do
Take the line out, or make it narrower. CoreDNS reads a changed Corefile within two minutes where it has the `reload` plugin;
otherwise restart its Deployment.
## When it is fine
Where the exception is wanted.
## Source
https://coredns.io/plugins/kubernetes/
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    if !cx.linked.snapshot.cluster_dns.asked() {
        return Ok(Vec::new().into());
    }
    let configured = cluster_corefile(cx.linked.snapshot)?;
    let found = configured.and_then(|configured| of_corefile(cx, &configured));
    Ok(Vec::from_iter(found).into())
}

fn of_corefile(cx: &Context<'_>, configured: &Configured) -> Option<Finding> {
    let names = serving::names(cx);
    let asked = !cx.served.is_empty();
    let kept = names.iter().filter_map(|question| {
        let block = configured.corefile.server(&question.name, None)?;
        match serving::withheld(cx, block, &question.name)? {
            // Without a question nobody knows what an expression means.
            Withheld::By(_, Keeps::Name { sure: false }) if !asked => None,
            Withheld::By(plugin, keeps) => Some((&question.name, plugin, keeps)),
            Withheld::Zone => None,
        }
    });
    let mut kept: Vec<_> = kept.collect();
    if asked {
        let servers = serving::asked(cx);
        let departs = |name: &str| {
            let mut departures = servers.iter().flat_map(|server| &server.departures);
            departures.any(|departure| departure.row.question.name == name)
        };
        kept.retain(|(name, ..)| departs(name));
    }
    let (name, plugin, keeps) = *kept.first()?;
    let many = match kept.len() {
        1 => name.clone(),
        more => format!("{name} and {} more", more - 1),
    };
    let says = match keeps {
        Keeps::Namespaces => format!(
            "its Corefile serves some namespaces, and {} is none of them",
            cx.namespace()
        ),
        Keeps::Endpoints => "its Corefile serves no endpoints, so no headless Service".to_owned(),
        Keeps::Name { sure: true } => format!(
            "its Corefile answers {many} with `{}`, not from the cluster",
            plugin.name
        ),
        Keeps::Name { sure: false } => format!(
            "its Corefile may answer {many} with `{}`, not from the cluster",
            plugin.name
        ),
    };
    let sure = keeps != Keeps::Name { sure: false };
    let shown = setting(plugin, keeps).unwrap_or(plugin);
    let text = format!("see line {} of its Corefile", shown.line);
    Some(
        Finding::new(Role::Root, Severity::Error, serving::config_map(configured), says)
            .certain(sure && configured.corefile.unread.is_empty())
            .evidence(serving::line(configured, shown))
            .remedy(serving::look(configured, text)),
    )
}

/// The line of the plugin's block that says it.
fn setting(plugin: &Directive, keeps: Keeps) -> Option<&Directive> {
    let name = match keeps {
        Keeps::Namespaces => "namespaces",
        Keeps::Endpoints => "noendpoints",
        Keeps::Name { .. } => return None,
    };
    plugin.lines(name).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{findings, heard, recorded, right};

    #[test]
    fn each_exception_is_named_with_its_line() {
        for (scenario, says, evidence) in [
            (
                "dns/namespaces-limited",
                "serves some namespaces, and shop is none of them",
                "namespaces kube-system default",
            ),
            (
                "dns/noendpoints",
                "serves no endpoints, so no headless Service",
                "noendpoints",
            ),
            (
                "dns/template-answers",
                "answers web-1.web.shop.svc.cluster.local with `template`",
                "template IN A web-1.web.shop.svc.cluster.local",
            ),
            (
                "dns/hosts-answer",
                "answers web-1.web.shop.svc.cluster.local with `hosts`",
                "hosts",
            ),
        ] {
            let found = findings(&RULE, scenario);
            assert_eq!(found.len(), 1, "{scenario}");
            assert!(found[0].summary.contains(says), "{scenario}: {}", found[0].summary);
            assert_eq!(found[0].evidence[0].value, evidence);
            assert_eq!(found[0].certainty, Certainty::Certain);
        }
    }

    #[test]
    fn silent_where_the_answers_are_right_and_where_there_is_no_exception() {
        let snapshot = recorded("dns/template-answers");
        let pod = snapshot.cluster_dns.pods.items[0].metadata.name.clone();
        assert!(heard(&RULE, &snapshot, &[&pod], |_, row| right(row)).is_empty());
        for scenario in ["dns/ordered", "dns/zone-missing", "healthy-ordered"] {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }
}
