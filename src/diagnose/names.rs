//! Whether anybody needs the pods' own DNS names: then their absence is a fault, and not a choice.

use jiff::SignedDuration;

use super::context::Context;
use super::finding::{Role, Severity};
use crate::model::objects::{Pod, PodSpec};
use crate::model::pod_state::{PodState, since};

/// What shows that the names are needed.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// The set's template uses them.
    pub used: bool,
    /// A pod runs and is not Ready, which names that do not resolve can cause.
    pub suffers: bool,
}

impl Need {
    /// Whether anything does.
    pub fn any(self) -> bool {
        self.used || self.suffers
    }

    /// What names that are missing are: a fault, or a choice that harms nothing.
    pub fn weight(self) -> (Role, Severity) {
        match self.any() {
            true => (Role::Root, Severity::Error),
            false => (Role::Risk, Severity::Info),
        }
    }

    /// What ends a summary.
    pub fn consequence(self) -> &'static str {
        match self.used {
            true => ", and the template uses these names",
            false => "",
        }
    }
}

/// Whether the pods' names below this Service are needed.
pub fn need(cx: &Context<'_>, service: &str) -> Need {
    Need {
        used: used(cx, service),
        suffers: suffers(cx),
    }
}

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

/// Whether slices should tell by now how ready the pod is. Their controller acts within a second; it is given longer,
/// because it may be busy, and because pods and slices are not read at one moment.
pub fn settled(cx: &Context<'_>, pod: &Pod) -> bool {
    const LAG: SignedDuration = SignedDuration::from_secs(10);
    since(pod).is_some_and(|at| cx.now().duration_since(at) > LAG)
}

/// Whether a container's environment, command or arguments hold a name below the Service.
pub fn mentions(spec: &PodSpec, service: &str) -> bool {
    let needle = format!(".{service}");
    says(spec, |text| text.contains(&needle))
}

/// Whether a container's environment, command or arguments hold such a text.
pub fn says(spec: &PodSpec, such: impl Fn(&str) -> bool) -> bool {
    spec.containers.iter().chain(&spec.init_containers).any(|container| {
        let values = container.env.iter().filter_map(|variable| variable.value.as_ref());
        let mut texts = values.chain(&container.command).chain(&container.args);
        texts.any(|text| such(text))
    })
}
