//! Parsers for what controllers and schedulers write, in all known wordings. Text that does not fit is never an error:
//! callers fall back to showing it verbatim.

/// One reason of a FailedScheduling message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeReason {
    /// Nodes that gave it; `None` where the scheduler rejected the pod before looking at nodes.
    pub nodes: Option<u32>,
    /// The reason.
    pub text: String,
}

/// The reasons of `0/N nodes are available: …`, without what preemption says.
/// Source: `pkg/scheduler/framework/types.go` (FitError).
pub fn scheduling_reasons(message: &str) -> Vec<NodeReason> {
    let Some((_, list)) = message.split_once("nodes are available: ") else {
        return Vec::new();
    };
    let list = list
        .split("preemption:")
        .next()
        .unwrap_or(list)
        // What plugins that run before preemption say, since 1.34.
        .split(". no new claims to deallocate")
        .next()
        .unwrap_or(list)
        .trim_end_matches([' ', ',', '.']);
    let mut reasons: Vec<NodeReason> = Vec::new();
    for part in list.split(", ") {
        let counted = part
            .split_once(' ')
            .and_then(|(count, text)| Some((count.parse().ok()?, text)));
        match (counted, reasons.last_mut()) {
            (Some((nodes, text)), _) => reasons.push(NodeReason {
                nodes: Some(nodes),
                text: text.to_owned(),
            }),
            // Reasons hold commas themselves: a part without a count belongs to the one before.
            (None, Some(last)) => last.text = format!("{}, {part}", last.text),
            (None, None) => reasons.push(NodeReason {
                nodes: None,
                text: part.to_owned(),
            }),
        }
    }
    reasons
}

/// The resource of an `Insufficient cpu` reason.
pub fn insufficient(reason: &NodeReason) -> Option<&str> {
    reason
        .text
        .strip_prefix("Insufficient ")
        .map(|resource| resource.trim_end_matches('.'))
}

/// Whether a reason is a taint that the pod does not tolerate, in the wordings of all versions.
pub fn untolerated(reason: &NodeReason) -> bool {
    reason.text.contains("untolerated taint") || reason.text.contains("that the pod didn't tolerate")
}

/// The pod that a message of the StatefulSet controller is about: `create Pod web-0 in StatefulSet web …`, with a verb
/// that newer versions capitalise.
pub fn controller_pod(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(" Pod ")?;
    rest.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(message: &str) -> Vec<(Option<u32>, String)> {
        scheduling_reasons(message)
            .into_iter()
            .map(|reason| (reason.nodes, reason.text))
            .collect()
    }

    #[test]
    fn reasons_are_split_at_counts_and_not_at_commas() {
        let message = "0/4 nodes are available: 1 node(s) had untolerated taint {a: b}, 3 Insufficient cpu, 3 Insufficient memory. preemption: 0/4 nodes are available: 4 No preemption victims found for incoming pod.";
        assert_eq!(
            texts(message),
            [
                (Some(1), "node(s) had untolerated taint {a: b}".to_owned()),
                (Some(3), "Insufficient cpu".to_owned()),
                (Some(3), "Insufficient memory".to_owned())
            ]
        );
        let newest = "0/3 nodes are available: 3 Insufficient cpu. no new claims to deallocate, preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, 2 Preemption is not helpful for scheduling.";
        assert_eq!(texts(newest), [(Some(3), "Insufficient cpu".to_owned())]);
        let comma = "0/1 nodes are available: 1 node(s) had taint {k: v}, that the pod didn't tolerate.";
        assert_eq!(
            texts(comma),
            [(
                Some(1),
                "node(s) had taint {k: v}, that the pod didn't tolerate".to_owned()
            )]
        );
    }

    #[test]
    fn a_rejection_before_nodes_has_no_count() {
        let message = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found";
        assert_eq!(texts(message)[0].0, None);
        assert!(texts("no nodes available to schedule pods").is_empty());
        assert!(texts("").is_empty());
    }

    #[test]
    fn the_pod_of_a_controller_message_is_found_in_every_wording() {
        assert_eq!(
            controller_pod("create Pod web-0 in StatefulSet web failed error: x"),
            Some("web-0")
        );
        assert_eq!(
            controller_pod("Create Claim data-web-0 Pod web-0 in StatefulSet web success"),
            Some("web-0")
        );
        assert_eq!(
            controller_pod("Create Claim data-web-0 for Pod web-0 in StatefulSet web failed error: x"),
            Some("web-0")
        );
        assert_eq!(controller_pod("nonsense"), None);
    }
}
