//! `ResourceQuota` (v1): what a namespace may have, and has.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Meta, Object};

/// A quota.
/// Source: `staging/src/k8s.io/api/core/v1/types.go` (ResourceQuota).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ResourceQuota {
    /// Metadata.
    pub metadata: Meta,
    /// What counts.
    pub status: QuotaStatus,
}

impl Object for ResourceQuota {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

/// `status` of a quota: quantities by resource.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct QuotaStatus {
    /// What is allowed.
    pub hard: BTreeMap<String, String>,
    /// What is taken.
    pub used: BTreeMap<String, String>,
}

/// What a refusal says of the quota that is behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded<'t> {
    /// The quota.
    pub quota: &'t str,
    /// What was asked for, by resource.
    pub requested: Vec<(&'t str, &'t str)>,
}

/// Reads `exceeded quota: compute, requested: pods=1, used: pods=2, limited: pods=2` out of a message.
/// Source: `staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go` (CheckRequest).
pub fn exceeded(message: &str) -> Option<Exceeded<'_>> {
    let (_, rest) = message.split_once("exceeded quota: ")?;
    let (quota, rest) = rest.split_once(", requested: ")?;
    let (requested, _) = rest.split_once(", used: ")?;
    let requested = requested.split(',').filter_map(|pair| pair.split_once('=')).collect();
    Some(Exceeded { quota, requested })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_quota_and_what_was_asked_for() {
        let message = "Create Pod web-2 in StatefulSet web failed error: pods \"web-2\" is forbidden: exceeded quota: \
            compute, requested: pods=1,requests.cpu=2, used: pods=2,requests.cpu=3, limited: pods=2,requests.cpu=4";
        let found = exceeded(message).unwrap();
        assert_eq!(found.quota, "compute");
        assert_eq!(found.requested, [("pods", "1"), ("requests.cpu", "2")]);
        assert_eq!(exceeded("failed quota: compute: must specify cpu"), None);
        assert_eq!(exceeded("exceeded quota: compute"), None);
    }
}
