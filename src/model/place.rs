//! Where a list looks: one resource can be listed at several places for one answer.

/// Where objects of a resource were looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// In the command's scope; what lies in no namespace too.
    #[default]
    Scope,
    /// In all namespaces, beside the scope's own list.
    Everywhere,
    /// In all namespaces, and only what the cluster's DNS consists of.
    ClusterDns,
}

impl Place {
    /// What a recording calls it; the others are told apart by their namespace.
    pub fn recorded(self) -> Option<&'static str> {
        match self {
            Self::Scope | Self::Everywhere => None,
            Self::ClusterDns => Some("clusterDns"),
        }
    }
}
