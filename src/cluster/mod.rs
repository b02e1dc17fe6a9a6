//! The only code that talks to anything: the API server, files, credential plugins.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the client, and the own clock where a server sends none, belong here"
)]

pub mod collect;
pub mod connect;
pub mod dns;
pub mod dry_run;
pub mod error;
pub mod files;
pub mod manifests;
pub mod watch;
