//! Why would the registry not give this image?
//!
//! Each part looks for one reason, and only where the pull failed in a way that it explains. A part
//! that cannot look does not hide what the others found.

mod cache;
mod deleted;
mod key;
mod policies;
mod problem;
mod replicas;
mod storage;
mod symptom;

use std::{cell::Cell, rc::Rc};

use futures::join;
use serde::Serialize;

use super::{Problem, Registry};
use crate::{
    arm::ControlPlane,
    cluster::Cluster,
    data_path::DataPath,
    image::ImageTarget,
    kit::{Cx, Image, NoFact, StepResult},
};
pub use problem::{
    Cached, CachedBadly, Deleted, FullStorage, Held, KeyState, Replica, Replicas, Untagged,
};
use symptom::Symptom;

/// What was looked for.
#[derive(Serialize)]
pub struct Content {
    /// The symptom that was to be explained.
    #[serde(skip_serializing_if = "Option::is_none")]
    symptom: Option<String>,
}

/// The registry, and what is to be explained.
struct Search<'a> {
    cx: &'a Cx,
    control_plane: &'a ControlPlane,
    registry: &'a Registry,
    cluster: Option<&'a Cluster>,
    image: &'a Image,
    pull: &'a DataPath,
    symptom: Symptom<'a>,
    /// Whether a reason was found.
    explained: Cell<bool>,
}

/// Looks for what hides an image, or keeps the registry from reading it.
pub async fn explain(
    cx: &Cx,
    control_plane: &ControlPlane,
    registry: &Registry,
    image_target: &ImageTarget,
    cluster: &StepResult<Rc<Cluster>>,
    pull: &DataPath,
) -> StepResult<Content> {
    let Some(image) = &image_target.asked.image else {
        return Err(NoFact::skipped(Problem::NoImageNamed {}));
    };
    let failure = pull.failure();
    let search = Search {
        cx,
        control_plane,
        registry,
        cluster: cluster.as_deref().ok(),
        image,
        pull,
        symptom: Symptom::of(failure),
        explained: Cell::new(false),
    };
    let (deleted, cache, replicas, key, storage) = join!(
        Box::pin(search.deleted()),
        Box::pin(search.cache()),
        Box::pin(search.replicas()),
        Box::pin(search.key()),
        Box::pin(search.storage()),
    );
    let parts = [deleted, cache, replicas, key, storage];
    search.policies();
    let unknown = parts.into_iter().find_map(Result::err);
    match unknown {
        Some(no_fact) if failure.is_some() && !search.explained.get() => Err(no_fact),
        _ => Ok(Content { symptom: failure.map(|found| found.code.clone()) }),
    }
}

impl Search<'_> {
    /// Reports a reason.
    fn explain(&self, problem: Problem) {
        self.explained.set(true);
        self.cx.add_finding(problem);
    }
}
