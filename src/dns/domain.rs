//! The cluster domain: what every name ends in. No object of the API says it; it is concluded, and said from what.

use std::borrow::Cow;

use super::configured::Configured;
use crate::model::link::Linked;
use crate::model::objects::{PodSpec, StatefulSet};

/// A cluster domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// In lower case, without the last dot.
    pub name: Cow<'static, str>,
    /// How it is known.
    pub known_from: Source,
    /// What else was found, and says something else.
    pub others: Vec<(String, Source)>,
}

/// What says the cluster domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The user.
    Flag,
    /// The first zone of the `kubernetes` plugin that holds no addresses. Holds the ConfigMap, as `NAMESPACE/NAME`.
    Corefile(String),
    /// A search list in `dnsConfig`. Holds whose, for instance `pod web-0`.
    SearchList(String),
    /// Nothing that was read: what installers take where nobody says otherwise.
    Assumed,
}

/// Where nothing was read.
pub static ASSUMED: Domain = Domain {
    name: Cow::Borrowed("cluster.local"),
    known_from: Source::Assumed,
    others: Vec::new(),
};

impl Source {
    /// How it is known, as words that go in brackets behind the name.
    pub fn words(&self) -> String {
        match self {
            Self::Flag => "from --cluster-domain".to_owned(),
            Self::Corefile(config_map) => format!("from ConfigMap {config_map}"),
            Self::SearchList(whose) => format!("from the search list of {whose}"),
            Self::Assumed => "assumed".to_owned(),
        }
    }
}

impl Domain {
    /// Concludes it. `searches`: search lists that pods of the set add, each with whose it is.
    pub fn conclude(
        given: Option<&str>,
        configured: Option<&Configured>,
        searches: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let given = given.map(|name| (normal(name), Source::Flag));
        let zones = configured.and_then(|configured| {
            let zone = primary_zone(configured)?;
            Some((zone, Source::Corefile(configured.config_map.clone())))
        });
        let searches = searches
            .into_iter()
            .filter_map(|(whose, search)| Some((domain_of(&search)?, Source::SearchList(whose))));
        let mut found: Vec<(String, Source)> = Vec::new();
        for (name, source) in given.into_iter().chain(zones).chain(searches) {
            if found.iter().all(|(known, _)| *known != name) {
                found.push((name, source));
            }
        }
        if found.is_empty() {
            return ASSUMED.clone();
        }
        let (name, known_from) = found.remove(0);
        // Several zones of one server are names for the same.
        let zones: Vec<_> = configured
            .iter()
            .flat_map(|configured| configured.corefile.kubernetes_zones())
            .collect();
        found.retain(|(other, _)| !(zones.contains(&name) && zones.contains(other)));
        Self {
            name: name.into(),
            known_from,
            others: found,
        }
    }
}

/// The search lists that pods of a set add, and that its template does, each with whose it is.
pub fn searches(linked: &Linked<'_>, set: &StatefulSet) -> Vec<(String, String)> {
    let of = |whose: String, spec: &PodSpec| {
        let searches = spec.dns_config.iter().flat_map(|config| &config.searches);
        searches
            .map(move |search| (whose.clone(), search.clone()))
            .collect::<Vec<_>>()
    };
    let pods = linked.pods_numbered(&set.metadata.namespace, &set.metadata.name).iter();
    let pods = pods.flat_map(|pod| of(format!("pod {}", pod.metadata.name), &pod.spec));
    let template = set.spec.template.spec();
    let template = template.map(|spec| of(format!("the template of {}", set.metadata.name), &spec));
    pods.chain(template.into_iter().flatten()).collect()
}

fn primary_zone(configured: &Configured) -> Option<String> {
    let plugins = configured
        .corefile
        .blocks
        .iter()
        .filter_map(super::corefile::ServerBlock::kubernetes);
    let mut zones = plugins.filter_map(|plugin| plugin.primary_zone().map(str::to_owned));
    // The root is a zone for everything, and no name ends in it.
    zones.find(|zone| !zone.is_empty())
}

/// The domain in `shop.svc.cluster.local` and in `svc.cluster.local`, the forms that a kubelet writes.
fn domain_of(search: &str) -> Option<String> {
    let search = normal(search);
    let rest = search.strip_prefix("svc.").or_else(|| {
        let (namespace, rest) = search.split_once(".svc.")?;
        (!namespace.contains('.')).then_some(rest)
    });
    rest.filter(|rest| !rest.is_empty()).map(str::to_owned)
}

fn normal(name: &str) -> String {
    name.trim_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::corefile::Corefile;
    use std::collections::BTreeMap;

    fn configured(text: &str) -> Configured {
        Configured {
            config_map: "kube-system/coredns".to_owned(),
            corefile: Corefile::parse(text, &BTreeMap::new()),
        }
    }

    #[test]
    fn the_first_that_says_it_is_believed_and_others_are_kept() {
        let corefile = configured(".:53 {\n kubernetes in-addr.arpa Corp.Example. cluster.local\n}");
        let from_corefile = Source::Corefile("kube-system/coredns".to_owned());
        let search = || [("pod web-0".to_owned(), "shop.svc.other.example".to_owned())];
        let found = Domain::conclude(None, Some(&corefile), search());
        assert_eq!(
            (found.name.as_ref(), &found.known_from),
            ("corp.example", &from_corefile)
        );
        let of_pod = Source::SearchList("pod web-0".to_owned());
        assert_eq!(found.others, [("other.example".to_owned(), of_pod.clone())]);
        let found = Domain::conclude(Some("Corp.Example."), Some(&corefile), search());
        assert_eq!((found.name.as_ref(), found.known_from), ("corp.example", Source::Flag));
        // What says the same is no disagreement.
        assert_eq!(found.others.len(), 1);
        let found = Domain::conclude(None, None, search());
        assert_eq!((found.name.as_ref(), found.known_from), ("other.example", of_pod));
        // A server's second zone is no disagreement.
        assert_eq!(Domain::conclude(Some("cluster.local"), Some(&corefile), []).others, []);
    }

    #[test]
    fn nothing_that_says_it_leaves_an_assumption() {
        for text in [
            ".:53 {\n forward . 1.1.1.1\n}",
            ". {\n kubernetes {$DOMAIN}\n}",
            ". {\n kubernetes\n}",
        ] {
            assert_eq!(Domain::conclude(None, Some(&configured(text)), []), ASSUMED, "{text}");
        }
        for search in ["corp.example", "a.b.svc.cluster.local", "svc", "svc."] {
            assert_eq!(
                Domain::conclude(None, None, [(String::new(), search.to_owned())]),
                ASSUMED,
                "{search}"
            );
        }
        let search = [(String::new(), "SVC.Cluster.Local.".to_owned())];
        assert_eq!(Domain::conclude(None, None, search).name, "cluster.local");
    }

    #[test]
    fn words_say_how_it_is_known() {
        assert_eq!(ASSUMED.known_from.words(), "assumed");
        let found = Domain::conclude(None, Some(&configured(". {\n kubernetes a.b\n}")), []);
        assert_eq!(found.known_from.words(), "from ConfigMap kube-system/coredns");
    }
}
