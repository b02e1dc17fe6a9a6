//! An image cannot be pulled.

use crate::diagnose::context::{Context, Suspect};
use crate::diagnose::finding::{Evidence, Finding, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Rule};
use crate::model::pod_state::{PodState, since};

pub(super) const RULE: Rule = Rule {
    code: "STS501",
    name: "image-not-pulled",
    explain: "\
## What it means
The node cannot get a container's image: it does not exist, may not be read, or the registry does not answer.
## How it is detected
A container waits with ErrImagePull, ImagePullBackOff, InvalidImageName or a kin; its message is the evidence.
## What to do
Publish the image, or its credentials: the node tries again by itself. Or put another image into the template; under
OrderedReady that does not reach the pod by itself (kubernetes#67250): delete the pod after that.
## When it is fine
Never for longer than a hiccup of the registry.
## Source
https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let mut findings = Vec::new();
    for suspect in cx.suspects() {
        let PodState::ImagePull(container, waiting) = suspect.state else {
            continue;
        };
        let object = suspect.object();
        let path = format!("status.containerStatuses[{}].state.waiting", container.name);
        let summary = format!("cannot pull image {} of container {}", container.image, container.name);
        findings.push(
            Finding::new(Role::Root, Severity::Error, object.clone(), summary)
                .since(since(suspect.pod))
                .evidence(Evidence::field(
                    object,
                    &path,
                    format!("{}: {}", waiting.reason, waiting.message),
                ))
                .remedy(remedy(cx, &suspect))
                .ordinals(suspect.ordinals),
        );
    }
    Ok(findings.into())
}

fn remedy(cx: &Context<'_>, suspect: &Suspect<'_>) -> Remedy {
    let pod = &suspect.pod.metadata;
    let set = cx.set();
    let updating = set.status.current_revision != set.status.update_revision;
    if suspect.own && updating && suspect.pod.revision() == set.status.update_revision && set.ordered() {
        let text = format!(
            "publish the image, or take the update back and then delete pod {}: it is not replaced by itself",
            pod.name
        );
        return Remedy::new(text, Safety::Disruptive)
            .command(&[
                "kubectl",
                "rollout",
                "undo",
                &format!("statefulset/{}", set.metadata.name),
                "-n",
                &pod.namespace,
            ])
            .command(&["kubectl", "delete", "pod", &pod.name, "-n", &pod.namespace]);
    }
    let text = match suspect.own && set.ordered() {
        true => format!(
            "publish the image; or put another into the template and then delete pod {}: it is not replaced by itself",
            pod.name
        ),
        false => "publish the image, or put another into the template".to_owned(),
    };
    Remedy::new(text, Safety::ReadOnly).command(&["kubectl", "describe", "pod", &pod.name, "-n", &pod.namespace])
}
