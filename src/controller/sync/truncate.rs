//! Old revisions go, oldest first, until the history limit holds.
//!
//! Source: `stateful_set_control.go` (truncateHistory). It runs after every sync, failed ones too.

use super::Run;
use crate::controller::Op;
use crate::model::objects::Revision;

/// Kubernetes' own default of `spec.revisionHistoryLimit`.
const DEFAULT_LIMIT: i32 = 10;

/// `listed` is the history as it was at the start of the sync, oldest first.
pub(super) fn history(run: &mut Run, listed: &[&Revision]) {
    let live = |name: &str| {
        name == run.current || name == run.update || run.input.pods.iter().any(|pod| pod.revision() == name)
    };
    let dead: Vec<_> = listed
        .iter()
        .map(|revision| &revision.metadata.name)
        .filter(|name| !live(name))
        .collect();
    let limit = run.set.spec.revision_history_limit.unwrap_or(DEFAULT_LIMIT);
    // A negative limit keeps everything.
    let Ok(limit) = usize::try_from(limit) else { return };
    let surplus = dead.len().saturating_sub(limit);
    for name in dead.into_iter().take(surplus) {
        run.call(Op::DeleteRevision, name, None);
    }
}
