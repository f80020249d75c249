//! Which registry or image is checked?

mod hub;
mod problem;

use serde::Serialize;

use crate::kit::{
    Cx, Host, RegistryOrImage, StepResult, Target,
    engine::Finding,
    rules::{Pattern, docker_hub},
    target::InvalidReference,
};
pub use problem::Problem;

/// The registry or image to check, as it was parsed.
#[derive(Clone, Debug, Serialize)]
pub struct ImageTarget {
    #[serde(skip)]
    pub(crate) asked: RegistryOrImage,
    registry: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
}

impl ImageTarget {
    /// Returns the image in the form that is compared with the keys of credentials.
    pub(crate) fn pattern(&self) -> Pattern {
        let path = self.asked.image.as_ref().map(|image| format!("/{}", image.repository));
        Pattern::image(&self.asked.registry, &path.unwrap_or_default())
    }

    /// Returns whether Azure's control plane knows the registry.
    pub(crate) fn is_in_azure(&self) -> bool {
        self.asked.host.azure().is_some()
    }

    /// Warns that the credentials in that file are for a login server whose name has a hash, which
    /// is missing from this host.
    pub(crate) fn report_missing_hash(&self, cx: &Cx, meant: &str, file: &str) {
        let (host, meant, file) = (self.asked.host.name.clone(), meant.to_owned(), file.to_owned());
        let repaired = self.at(&meant);
        cx.add_finding(Problem::RefDnlHashMissing { host, meant, repaired, file });
    }

    /// Returns the same repository and reference at another host, or that host alone if no image is
    /// named.
    pub(crate) fn at(&self, host: &str) -> String {
        match &self.asked.image {
            Some(image) => format!("{host}/{image}"),
            None => host.to_owned(),
        }
    }
}

/// Returns what is wrong with a text that names no image and no registry: no node need look at it.
pub fn unreadable(target: &Target) -> Option<Finding> {
    target.asked.as_ref().err().cloned().map(|it| Problem::from(it).into())
}

impl From<InvalidReference> for Problem {
    fn from(it: InvalidReference) -> Self {
        match it {
            InvalidReference::Invalid { reason, repaired } => {
                Problem::RefInvalid { reason, repaired }
            }
            InvalidReference::DataEndpoint { host, repaired } => {
                Problem::RefDataEndpointHost { host, repaired }
            }
        }
    }
}

/// Parses the text that the user gave.
pub async fn read(cx: &Cx) -> StepResult<ImageTarget> {
    let asked = cx.target.asked.clone().map_err(Problem::from)?;
    let image = asked.image.as_ref().map(ToString::to_string);
    let image_target = ImageTarget { registry: asked.registry.clone(), image, asked };
    if let Some(meant) = image_target.asked.host.probably_meant() {
        let host = image_target.asked.host.name.clone();
        cx.add_finding(Problem::RefRegistryTypo { host, repaired: image_target.at(&meant), meant });
    }
    if let Some((short, image)) = hub::by_default(&cx.target.text, &image_target.asked) {
        let (written, qualified) = (image, image_target.at(docker_hub::NAME));
        cx.add_finding(Problem::RefWrongDefaultRegistry { written, qualified, short });
    }
    Ok(image_target)
}

/// Returns what was asked for, where a node has said already what is odd about its name.
pub(crate) fn of_target(cx: &Cx) -> Option<ImageTarget> {
    let asked = cx.target.asked.clone().ok()?;
    let image = asked.image.as_ref().map(ToString::to_string);
    Some(ImageTarget { registry: asked.registry.clone(), image, asked })
}

/// Returns the host that serves the registry.
pub fn host(image_target: &ImageTarget) -> StepResult<Host> {
    Ok(image_target.asked.host.clone())
}
