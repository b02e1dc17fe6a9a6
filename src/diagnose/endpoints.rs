//! The entries of the governing Service's slices, each with the slice that holds it.

use core::net::IpAddr;

use super::context::Context;
use super::finding::ObjectRef;
use crate::model::gap::Gap;
use crate::model::objects::{Endpoint, EndpointSlice, Pod};
use crate::model::set::Ordinal;

/// An entry that is served.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Where it stands.
    pub slice: &'a EndpointSlice,
    /// The entry.
    pub endpoint: &'a Endpoint,
}

impl<'a> Entry<'a> {
    /// Its slice as an object.
    pub fn object(&self) -> ObjectRef {
        ObjectRef::of("EndpointSlice", &self.slice.metadata)
    }

    /// Its addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<'a> {
        self.endpoint
            .addresses
            .iter()
            .filter_map(|address| address.parse().ok())
    }

    /// Those of its addresses that the pod does not have.
    pub fn not_of(&self, pod: Option<&Pod>) -> Vec<IpAddr> {
        let own = |address: &IpAddr| pod.is_some_and(|pod| pod.addresses().any(|known| known == *address));
        self.addresses().filter(|address| !own(address)).collect()
    }

    /// Whether it carries the name of this ordinal's pod.
    pub fn names(&self, row: &Ordinal<'_>) -> bool {
        self.endpoint.hostname.as_deref() == Some(row.name.as_str())
    }
}

/// The entries that are served of the governing Service; none where there is none.
///
/// # Errors
/// When Services or slices were not read whole.
pub fn served<'a>(cx: &Context<'a>) -> Result<Vec<Entry<'a>>, Gap> {
    cx.need(&cx.linked.snapshot.services)?;
    let Some(service) = cx.model.service else {
        return Ok(Vec::new());
    };
    cx.need(&cx.linked.snapshot.slices)?;
    let entries = cx.linked.slices(service).iter().flat_map(|&slice| {
        let endpoints = slice.endpoints.iter().flatten();
        endpoints.map(move |endpoint| Entry { slice, endpoint })
    });
    // Absent means unknown, which consumers take as ready.
    let is_served = |entry: &Entry<'_>| entry.endpoint.conditions.ready.unwrap_or(true);
    Ok(entries.filter(is_served).collect())
}
