//! What was read, as values: lean objects, listings with their gaps, and the links between objects. Pure.

pub mod answer;
pub mod changes;
pub mod cluster_dns;
pub mod declared;
pub mod dump;
pub mod gap;
pub mod link;
pub mod listing;
pub mod manifest;
pub mod mask;
pub mod named;
pub mod objects;
pub mod ordinal;
pub mod place;
pub mod pod_state;
pub mod quantity;
pub mod recording;
pub mod resource;
pub mod rounds;
pub mod selector;
pub mod set;
pub mod snapshot;
