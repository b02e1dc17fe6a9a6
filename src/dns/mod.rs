//! DNS records of a set: those that should exist, and those that its Service's slices publish. One function turns
//! addresses into records, whoever names the addresses: the pods themselves, or the slices.
//!
//! The rules are those of the Kubernetes DNS specification (<https://github.com/kubernetes/dns/blob/master/docs/specification.md>).

mod comparison;
pub mod configured;
pub mod corefile;
mod difference;
pub mod domain;
mod endpoint;
mod record;
mod servers;

pub use comparison::{Comparison, Heard, Known, Row, compare, same};
pub use difference::Difference;
pub use endpoint::{Absence, Endpoint, Port, hostname};
pub use record::{Own, Records, Zone, records};
pub use servers::{Listed, dns_pods, dns_service};
