//! What a container starts the agent from.

use checks::kit::kube::{ChosenNode, JobProblem};

use super::manifest::{JobSettings, Start};

/// Returns what the container of a node starts from.
///
/// # Errors
/// Returns why nothing can be started on that node.
pub(super) fn start(settings: &JobSettings, node: &ChosenNode) -> Result<Start, JobProblem> {
    match &settings.request.image {
        Some(image) => {
            Ok(Start { image: image.clone(), command: None, may_pull: true, volumes: vec![] })
        }
        None => Err(JobProblem::ImageNotThere { image: node.image.clone().unwrap_or_default() }),
    }
}
