//! Which behaviour a controller of some version shows. Only what differs between versions or gates becomes a flag;
//! what all modelled versions share is code.

use std::collections::BTreeMap;

/// The newest minor version whose controller the model was held against.
const NEWEST_MINOR: u32 = 36;

/// The behaviour of one controller. Source: `pkg/features/kube_features.go`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The 1.x version that the behaviour is taken from.
    pub minor: u32,
    /// Whether that is the server's own version; otherwise it is the nearest one known, and answers are only likely.
    pub exact: bool,
    /// `MaxUnavailableStatefulSet`: `maxUnavailable` is honoured.
    pub max_unavailable: bool,
    /// `StatefulSetSemanticRevisionComparison`: a revision that differs only in what defaulting adds is the same.
    pub semantic_revisions: bool,
}

/// A feature gate that has no part in what is modelled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown feature gate {0:?}")]
pub struct UnknownGate(pub String);

impl Default for Profile {
    fn default() -> Self {
        Self {
            minor: NEWEST_MINOR,
            exact: true,
            max_unavailable: false,
            semantic_revisions: true,
        }
    }
}

impl Profile {
    /// The behaviour of a server version such as `v1.36.3`, with the gates' defaults. An empty text means the newest.
    pub fn for_version(version: &str) -> Self {
        let minor = minor(version);
        Self {
            exact: version.is_empty() || minor == Some(NEWEST_MINOR),
            ..Self::default()
        }
    }

    /// The same with feature gates set by hand.
    pub fn with_gates(mut self, gates: &BTreeMap<String, bool>) -> Result<Self, UnknownGate> {
        for (gate, on) in gates {
            match gate.as_str() {
                "MaxUnavailableStatefulSet" => self.max_unavailable = *on,
                "StatefulSetSemanticRevisionComparison" => self.semantic_revisions = *on,
                _ => return Err(UnknownGate(gate.clone())),
            }
        }
        Ok(self)
    }
}

fn minor(version: &str) -> Option<u32> {
    let rest = version.trim_start_matches('v').strip_prefix("1.")?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .map_or(rest, |end| &rest[..end]);
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_version_falls_back_to_the_newest_and_says_so() {
        assert_eq!(Profile::for_version("v1.36.3"), Profile::default());
        assert_eq!(Profile::for_version("1.36+"), Profile::default());
        assert_eq!(Profile::for_version(""), Profile::default());
        let other = Profile::for_version("v1.41.0-alpha.1");
        assert_eq!((other.minor, other.exact), (36, false));
        assert!(!Profile::for_version("mainline").exact);
    }

    #[test]
    fn gates_can_be_set_and_foreign_ones_are_refused() {
        let gates = |name: &str| BTreeMap::from([(name.to_owned(), true)]);
        let on = Profile::default()
            .with_gates(&gates("MaxUnavailableStatefulSet"))
            .unwrap();
        assert!(on.max_unavailable);
        assert_eq!(
            Profile::default().with_gates(&gates("Other")),
            Err(UnknownGate("Other".into()))
        );
    }
}
