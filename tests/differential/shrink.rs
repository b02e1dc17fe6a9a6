//! Makes a state that shows a difference as small as it gets, by leaving things out one at a time.

use serde_json::Value;

use crate::compare::{agree, model};
use crate::oracle::Oracle;

/// The smallest state found, and the controller's answer to it.
pub fn smallest(oracle: &mut Oracle, mut state: Value) -> (Value, Value) {
    while let Some(smaller) = candidates(&state)
        .into_iter()
        .find(|candidate| differs(oracle, candidate))
    {
        state = smaller;
    }
    let theirs = oracle.ask(std::slice::from_ref(&state)).remove(0);
    (state, theirs)
}

fn differs(oracle: &mut Oracle, state: &Value) -> bool {
    let theirs = &oracle.ask(std::slice::from_ref(state))[0];
    // A state that the controller cannot read at all is no smaller case of the same difference.
    let panicked = theirs["error"].as_str().is_some_and(|error| error.starts_with("panic"));
    !panicked && !agree(&model(state).0, theirs)
}

fn candidates(state: &Value) -> Vec<Value> {
    let lists = ["/pods", "/claims", "/revisions", "/set/spec/volumeClaimTemplates"];
    let mut found: Vec<_> = lists.iter().flat_map(|list| without_one(state, list)).collect();
    for list in ["/pods", "/claims", "/revisions"] {
        let length = state.pointer(list).and_then(Value::as_array).map_or(0, Vec::len);
        for at in 0..length {
            for path in ["metadata/ownerReferences", "spec/volumes", "status/conditions"] {
                found.extend(without_one(state, &format!("{list}/{at}/{path}")));
            }
            found.extend(without_key(
                state,
                &format!("{list}/{at}/metadata"),
                "deletionTimestamp",
            ));
        }
    }
    for (object, key) in [
        ("", "featureGates"),
        ("/set/metadata", "deletionTimestamp"),
        ("/set/spec", "ordinals"),
        ("/set/spec", "minReadySeconds"),
        ("/set/spec", "persistentVolumeClaimRetentionPolicy"),
        ("/set/spec/updateStrategy", "rollingUpdate"),
        ("/set", "status"),
    ] {
        found.extend(without_key(state, object, key));
    }
    let replicas = state["set"]["spec"]["replicas"].as_i64().unwrap();
    if replicas > 0 {
        let mut fewer = state.clone();
        fewer["set"]["spec"]["replicas"] = (replicas - 1).into();
        found.push(fewer);
    }
    found
}

fn without_one(state: &Value, list: &str) -> Vec<Value> {
    let length = state.pointer(list).and_then(Value::as_array).map_or(0, Vec::len);
    let without = |at| {
        let mut smaller = state.clone();
        smaller
            .pointer_mut(list)
            .and_then(Value::as_array_mut)
            .unwrap()
            .remove(at);
        smaller
    };
    (0..length).map(without).collect()
}

fn without_key(state: &Value, object: &str, key: &str) -> Option<Value> {
    let mut smaller = state.clone();
    smaller.pointer_mut(object)?.as_object_mut()?.remove(key)?;
    Some(smaller)
}
