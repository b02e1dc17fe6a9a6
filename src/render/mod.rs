//! Values to strings: tables, chains, JSON. Nothing here reads, decides or prints.

pub mod age;
pub mod cell;
pub mod check;
pub mod diagnosis;
pub mod diff;
pub mod dns;
pub mod envelope;
pub mod history;
pub mod layout;
pub mod ledger;
pub mod overview;
pub mod palette;
pub mod plan;
pub mod table;
pub mod wait;

pub use layout::Layout;
