//! A port of the governing Service has no name, so that there is no SRV record for it.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Outcome, Rule, names};

pub(super) const RULE: Rule = Rule {
    code: "STS406",
    name: "port-without-name",
    explain: "\
## What it means
An SRV record is called after its port: `_<port>._<protocol>.<service>.<namespace>.svc`. The governing Service has a port
without a name, or no port at all, so there is none. The pods' addresses are not concerned.
## How it is detected
The Service's `ports`. A warning where the template looks for such names (`_tcp.`, `_udp.`), for information where `dns` is
asked, and nothing otherwise.
## What to do
Give the port a name: the record appears at once, without a restart. Clients that go by number are not concerned.
## When it is fine
When nobody looks for SRV records.
## Source
https://github.com/kubernetes/dns/blob/master/docs/specification.md
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.services)?;
    let Some(service) = cx.model.service.filter(|service| !service.external()) else {
        return Ok(Outcome::default());
    };
    let ports = &service.spec.ports;
    let nameless = ports.iter().position(|port| port.name.is_empty());
    let looked_for = |text: &str| text.contains("_tcp.") || text.contains("_udp.");
    let spec = cx.set().spec.template.spec();
    let used = spec.is_some_and(|spec| names::says(&spec, looked_for));
    if (nameless.is_none() && !ports.is_empty()) || !(used || cx.of_names) {
        return Ok(Outcome::default());
    }
    let (role, severity) = match used {
        true => (Role::Root, Severity::Warning),
        false => (Role::Risk, Severity::Info),
    };
    let says = match nameless.and_then(|at| ports.get(at)) {
        Some(port) => format!("port {} has no name: there is no SRV record for it", port.port),
        None => "has no ports: there are no SRV records".to_owned(),
    };
    let consequence = if used { ", and the template looks for some" } else { "" };
    let object = ObjectRef::of("Service", &service.metadata);
    let (path, value) = match nameless {
        Some(at) => (format!("spec.ports[{at}].name"), ""),
        None => ("spec.ports".to_owned(), "none"),
    };
    let name = service.metadata.name.as_str();
    let finding = Finding::new(role, severity, object.clone(), format!("{says}{consequence}"))
        .evidence(Evidence::field(object, &path, value))
        .remedy(remedy(name, cx.namespace(), nameless));
    Ok(vec![finding].into())
}

fn remedy(name: &str, namespace: &str, nameless: Option<usize>) -> Remedy {
    let Some(at) = nameless else {
        let text = format!("give Service {name} a port with a name, if SRV records are wanted");
        return Remedy::new(text, Safety::ReadOnly)
            .command(&["kubectl", "get", "service", name, "-n", namespace, "-o", "yaml"]);
    };
    let patch = format!(r#"[{{"op":"add","path":"/spec/ports/{at}/name","value":"main"}}]"#);
    let text = "give the port a name of your choice, if SRV records are wanted; they appear without a restart";
    Remedy::new(text, Safety::Reversible).command(&[
        "kubectl",
        "patch",
        "service",
        name,
        "-n",
        namespace,
        "--type=json",
        "-p",
        &patch,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, governing, recorded, refused, run_of_names};
    use crate::model::resource::Resource;
    use crate::model::snapshot::Snapshot;

    fn unnamed(snapshot: &mut Snapshot) {
        governing(snapshot).spec.ports[0].name.clear();
    }

    #[test]
    fn told_where_names_are_asked_about() {
        let mut snapshot = recorded("healthy-ordered");
        assert!(run_of_names(&RULE, &snapshot).unwrap().findings.is_empty());
        unnamed(&mut snapshot);
        let found = run_of_names(&RULE, &snapshot).unwrap().findings;
        assert_eq!((found[0].role, found[0].severity), (Role::Risk, Severity::Info));
        assert!(found[0].summary.starts_with("port 80 has no name"));
        governing(&mut snapshot).spec.ports.clear();
        let found = run_of_names(&RULE, &snapshot).unwrap().findings;
        assert!(found[0].summary.starts_with("has no ports"));
    }

    #[test]
    fn silent_in_a_diagnosis_unless_the_template_looks_for_the_record() {
        assert!(findings_after(&RULE, "healthy-ordered", unnamed).is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            unnamed(snapshot);
            let template = &mut snapshot.stateful_sets.items[0].spec.template;
            template.0["spec"]["containers"][0]["args"] = serde_json::json!(["--discover=_http._tcp.web"]);
        });
        assert_eq!((found[0].role, found[0].severity), (Role::Root, Severity::Warning));
    }

    #[test]
    fn refused_services_are_named() {
        assert_eq!(
            refused(&RULE, "healthy-ordered", Resource::Services)[0].resource,
            Resource::Services
        );
    }
}
