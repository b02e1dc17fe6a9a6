//! The DNS servers' Corefile does not serve the cluster's domain, or not this part of it.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, Remedy, Role, Safety, Severity};
use crate::diagnose::serving::{self, Kind, Origin, Withheld};
use crate::diagnose::{Checked, Rule};
use crate::dns::configured::{Configured, cluster_corefile};
use crate::dns::corefile::{is_reverse, within};
use crate::model::answer::Question;

pub(super) const RULE: Rule = Rule {
    code: "STS421",
    name: "zone-not-served",
    explain: "\
## What it means
Names of this set lie in a zone that the DNS servers do not answer from the cluster: no server block is for it, the block has no
`kubernetes` plugin, or that plugin has another domain. The question goes on to a resolver outside, which knows no such name, or
is refused.
Of several server blocks the one with the longest zone answers, so that a block for a part of the cluster's domain takes that part
away from the others.
## How it is detected
The Corefile in the ConfigMap that the DNS pods mount, with the pieces that it imports; and where servers are asked, an answer in
the name of a zone that the cluster's domain does not lie in.
## What to do
Where the domain is the wrong one, give the right one with `--cluster-domain`: it is what pods find in their `/etc/resolv.conf`
(kubelet's `clusterDomain`). Otherwise correct the Corefile: its `kubernetes` plugin needs that domain.
## When it is fine
Where the cluster's DNS is another server than the one that was found.
## Source
https://coredns.io/manual/configuration/
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    if !cx.linked.snapshot.cluster_dns.asked() {
        return Ok(Vec::new().into());
    }
    let configured = cluster_corefile(cx.linked.snapshot)?;
    let mut found = Vec::from_iter(configured.and_then(|configured| of_corefile(cx, &configured)));
    if found.is_empty() {
        found.extend(of_answers(cx));
    }
    Ok(found.into())
}

fn of_corefile(cx: &Context<'_>, configured: &Configured) -> Option<Finding> {
    let names = serving::names(cx);
    let lost = |question: &&&Question| match configured.corefile.server(&question.name, None) {
        None => true,
        Some(block) => matches!(serving::withheld(cx, block, &question.name), Some(Withheld::Zone)),
    };
    let lost: Vec<_> = names.iter().filter(lost).collect();
    let first = lost.first()?;
    let block = configured.corefile.server(&first.name, None);
    let zones: Vec<_> = configured
        .corefile
        .kubernetes_zones()
        .filter(|zone| !is_reverse(zone))
        .collect();
    let why = match (block, block.and_then(|block| block.kubernetes())) {
        (None, _) => "no server block is for it".to_owned(),
        (Some(_), Some(_)) => format!("its kubernetes plugin has {}", zones.join(", ")),
        (Some(block), None) => {
            let zone = block.addresses.iter().map(|address| address.zone.as_str());
            let zone = zone
                .filter(|zone| within(&first.name, zone))
                .max_by_key(|zone| zone.len());
            let zone = zone.filter(|zone| !zone.is_empty()).unwrap_or(".");
            format!("the server block of {zone} answers it, and has no kubernetes plugin")
        }
    };
    let served = match zones.is_empty() {
        true => "none".to_owned(),
        false => zones.join(", "),
    };
    let text = format!(
        "see that its kubernetes plugin has the domain of the pods' resolv.conf; if that is not {}, give it with --cluster-domain",
        cx.domain.name
    );
    let object = serving::config_map(configured);
    let says = format!("its Corefile does not serve {} from the cluster: {why}", first.name);
    Some(
        Finding::new(Role::Root, Severity::Error, object.clone(), says)
            .certain(configured.corefile.unread.is_empty())
            .evidence(Evidence::field(object, "data.Corefile zones of kubernetes", served))
            .remedy(serving::look(configured, text)),
    )
}

/// Where the Corefile is not known, or a server has another one.
fn of_answers(cx: &Context<'_>) -> Vec<Finding> {
    let servers = serving::asked(cx);
    let finding = servers.iter().filter_map(|server| {
        let (foreign, _) = serving::from(cx, server, |kind, origin| {
            (kind == Kind::Absent && origin == Origin::Elsewhere).then_some(true)
        })?;
        let zone = foreign.iter().find_map(|departure| departure.answer.authority.as_ref());
        let zone = zone.map_or("", |soa| soa.zone.as_str());
        let zone = if zone.is_empty() { "the root zone" } else { zone };
        let mut finding = Finding::new(
            Role::Root,
            Severity::Error,
            server.object(),
            format!(
                "answers for {zone}, not for {}: it does not serve this cluster's names",
                cx.domain.name
            ),
        )
        .ordinals(serving::ordinals(&foreign))
        .remedy(Remedy::new(
            "ask a DNS pod of this cluster: kubectl sts dns NAME --query",
            Safety::ReadOnly,
        ));
        finding.evidence.extend(server.evidence(&foreign));
        Some(finding)
    });
    finding.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{ended, findings, heard, recorded};
    use crate::model::answer::{Answer, Authority, Outcome};

    #[test]
    fn a_corefile_without_the_zone_is_the_cause_however_it_lacks_it() {
        for (scenario, why) in [
            (
                "dns/zone-missing",
                "the server block of . answers it, and has no kubernetes plugin",
            ),
            (
                "dns/stub-domain",
                "the server block of shop.svc.cluster.local answers it, and has no kubernetes plugin",
            ),
            ("dns/zone-misspelt", "its kubernetes plugin has cluster.lokal"),
            ("dns/servers-refuse", "no server block is for it"),
        ] {
            let found = findings(&RULE, scenario);
            assert_eq!(found.len(), 1, "{scenario}");
            assert!(found[0].summary.ends_with(why), "{scenario}: {}", found[0].summary);
            assert_eq!(found[0].subject.name, "coredns");
        }
    }

    #[test]
    fn an_answer_in_another_zone_s_name_is_not_this_cluster_s() {
        let mut snapshot = recorded("dns/ordered");
        snapshot.cluster_dns.pods.items.clear();
        let outside = |zone: &str| Answer {
            authority: Some(Authority {
                zone: zone.to_owned(),
                ttl: 86400,
                minimum: 86400,
            }),
            ..ended(Outcome::NxDomain, None)
        };
        let found = heard(&RULE, &snapshot, &["coredns-a"], |_, _| outside(""));
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .summary
                .starts_with("answers for the root zone, not for cluster.local")
        );
        assert!(heard(&RULE, &snapshot, &["coredns-a"], |_, _| outside("cluster.local")).is_empty());
    }

    #[test]
    fn silent_where_the_zone_is_served_and_where_nobody_looked() {
        for scenario in [
            "dns/ordered",
            "dns/namespaces-limited",
            "dns/node-local-cache",
            "healthy-ordered",
        ] {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }
}
