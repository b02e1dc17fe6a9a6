//! The governing Service will not give these pods their names: it is missing, not headless, or selects others.

use crate::check::{Context, Rule, Standing};
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, names};
use serde_json::json;

pub(super) const RULE: Rule = Rule {
    code: "STS730",
    name: "no-stable-names",
    explain: "\
## What it means
`spec.serviceName` names the headless Service that gives every pod its name, `<pod>.<service>.<namespace>.svc`. The server
takes the set whatever that Service is like, and pods start all the same; but where it is missing, not headless, or its
selector misses the template's labels, none of these names resolves.
## How it is detected
The Service is looked for among those of the namespace and in the manifests beside the set; a read of its own confirms that
it is missing. Its selector is applied to the template's labels. An error where the template itself uses names below it.
## What to do
Apply a Service of that name with `clusterIP: None` and a selector that the template's labels match. `serviceName` cannot be
changed later; the Service can be made at any time, and `clusterIP` only by making it again.
## When it is fine
When nobody uses the pods' names. A Service without a selector is fine where somebody else writes its endpoints.
## Source
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-network-id
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let name = cx.set.spec.service_name.as_str();
    let labels = cx.set.spec.template.labels();
    let object = ObjectRef::named("Service", cx.namespace(), name);
    let (summary, text, fact, certain) = match cx.service() {
        None => return Ok(Vec::new().into()),
        Some(Standing::Unknown(gap)) => return Err(gap),
        Some(Standing::Absent { certain }) => (
            "does not exist and is not in the manifests: no pod has a DNS name".to_owned(),
            format!("apply a Service {name} with clusterIP: None that selects the template's labels"),
            Evidence::field(cx.object(), "spec.serviceName", name),
            certain,
        ),
        Some(Standing::There(service)) => {
            let selector = &service.spec.selector;
            let missed = selector.iter().find(|(key, value)| labels.get(*key) != Some(value));
            if !service.headless() {
                let address = match service.spec.cluster_ip.as_str() {
                    "" => "(the server assigns one)",
                    address => address,
                };
                (
                    "is not headless: it has one address, and no pod a DNS name".to_owned(),
                    format!("make the Service {name} again with clusterIP: None, or name another one"),
                    Evidence::field(object.clone(), "spec.clusterIP", address),
                    true,
                )
            } else if let Some((key, value)) = missed {
                (
                    format!("selects {key}={value}, which the template's labels lack: no pod has a DNS name"),
                    "let the Service select labels of the template".to_owned(),
                    Evidence::field(object.clone(), "spec.selector", json!(selector)),
                    true,
                )
            } else {
                return Ok(Vec::new().into());
            }
        }
    };
    let used = cx
        .set
        .spec
        .template
        .spec()
        .is_some_and(|spec| names::mentions(&spec, name));
    let severity = if used { Severity::Error } else { Severity::Warning };
    let used = if used { ", and the template uses such names" } else { "" };
    let finding = Finding::new(Role::Risk, severity, object, format!("{summary}{used}"))
        .certain(certain)
        .evidence(fact)
        .evidence(Evidence::field(
            cx.object(),
            "spec.template.metadata.labels",
            json!(labels),
        ))
        .remedy(Remedy::new(text, Safety::ReadOnly));
    Ok(vec![finding].into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::check::testing::{Case, fresh};
    use crate::diagnose::finding::Certainty;
    use crate::model::resource::Resource;

    fn service(spec: Value) -> Case {
        fresh().with(|case| {
            case.snapshot.services.items.clear();
            case.beside.push(json!({"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}));
        })
    }

    #[test]
    fn missing_not_headless_and_of_other_pods() {
        let missing = fresh().spec("serviceName", json!("db")).findings(&RULE);
        assert!(
            missing[0].summary.starts_with("does not exist"),
            "{}",
            missing[0].summary
        );
        assert_eq!(
            (missing[0].severity, missing[0].certainty),
            (Severity::Warning, Certainty::Likely)
        );
        let addressed = service(json!({"selector": {"app": "web"}})).findings(&RULE);
        assert!(addressed[0].summary.starts_with("is not headless"));
        let others = service(json!({"clusterIP": "None", "selector": {"app": "db"}})).findings(&RULE);
        assert!(others[0].summary.starts_with("selects app=db"));
    }

    #[test]
    fn an_error_where_the_template_uses_the_names() {
        let case = fresh().spec("serviceName", json!("db"));
        let case = case.pods(
            "containers",
            json!([{"name": "a", "image": "b", "args": ["--peer=web-0.db"]}]),
        );
        assert_eq!(case.findings(&RULE)[0].severity, Severity::Error);
    }

    #[test]
    fn silent_where_the_service_fits_is_applied_with_it_or_none_is_named() {
        assert!(fresh().findings(&RULE).is_empty());
        assert!(
            service(json!({"clusterIP": "None", "selector": {"app": "web"}}))
                .findings(&RULE)
                .is_empty()
        );
        assert!(fresh().spec("serviceName", json!("")).findings(&RULE).is_empty());
        // A manifest that does not say leaves a headless Service headless.
        let kept = fresh().with(|case| {
            case.beside.push(json!({"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}}));
        });
        assert!(kept.findings(&RULE).is_empty());
    }

    #[test]
    fn refused_services_are_named() {
        let case = fresh().spec("serviceName", json!("db")).refused(Resource::Services);
        assert_eq!(case.gaps(&RULE), ["services shop/db"]);
    }
}
