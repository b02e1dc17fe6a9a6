//! What a pod needs by name before it can start: of a `ConfigMap` (v1) the keys, of others that they are there. And the
//! configuration of a DNS server, the only values that are read.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::{Meta, Object};

/// A ConfigMap without its values: they are dropped while it is parsed.
/// Source: `staging/src/k8s.io/api/core/v1/types.go` (ConfigMap).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigMap {
    /// Metadata.
    pub metadata: Meta,
    /// Keys of texts.
    pub data: Keys,
    /// Keys of bytes.
    pub binary_data: Keys,
}

impl Object for ConfigMap {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

impl ConfigMap {
    /// All keys, of texts and of bytes.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.data.0.iter().chain(&self.binary_data.0).map(String::as_str)
    }
}

/// The keys of a map whose values nobody keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(pub BTreeSet<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let map = Option::<BTreeMap<String, IgnoredAny>>::deserialize(from)?;
        Ok(Self(map.unwrap_or_default().into_keys().collect()))
    }
}

/// A ConfigMap that a DNS server mounts, with its Corefile and what that imports; other values are dropped.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct DnsConfig {
    /// Metadata.
    pub metadata: Meta,
    /// The texts that are kept, by key.
    pub data: Corefiles,
}

impl Object for DnsConfig {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn slim(&mut self) {
        self.metadata.managed_fields = Vec::new();
    }
}

/// Texts of keys that [`Corefiles::holds`] names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corefiles(pub BTreeMap<String, String>);

impl Corefiles {
    /// Whether a key holds configuration of a DNS server: the Corefile itself, and the pieces that k3s and AKS import
    /// into it. Sources: <https://docs.k3s.io/networking/networking-services#coredns>,
    /// <https://learn.microsoft.com/azure/aks/coredns-custom>.
    pub fn holds(key: &str) -> bool {
        key == "Corefile" || [".server", ".override"].iter().any(|suffix| key.ends_with(suffix))
    }
}

impl<'de> Deserialize<'de> for Corefiles {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let map = Option::<BTreeMap<String, String>>::deserialize(from)?.unwrap_or_default();
        Ok(Self(map.into_iter().filter(|(key, _)| Self::holds(key)).collect()))
    }
}

/// An object of which nothing but its metadata is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Bare {
    /// Metadata.
    pub metadata: Meta,
}

impl Object for Bare {
    fn meta(&self) -> &Meta {
        &self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_kept() {
        let json = r#"{"metadata":{"name":"c"},"data":{"a":"hunter2"},"binaryData":{"b":"aHVudGVyMg=="}}"#;
        let config: ConfigMap = serde_json::from_str(json).unwrap();
        assert_eq!(config.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert!(!format!("{config:?}").contains("hunter2") && !format!("{config:?}").contains("aHVud"));
        let empty: ConfigMap = serde_json::from_str(r#"{"data":null}"#).unwrap();
        assert_eq!(empty.keys().count(), 0);
    }
}
