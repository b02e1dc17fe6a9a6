//! Which behaviour a controller of some version shows. Only what differs between versions or gates becomes a flag;
//! what all modelled versions share is code. [`Profiles`](super::Profiles) holds all that one server may show.

use std::collections::BTreeMap;

/// The minor versions whose controller the model was held against.
pub(super) const PROVEN: std::ops::RangeInclusive<u32> = 33..=36;

/// The newest minor version that documents tell something of.
const TOLD: u32 = 38;

/// The behaviour of one controller.
/// Source: the differences between the versions' `pkg/controller/statefulset`, `pkg/features/kube_features.go`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The 1.x version that the behaviour is taken from.
    pub minor: u32,
    /// Whether that is the asked version, and the model was held against its controller; otherwise answers are only
    /// likely.
    pub exact: bool,
    /// A pod is fine when it is available, not merely running and Ready (1.34): what scale-down and updates look at.
    pub availability: bool,
    /// A pod is available at the instant when `minReadySeconds` have passed, and not only after it (1.34).
    pub inclusive: bool,
    /// A revision stores `metadata.creationTimestamp: null` with the template, which none has (until 1.33).
    pub null_timestamps: bool,
    /// Revisions whose labelled hashes are different numbers differ, though their bytes do not (until 1.33).
    pub hash_labels: bool,
    /// `StatefulSetSemanticRevisionComparison`: a revision that differs only in what defaulting adds is the same (1.34.2).
    pub semantic_revisions: bool,
    /// `MaxUnavailableStatefulSet`: `maxUnavailable` is honoured. Off by default, but for 1.35.0 to 1.35.3 and 1.37.
    pub max_unavailable: bool,
    /// No status is written while `maxUnavailable` cannot be read and is honoured (1.35).
    pub max_unavailable_reported: bool,
    /// Under Parallel, `maxUnavailable` does not spare pods that are not available anyway (1.37).
    pub replaces_unavailable: bool,
    /// An update ends under every strategy, not only under RollingUpdate (1.37).
    pub completes_any_strategy: bool,
    /// The strategy Recreate has a name (1.37); before that it is like any unknown one.
    pub knows_recreate: bool,
    /// `StatefulSetRecreateStrategy`: and it is carried out. Off by default.
    pub recreate: bool,
    /// Under Parallel, pods out of range go before missing ones are made (1.38).
    pub condemned_first: bool,
}

/// A feature gate that has no part in what is modelled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown feature gate {0:?}")]
pub struct UnknownGate(pub String);

impl Default for Profile {
    /// The newest version that is proven.
    fn default() -> Self {
        Self::of(*PROVEN.end(), u32::MAX, true)
    }
}

impl Profile {
    /// The behaviour of a server version such as `v1.36.3`, with the gates' defaults. An empty text means the newest
    /// that is proven; a version that is not known behaves like the nearest one that is.
    pub fn for_version(version: &str) -> Self {
        if version.is_empty() {
            return Self::default();
        }
        match parse(version) {
            None => Self {
                exact: false,
                ..Self::default()
            },
            Some((minor, patch)) if minor < *PROVEN.start() => Self::of(*PROVEN.start(), patch, false),
            Some((minor, patch)) => Self::of(minor.min(TOLD), patch, PROVEN.contains(&minor)),
        }
    }

    fn of(minor: u32, patch: u32, exact: bool) -> Self {
        let default_on = (minor == 35 && patch < 4) || minor >= 37;
        Self {
            minor,
            exact,
            availability: minor >= 34,
            inclusive: minor >= 34,
            null_timestamps: minor < 34,
            hash_labels: minor < 34,
            semantic_revisions: (minor, patch) >= (34, 2),
            max_unavailable: default_on,
            max_unavailable_reported: minor >= 35,
            replaces_unavailable: minor >= 37,
            completes_any_strategy: minor >= 37,
            knows_recreate: minor >= 37,
            recreate: false,
            condemned_first: minor >= 38,
        }
    }

    /// The same with feature gates set by hand.
    pub fn with_gates(mut self, gates: &BTreeMap<String, bool>) -> Result<Self, UnknownGate> {
        for (gate, on) in gates {
            match gate.as_str() {
                "MaxUnavailableStatefulSet" => self.max_unavailable = *on,
                "StatefulSetSemanticRevisionComparison" => self.semantic_revisions = *on,
                "StatefulSetRecreateStrategy" if self.knows_recreate => self.recreate = *on,
                _ => return Err(UnknownGate(gate.clone())),
            }
        }
        Ok(self)
    }
}

/// Minor version and patch level of `v1.35.2-vendor.7`; a patch level that is not given is taken to be late.
pub fn parse(version: &str) -> Option<(u32, u32)> {
    let number = |text: &str| {
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .map_or(text, |end| &text[..end]);
        digits.parse().ok()
    };
    let rest = version.trim_start_matches('v').strip_prefix("1.")?;
    let patch = rest.split_once('.').and_then(|(_, patch)| number(patch));
    Some((number(rest)?, patch.unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_version_falls_back_to_the_nearest_and_says_so() {
        assert_eq!(Profile::for_version("v1.36.3"), Profile::default());
        assert_eq!(Profile::for_version("1.36+"), Profile::default());
        assert_eq!(Profile::for_version(""), Profile::default());
        let told = |version| {
            let profile = Profile::for_version(version);
            (profile.minor, profile.exact)
        };
        assert_eq!(told("v1.33.13-vendor.2"), (33, true));
        assert_eq!(told("v1.19.0"), (33, false));
        assert_eq!(told("v1.37.0"), (37, false));
        assert_eq!(told("v1.41.0-alpha.1"), (38, false));
        assert_eq!(told("mainline"), (36, false));
    }

    #[test]
    fn patch_levels_that_behave_otherwise_are_known() {
        let flags = |version| {
            let profile = Profile::for_version(version);
            (profile.max_unavailable, profile.semantic_revisions)
        };
        assert_eq!(flags("v1.33.13"), (false, false));
        assert_eq!(flags("v1.34.1"), (false, false));
        assert_eq!(flags("v1.34.2"), (false, true));
        assert_eq!(flags("v1.35.3"), (true, true));
        assert_eq!(flags("v1.35.4"), (false, true));
        assert_eq!(flags("v1.35"), (false, true));
        assert_eq!(flags("v1.37.0"), (true, true));
    }

    #[test]
    fn gates_can_be_set_and_foreign_ones_are_refused() {
        let gates = |name: &str| BTreeMap::from([(name.to_owned(), true)]);
        let on = Profile::default()
            .with_gates(&gates("MaxUnavailableStatefulSet"))
            .unwrap();
        assert!(on.max_unavailable);
        for foreign in ["Other", "StatefulSetRecreateStrategy"] {
            let refused = Err(UnknownGate(foreign.into()));
            assert_eq!(Profile::default().with_gates(&gates(foreign)), refused);
        }
    }
}
