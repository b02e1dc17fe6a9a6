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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn the_image_is_named_and_the_update_taken_back() {
        let found = findings(&RULE, "image-pull-blocks-scale-up");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].summary, "cannot pull image app:missing of container app");
        let remedy = found[0].remedy.as_ref().unwrap();
        assert_eq!((remedy.safety, remedy.commands.len()), (Safety::Disruptive, 2));
    }

    #[test]
    fn without_an_update_there_is_nothing_to_take_back() {
        let found = findings_after(&RULE, "image-pull-blocks-scale-up", |snapshot| {
            let status = &mut snapshot.stateful_sets.items[0].status;
            status.current_revision.clone_from(&status.update_revision);
        });
        assert_eq!(found[0].remedy.as_ref().unwrap().safety, Safety::ReadOnly);
    }

    #[test]
    fn a_withdrawn_image_is_another_matter() {
        for scenario in ["reverted-image", "unknown-waiting-reason", "healthy-ordered"] {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }

    #[test]
    fn refused_pods_are_named() {
        let gaps = refused(&RULE, "image-pull-blocks-scale-up", Resource::Pods);
        assert_eq!(gaps[0].resource, Resource::Pods);
    }
}
