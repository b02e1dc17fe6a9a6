//! The only code that talks to anything: the API server, files, credential plugins.

pub mod collect;
pub mod connect;
pub mod error;
pub mod files;
