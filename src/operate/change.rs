//! A change of a set: what was asked for, and the set as it would be then.

use serde_json::{Value, json};

use super::manifest;
use crate::model::changes;
use crate::model::objects::{Object as _, RollingUpdate, StatefulSet};

/// What is to be changed; exactly one kind of thing.
#[derive(Clone, Debug)]
pub enum Change {
    /// `spec.replicas`.
    Replicas(i32),
    /// `spec.updateStrategy.rollingUpdate.partition`.
    Partition(i32),
    /// Images of containers, by their names.
    Images(Vec<(String, String)>),
    /// A new template that differs in an annotation, as `kubectl rollout restart` makes it.
    Restart,
    /// A manifest of the set.
    Manifest(Value),
}

/// A set as it would be.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The set.
    pub set: StatefulSet,
    /// What differs in `spec`; empty when it is all as asked already.
    pub fields: Vec<changes::Change>,
    /// Whether the template differs in a time that is not known yet: then so does the name of its revision.
    pub of_time: bool,
    /// What the API server would refuse, as paths: a set cannot change there.
    pub refused: Vec<String>,
    /// Where the manifest leaves open what becomes of a field, as paths: taken as they are.
    pub open: Vec<String>,
    /// What a recording hides and the manifest names, as paths: taken as the same.
    pub masked: Vec<String>,
}

/// Why a change makes no sense for this set, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Senseless(pub String);

/// The annotation that `kubectl rollout restart` writes.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

impl Change {
    /// The set with this change made.
    ///
    /// # Errors
    /// When the set has nothing that could be changed so.
    pub fn apply(&self, set: &StatefulSet) -> Result<Changed, Senseless> {
        let mut changed = Changed {
            set: set.clone(),
            fields: Vec::new(),
            of_time: matches!(self, Self::Restart),
            refused: Vec::new(),
            open: Vec::new(),
            masked: Vec::new(),
        };
        match self {
            Self::Replicas(wanted) => {
                changed.set.spec.replicas = Some(*wanted);
            }
            Self::Partition(wanted) => {
                let strategy = &set.spec.update_strategy.kind;
                if strategy != "RollingUpdate" {
                    let name = &set.meta().name;
                    return Err(Senseless(format!(
                        "statefulset {name:?} has no partition: its update strategy is {strategy}"
                    )));
                }
                let rolling = &mut changed.set.spec.update_strategy.rolling_update;
                rolling.get_or_insert_with(RollingUpdate::default).partition = Some(*wanted);
            }
            Self::Images(images) => {
                for (container, image) in images {
                    changed.image(container, image)?;
                }
            }
            Self::Restart => {
                let template = &mut changed.set.spec.template.0;
                if let Some(metadata) = template
                    .as_object_mut()
                    .map(|t| t.entry("metadata").or_insert(json!({})))
                    && let Some(metadata) = metadata.as_object_mut()
                    && let Some(all) = metadata.entry("annotations").or_insert(json!({})).as_object_mut()
                {
                    all.insert(RESTARTED.to_owned(), "now".into());
                }
            }
            Self::Manifest(document) => manifest::apply(document, &mut changed)?,
        }
        let spec = |set| json!({"spec": manifest::live(set)});
        changed.fields = match changed.of_time {
            false => changes::changes(&spec(set), &spec(&changed.set)),
            true => vec![changes::Change {
                path: format!("spec.template.metadata.annotations[{RESTARTED}]"),
                from: set
                    .spec
                    .template
                    .0
                    .pointer(&format!("/metadata/annotations/{}", RESTARTED.replace('/', "~1")))
                    .cloned(),
                to: Some("now".into()),
            }],
        };
        if changed.of_template() {
            // The controller has not seen this one: which revision it is must be worked out.
            changed.set.metadata.generation = set.metadata.generation.map(|generation| generation + 1);
        }
        Ok(changed)
    }
}

impl Change {
    /// The command of kubectl that makes it; `file` is where a manifest lies.
    pub fn command(&self, set: &StatefulSet, file: &str) -> Vec<String> {
        let object = format!("statefulset/{}", set.metadata.name);
        let (verb, rest): (&[&str], Vec<String>) = match self {
            Self::Replicas(wanted) => (&["scale"], vec![object, format!("--replicas={wanted}")]),
            Self::Partition(wanted) => {
                let patch = json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": wanted}}}});
                (
                    &["patch"],
                    vec![object, "--type=merge".to_owned(), "-p".to_owned(), patch.to_string()],
                )
            }
            Self::Images(images) => {
                let images = images.iter().map(|(container, image)| format!("{container}={image}"));
                (&["set", "image"], std::iter::once(object).chain(images).collect())
            }
            Self::Restart => (&["rollout", "restart"], vec![object]),
            Self::Manifest(_) => (&["apply"], vec!["-f".to_owned(), file.to_owned()]),
        };
        let place = ["-n".to_owned(), set.metadata.namespace.clone()];
        let words = std::iter::once("kubectl")
            .chain(verb.iter().copied())
            .map(str::to_owned);
        words.chain(rest).chain(place).collect()
    }
}

impl Changed {
    /// Whether the pod template differs.
    pub fn of_template(&self) -> bool {
        self.fields.iter().any(|field| field.path.starts_with("spec.template."))
    }

    fn image(&mut self, container: &str, image: &str) -> Result<(), Senseless> {
        let template = &mut self.set.spec.template.0;
        let mut found = false;
        for list in ["/spec/initContainers", "/spec/containers"] {
            let all = template.pointer_mut(list).and_then(Value::as_array_mut);
            for known in all.into_iter().flatten().filter(|known| known["name"] == container) {
                known["image"] = image.into();
                found = true;
            }
        }
        if found {
            return Ok(());
        }
        let names: Vec<_> = self
            .set
            .spec
            .template
            .images()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        Err(Senseless(format!(
            "statefulset {:?} has no container {container:?}; it has {}",
            self.set.meta().name,
            names.join(", ")
        )))
    }
}

/// Reads `app=registry/app:1.2`.
///
/// # Errors
/// When it is not of that form, as a sentence.
pub fn image(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((container, image)) if !container.is_empty() && !image.is_empty() => {
            Ok((container.to_owned(), image.to_owned()))
        }
        _ => Err(format!("{text:?} is not of the form CONTAINER=IMAGE")),
    }
}
