//! What was read, as values: lean objects, listings with their gaps, and the links between objects. Pure.

pub mod objects;
