//! The controller model behind the oracle's protocol: states as JSON lines on stdin, one answer a line on stdout.
//! `cargo run --release --example controller_sync < states.jsonl`; the same line fed to `target/testbed/bin/oracle`
//! shows what the real controller does.

use std::io::{BufRead, Write, stdin, stdout};

use anyhow::{Context, Result};
use kubectl_sts::controller::{Decision, State, sync};
use serde_json::{Value, json};

fn main() -> Result<()> {
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let state: State = serde_json::from_str(&line?).context("not a state")?;
        let answer = match state.input() {
            Ok(input) => answer(&state.id, &sync(&input)),
            Err(gate) => {
                json!({"id": state.id, "calls": [], "status": null, "error": gate.to_string(), "waitsFor": []})
            }
        };
        writeln!(out, "{answer}")?;
    }
    Ok(())
}

fn answer(id: &Value, decision: &Decision) -> Value {
    let status = decision.status.as_ref().map(|status| {
        json!({
            "observedGeneration": status.observed_generation,
            "replicas": status.replicas,
            "readyReplicas": status.ready_replicas,
            "availableReplicas": status.available_replicas,
            "currentReplicas": status.current_replicas,
            "updatedReplicas": status.updated_replicas,
            "currentRevision": status.current_revision,
            "updateRevision": status.update_revision,
            "collisionCount": status.collision_count,
        })
    });
    json!({
        "id": id,
        "calls": decision.calls,
        "status": status,
        "error": decision.error.as_deref().unwrap_or_default(),
        "waitsFor": decision.waits_for,
    })
}
