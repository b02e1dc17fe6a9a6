//! The only code that talks to anything: the API server, files, credential plugins.

pub mod connect;
pub mod error;
