//! The API resources that are read: one table, from which requests, gaps, Roles and the import of dumps are made.

/// One API resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// apps/v1
    StatefulSets,
    /// v1
    Pods,
    /// v1
    PersistentVolumeClaims,
    /// v1, cluster-scoped
    PersistentVolumes,
    /// storage.k8s.io/v1, cluster-scoped
    StorageClasses,
    /// v1
    Services,
    /// discovery.k8s.io/v1
    EndpointSlices,
    /// apps/v1
    ControllerRevisions,
    /// v1
    Events,
    /// v1, cluster-scoped
    Nodes,
    /// storage.k8s.io/v1, cluster-scoped
    CsiDrivers,
    /// storage.k8s.io/v1, cluster-scoped
    CsiNodes,
    /// storage.k8s.io/v1, cluster-scoped
    VolumeAttachments,
    /// coordination.k8s.io/v1
    Leases,
    /// policy/v1
    PodDisruptionBudgets,
    /// v1
    ResourceQuotas,
    /// autoscaling/v2
    HorizontalPodAutoscalers,
    /// networking.k8s.io/v1
    NetworkPolicies,
    /// apps/v1
    Deployments,
    /// apps/v1
    DaemonSets,
    /// v1, read by name; of its data only the keys are kept
    ConfigMaps,
    /// v1, read by name, metadata only
    ServiceAccounts,
    /// scheduling.k8s.io/v1, cluster-scoped, read by name, metadata only
    PriorityClasses,
    /// v1, read by name on request, metadata only: what a Secret holds is never asked for
    Secrets,
}

/// Where a resource lives and what it is called.
#[derive(Clone, Copy, Debug)]
pub struct ResourceInfo {
    /// API group, empty for the core group.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// As in a URL, a Role and `kubectl get`.
    pub plural: &'static str,
    /// As in a manifest.
    pub kind: &'static str,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// All of them, in the order of the declaration.
    pub const ALL: [Self; 24] = [
        Self::StatefulSets,
        Self::Pods,
        Self::PersistentVolumeClaims,
        Self::PersistentVolumes,
        Self::StorageClasses,
        Self::Services,
        Self::EndpointSlices,
        Self::ControllerRevisions,
        Self::Events,
        Self::Nodes,
        Self::CsiDrivers,
        Self::CsiNodes,
        Self::VolumeAttachments,
        Self::Leases,
        Self::PodDisruptionBudgets,
        Self::ResourceQuotas,
        Self::HorizontalPodAutoscalers,
        Self::NetworkPolicies,
        Self::Deployments,
        Self::DaemonSets,
        Self::ConfigMaps,
        Self::ServiceAccounts,
        Self::PriorityClasses,
        Self::Secrets,
    ];

    /// Its row of the table.
    pub const fn info(self) -> ResourceInfo {
        let (group, version, plural, kind, namespaced) = match self {
            Self::StatefulSets => ("apps", "v1", "statefulsets", "StatefulSet", true),
            Self::Pods => ("", "v1", "pods", "Pod", true),
            Self::PersistentVolumeClaims => ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true),
            Self::PersistentVolumes => ("", "v1", "persistentvolumes", "PersistentVolume", false),
            Self::StorageClasses => ("storage.k8s.io", "v1", "storageclasses", "StorageClass", false),
            Self::Services => ("", "v1", "services", "Service", true),
            Self::EndpointSlices => ("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", true),
            Self::ControllerRevisions => ("apps", "v1", "controllerrevisions", "ControllerRevision", true),
            Self::Events => ("", "v1", "events", "Event", true),
            Self::Nodes => ("", "v1", "nodes", "Node", false),
            Self::CsiDrivers => ("storage.k8s.io", "v1", "csidrivers", "CSIDriver", false),
            Self::CsiNodes => ("storage.k8s.io", "v1", "csinodes", "CSINode", false),
            Self::VolumeAttachments => ("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", false),
            Self::Leases => ("coordination.k8s.io", "v1", "leases", "Lease", true),
            Self::PodDisruptionBudgets => ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true),
            Self::ResourceQuotas => ("", "v1", "resourcequotas", "ResourceQuota", true),
            Self::HorizontalPodAutoscalers => (
                "autoscaling",
                "v2",
                "horizontalpodautoscalers",
                "HorizontalPodAutoscaler",
                true,
            ),
            Self::NetworkPolicies => ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", true),
            Self::Deployments => ("apps", "v1", "deployments", "Deployment", true),
            Self::DaemonSets => ("apps", "v1", "daemonsets", "DaemonSet", true),
            Self::ConfigMaps => ("", "v1", "configmaps", "ConfigMap", true),
            Self::ServiceAccounts => ("", "v1", "serviceaccounts", "ServiceAccount", true),
            Self::PriorityClasses => ("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", false),
            Self::Secrets => ("", "v1", "secrets", "Secret", true),
        };
        ResourceInfo {
            group,
            version,
            plural,
            kind,
            namespaced,
        }
    }

    /// Whether only names and labels are asked for: that the object is there is all that is wanted of it.
    pub const fn metadata_only(self) -> bool {
        matches!(self, Self::ServiceAccounts | Self::PriorityClasses | Self::Secrets)
    }

    /// The resource of a manifest's kind; events of both API groups are the same objects.
    pub fn of_kind(api_version: &str, kind: &str) -> Option<Self> {
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let wanted = |info: ResourceInfo| {
            info.kind == kind && (info.group == group || (kind == "Event" && group == "events.k8s.io"))
        };
        Self::ALL.into_iter().find(|resource| wanted(resource.info()))
    }

    /// The resource that a recording names by plural and group.
    pub fn of_plural(group: &str, plural: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|resource| resource.info().plural == plural && resource.info().group == group)
    }

    /// The path of its collection, or of one object when a name is given.
    pub fn path(self, namespace: Option<&str>, name: Option<&str>) -> String {
        let info = self.info();
        let mut path = match info.group {
            "" => format!("/api/{}", info.version),
            group => format!("/apis/{group}/{}", info.version),
        };
        if let (true, Some(namespace)) = (info.namespaced, namespace) {
            path += &format!("/namespaces/{}", percent_encoded(namespace));
        }
        path = format!("{path}/{}", info.plural);
        match name {
            Some(name) => format!("{path}/{}", percent_encoded(name)),
            None => path,
        }
    }
}

/// Whether an object can have this name at all: one that cannot stand in a path is refused for every kind.
/// Source: `staging/src/k8s.io/apimachinery/pkg/api/validation/path/name.go` (IsValidPathSegmentName).
pub fn is_possible_name(name: &str) -> bool {
    !["", ".", ".."].contains(&name) && !name.contains(['/', '%'])
}

/// A text as it stands in a path or a query. Names come from objects: one with a slash in it must not lead elsewhere.
pub fn percent_encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_the_api_s() {
        assert_eq!(Resource::Pods.path(Some("shop"), None), "/api/v1/namespaces/shop/pods");
        assert_eq!(Resource::Pods.path(None, None), "/api/v1/pods");
        assert_eq!(Resource::Nodes.path(Some("shop"), Some("a")), "/api/v1/nodes/a");
        assert_eq!(
            Resource::StatefulSets.path(Some("shop"), Some("db")),
            "/apis/apps/v1/namespaces/shop/statefulsets/db"
        );
    }

    #[test]
    fn a_name_stays_one_segment_of_its_path() {
        assert_eq!(
            Resource::Services.path(Some("shop"), Some("../secrets/a?b")),
            "/api/v1/namespaces/shop/services/..%2Fsecrets%2Fa%3Fb"
        );
        assert!(is_possible_name("web.shop") && !is_possible_name("example.com/nfs") && !is_possible_name(".."));
    }

    #[test]
    fn events_of_both_groups_are_one_resource() {
        assert_eq!(Resource::of_kind("events.k8s.io/v1", "Event"), Some(Resource::Events));
        assert_eq!(Resource::of_kind("v1", "Event"), Some(Resource::Events));
        assert_eq!(Resource::of_kind("extensions/v1beta1", "Deployment"), None);
    }
}
