//! Port-forwards.
