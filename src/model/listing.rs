//! The objects of one kind together with what is missing from them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::gap::{Gap, GapReason};
use super::objects::{Meta, Object};
use super::place::Place;
use super::resource::Resource;

/// What one list gave. `items` are facts; that something is *not* among them is one only when [`Listing::complete`] says so.
#[derive(Debug)]
pub struct Listing<T> {
    /// The objects that were read.
    pub items: Vec<T>,
    /// What was not.
    pub gaps: Vec<Gap>,
    resource: Resource,
    place: Place,
    read: bool,
}

/// Head of one page of a list.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PageHead {
    /// Where the next page starts; empty on the last.
    #[serde(rename = "continue")]
    pub continue_token: String,
    /// The version that the list was taken at.
    pub resource_version: String,
}

/// One page of a list, with its objects as `T`.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct Page<T> {
    #[serde(default)]
    kind: String,
    /// Where the next page starts.
    #[serde(default)]
    pub metadata: PageHead,
    // A list without objects may say null, but it says so.
    #[serde(deserialize_with = "Option::deserialize")]
    items: Option<Vec<T>>,
}

impl<'de, T: Deserialize<'de>> Page<T> {
    /// Reads a page; an error when the body is no list of this resource. A body without objects that does not even say
    /// it is a list would otherwise pass for "there is none".
    pub fn read(body: &'de [u8], resource: Resource) -> Result<Self, serde_json::Error> {
        let page: Self = serde_json::from_slice(body)?;
        let kind = resource.info().kind;
        match page.kind.strip_suffix("List") == Some(kind) {
            true => Ok(page),
            false => Err(serde::de::Error::custom(format!(
                "its kind is {:?}, not {kind}List",
                page.kind
            ))),
        }
    }

    /// Its objects.
    pub fn objects(self) -> impl Iterator<Item = T> {
        self.items.into_iter().flatten()
    }
}

impl<T: Object> Listing<T> {
    /// A listing that was not asked for.
    pub fn new(resource: Resource) -> Self {
        Self::at(resource, Place::Scope)
    }

    /// The same of another place.
    pub fn at(resource: Resource, place: Place) -> Self {
        Self {
            items: Vec::new(),
            gaps: Vec::new(),
            resource,
            place,
            read: false,
        }
    }

    /// What it is a list of.
    pub fn resource(&self) -> Resource {
        self.resource
    }

    /// Whether somebody asked for it, whatever came of that.
    pub fn asked(&self) -> bool {
        self.read || !self.gaps.is_empty()
    }

    /// Whether what is not among the items does not exist; otherwise what was not read.
    pub fn complete(&self) -> Result<&[T], Gap> {
        match self.gaps.first() {
            Some(gap) => Err(gap.clone()),
            None if self.read => Ok(&self.items),
            None => Err(Gap::list(self.resource, None, GapReason::NotRequested).at(self.place)),
        }
    }

    fn push(&mut self, mut object: T) {
        match self.unidentified(&object).or_else(|| object.incomplete()) {
            None if !object.wanted() => {}
            None => {
                object.slim();
                self.items.push(object);
            }
            Some(field) => {
                let meta = object.meta();
                self.gaps.push(self.object_gap(&meta.namespace, &meta.name, field));
            }
        }
    }

    /// What every stored object has, whatever its kind: without it nothing finds the object or its owner.
    fn unidentified(&self, object: &T) -> Option<&'static str> {
        let meta = object.meta();
        let absent = [
            (meta.name.is_empty(), "metadata.name"),
            (
                self.resource.info().namespaced && meta.namespace.is_empty(),
                "metadata.namespace",
            ),
            (
                meta.owner_references.iter().any(|owner| owner.uid.is_empty()),
                "metadata.ownerReferences",
            ),
        ];
        absent.into_iter().find(|(absent, _)| *absent).map(|(_, path)| path)
    }

    fn object_gap(&self, namespace: &str, name: &str, field: &str) -> Gap {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Gap {
            resource: self.resource,
            place: self.place,
            namespace: given(namespace),
            name: given(name).or_else(|| Some("(no name)".to_owned())),
            reason: GapReason::Unparseable(field.to_owned()),
        }
    }

    /// The slow path, taken when a page does not parse as a whole: finds the objects that do.
    fn push_raw(&mut self, raw: &RawValue) {
        match serde_json::from_str::<T>(raw.get()) {
            Ok(object) => self.push(object),
            Err(error) => {
                let named: Named = serde_json::from_str(raw.get()).unwrap_or_default();
                let text = |value: serde_json::Value| value.as_str().unwrap_or_default().to_owned();
                let gap = self.object_gap(
                    &text(named.metadata.namespace),
                    &text(named.metadata.name),
                    &format!("object: {error}"),
                );
                self.gaps.push(gap);
            }
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    metadata: NamedMeta,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamedMeta {
    name: serde_json::Value,
    namespace: serde_json::Value,
}

/// What fills a listing without knowing its type.
pub trait Sink {
    /// Adds a page in the API's JSON; an error when it is no list at all.
    fn page(&mut self, body: &[u8]) -> Result<PageHead, serde_json::Error>;
    /// Adds one object.
    fn object(&mut self, object: serde_json::Value);
    /// Whether the list was asked for and answered.
    fn was_read(&self) -> bool;
    /// Whether anybody asked for it, whatever came of that.
    fn was_asked(&self) -> bool;
    /// Notes that the list was asked for and answered, if only with nothing.
    fn answered(&mut self);
    /// Adds a gap.
    fn gap(&mut self, gap: Gap);
    /// Puts in what a manifest will make of an object, in the place of what is there.
    fn put(&mut self, object: serde_json::Value);
    /// Whether an object of this name is among the items.
    fn holds(&self, namespace: Option<&str>, name: &str) -> bool;
    /// Takes back what was read, as if nothing had been asked for.
    fn clear(&mut self);
}

impl<T: Object> Sink for Listing<T> {
    fn page(&mut self, body: &[u8]) -> Result<PageHead, serde_json::Error> {
        let head = if let Ok(mut page) = Page::<T>::read(body, self.resource) {
            let head = std::mem::take(&mut page.metadata);
            page.objects().for_each(|object| self.push(object));
            head
        } else {
            let mut page = Page::<&RawValue>::read(body, self.resource)?;
            let head = std::mem::take(&mut page.metadata);
            page.objects().for_each(|raw| self.push_raw(raw));
            head
        };
        self.read = true;
        Ok(head)
    }

    fn object(&mut self, object: serde_json::Value) {
        if let Ok(raw) = serde_json::value::to_raw_value(&object) {
            self.push_raw(&raw);
        }
    }

    fn put(&mut self, object: serde_json::Value) {
        // A manifest lacks what a server adds, so nothing is incomplete here; what cannot be read is refused elsewhere.
        let Ok(object) = T::deserialize(object) else { return };
        let meta = object.meta();
        let same = |known: &Meta| known.name == meta.name && known.namespace == meta.namespace;
        self.gaps.retain(|gap| {
            gap.name.as_deref() != Some(&meta.name) || gap.namespace.as_deref().unwrap_or_default() != meta.namespace
        });
        self.items.retain(|known| !same(known.meta()));
        self.items.push(object);
    }

    fn was_read(&self) -> bool {
        self.read
    }

    fn was_asked(&self) -> bool {
        self.asked()
    }

    fn answered(&mut self) {
        self.read = true;
    }

    fn gap(&mut self, gap: Gap) {
        self.gaps.push(gap);
    }

    fn holds(&self, namespace: Option<&str>, name: &str) -> bool {
        let named = |item: &T| item.meta().name == name && item.meta().namespace == namespace.unwrap_or_default();
        self.items.iter().any(named)
    }

    fn clear(&mut self) {
        *self = Self::at(self.resource, self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::objects::Pod;

    fn pods() -> Listing<Pod> {
        Listing::new(Resource::Pods)
    }

    #[test]
    fn a_list_that_was_not_asked_for_is_not_empty() {
        assert_eq!(pods().complete().unwrap_err().reason, GapReason::NotRequested);
    }

    #[test]
    fn an_empty_answer_is_complete() {
        let mut listing = pods();
        listing
            .page(br#"{"kind":"PodList","metadata":{"resourceVersion":"7"},"items":null}"#)
            .unwrap();
        assert!(listing.complete().unwrap().is_empty());
    }

    #[test]
    fn one_object_without_the_api_s_shape_is_a_gap_and_the_others_are_read() {
        let mut listing = pods();
        let body = br#"{"kind":"PodList","items":[{"metadata":{"name":"a","namespace":"n","uid":"1"},"spec":{"containers":[{}]},"status":{"phase":"Pending"}},
                                 {"metadata":{"name":"b","namespace":"n","uid":"2"},"status":{"phase":7}},
                                 {"metadata":{"name":"c","namespace":"n","uid":"3"},"status":{}},
                                 {"metadata":{"namespace":"n","uid":"4"},"status":{"phase":"Pending"}}]}"#;
        listing.page(body).unwrap();
        assert_eq!(listing.items.len(), 1);
        let named: Vec<_> = listing.gaps.iter().map(Gap::what).collect();
        assert_eq!(named, ["pods n/b", "pods n/c", "pods n/(no name)"]);
        assert!(listing.complete().is_err());
    }

    #[test]
    fn half_a_page_is_an_error() {
        assert!(pods().page(br#"{"items":[{"metadata":"#).is_err());
        assert!(pods().page(b"<html>").is_err());
    }

    #[test]
    fn what_is_no_list_is_not_an_empty_list() {
        for body in [
            r#"{}"#,
            r#"{"kind":"PodList","metadata":{}}"#,
            r#"{"kind":"Status","items":[]}"#,
            r#"{"items":[]}"#,
        ] {
            let mut listing = pods();
            assert!(listing.page(body.as_bytes()).is_err(), "{body}");
            assert!(listing.complete().is_err());
        }
    }
}
