//! Whether anybody needs the pods' own DNS names: then their absence is a fault, and not a choice.

use jiff::SignedDuration;

use super::context::Context;
use crate::model::objects::PodSpec;
use crate::model::pod_state::{PodState, since};

/// Whether the set's template uses names below the Service.
pub fn used(cx: &Context<'_>, service: &str) -> bool {
    cx.set()
        .spec
        .template
        .spec()
        .is_some_and(|spec| mentions(&spec, service))
}

/// Whether a pod runs and is not Ready, which names that do not resolve can cause.
pub fn suffers(cx: &Context<'_>) -> bool {
    cx.troubled().any(|(_, pod, state)| match state {
        PodState::Crashing(..) | PodState::NotReady => true,
        PodState::Starting => since(pod).is_some_and(|at| cx.now().duration_since(at) > PATIENCE),
        _ => false,
    })
}

/// A pod that starts for longer may be waiting for its peers' names.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// Whether a container's environment, command or arguments hold a name below the Service.
pub fn mentions(spec: &PodSpec, service: &str) -> bool {
    let needle = format!(".{service}");
    spec.containers.iter().chain(&spec.init_containers).any(|container| {
        let values = container.env.iter().filter_map(|variable| variable.value.as_ref());
        values
            .chain(&container.command)
            .chain(&container.args)
            .any(|text| text.contains(&needle))
    })
}
