//! Which sets a NAME on the command line means.

use super::objects::StatefulSet;
use super::ordinal::numbered;

/// What a NAME is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Set,
    Pod,
    Claim,
}

/// A kind in front of a name that no set can be found by.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not looked at here; name a statefulset, a pod or a pvc")]
pub struct UnknownKind(pub String);

/// A name with its kind, as kubectl takes it: `web`, `sts/web`, `pod/web-0`, `pvc/data-web-0`.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    kind: Kind,
    name: &'a str,
}

impl<'a> Named<'a> {
    /// Reads what was typed.
    ///
    /// # Errors
    /// When the kind in front is none that belongs to a set.
    pub fn parse(text: &'a str) -> Result<Self, UnknownKind> {
        let (kind, name) = text.split_once('/').unwrap_or(("sts", text));
        let kind = match kind {
            "sts" | "statefulset" | "statefulsets" | "statefulset.apps" | "statefulsets.apps" => Kind::Set,
            "pod" | "pods" | "po" => Kind::Pod,
            "pvc" | "persistentvolumeclaim" | "persistentvolumeclaims" => Kind::Claim,
            other => return Err(UnknownKind(other.to_owned())),
        };
        Ok(Self { kind, name })
    }

    /// The set's name, as far as the typed name tells it: a claim's does not.
    pub fn set(&self) -> Option<&'a str> {
        match self.kind {
            Kind::Set => Some(self.name),
            Kind::Pod => numbered(self.name).map(|(parent, _)| parent),
            Kind::Claim => None,
        }
    }

    /// Whether the set is meant, or the set of the pod or claim that is meant.
    pub fn means(&self, set: &StatefulSet) -> bool {
        match self.kind {
            Kind::Set => set.metadata.name == self.name,
            Kind::Pod => numbered(self.name).is_some_and(|(parent, _)| parent == set.metadata.name),
            Kind::Claim => numbered(self.name)
                .is_some_and(|(_, ordinal)| set.claim_names(ordinal).any(|(_, claim)| claim == self.name)),
        }
    }
}
