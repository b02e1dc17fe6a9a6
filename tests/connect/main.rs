//! Connections as kubectl makes them, against servers on loopback that record what comes over the wire. No test looks
//! at the clock, at the user's kubeconfig or at the user's proxies.
//!
//! Traps of the client library that apply, by what they would do: the plugin run thrice (`plugin`), evictions repeated
//! in silence (`bounds`), `NO_PROXY` compared with the wrong host (`proxy`), a missing file in the list refused
//! (`files`), answers quoted in errors (`bounds`, `files`), no limit of time (`bounds`).
#![allow(clippy::unwrap_used, missing_docs, reason = "a test panics where it fails")]

#[allow(dead_code, reason = "shared with other tests")]
#[path = "../support/fake_api.rs"]
mod fake_api;
#[path = "../support/scene.rs"]
mod scene;

mod bounds;
mod files;
#[cfg(unix)]
mod plugin;
mod proxy;
mod tls;
mod wire;
