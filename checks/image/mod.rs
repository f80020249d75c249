//! What was asked for?

mod hub;

use serde::Serialize;

use crate::kit::{Cx, Host, RegistryOrImage, StepResult, rules::Pattern, target::InvalidReference};

/// What can be wrong with the text that names an image.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// It does not parse: the kubelet would not even ask a registry.
    RefInvalid {
        /// As a word.
        reason: &'static str,
        /// What was probably meant.
        #[serde(skip_serializing_if = "Option::is_none")]
        repaired: Option<String>,
    },
    /// It names the host that serves layers.
    RefDataEndpointHost {
        /// That host.
        host: String,
        /// The same at the login server.
        #[serde(skip_serializing_if = "Option::is_none")]
        repaired: Option<String>,
    },
    /// The host looks like a misspelled login server.
    RefRegistryTypo {
        /// As it was written.
        host: String,
        /// The host that was probably meant.
        meant: String,
        /// The whole, repaired.
        repaired: String,
    },
    /// No registry is named, so Docker Hub is asked, and it is none of Docker's own images.
    RefWrongDefaultRegistry {
        /// As it was written.
        written: String,
        /// The whole, with the registry that is asked.
        qualified: String,
        /// The repository as it was written.
        short: String,
    },
    /// There are credentials for a login server of that name with a hash behind it.
    RefDnlHashMissing {
        /// As it was written.
        host: String,
        /// The login server that the credentials are for.
        meant: String,
        /// The whole, repaired.
        repaired: String,
        /// The file with the credentials.
        file: String,
    },
}

/// What was asked for, as understood.
#[derive(Clone, Debug, Serialize)]
pub struct ImageTarget {
    #[serde(skip)]
    pub(crate) asked: RegistryOrImage,
    registry: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
}

impl ImageTarget {
    /// The image, to be held against the keys of credentials.
    pub(crate) fn pattern(&self) -> Pattern {
        let path = self.asked.image.as_ref().map(|image| format!("/{}", image.repository));
        Pattern::image(&self.asked.registry, &path.unwrap_or_default())
    }

    /// Says that the credentials in that file are for a login server with a hash that is missing here.
    pub(crate) fn tell_hash_missing(&self, cx: &Cx, meant: &str, file: &str) {
        let (host, meant, file) = (self.asked.host.name.clone(), meant.to_owned(), file.to_owned());
        let repaired = self.at(&meant);
        cx.add_finding(Problem::RefDnlHashMissing { host, meant, repaired, file });
    }

    /// The same at another host.
    pub(crate) fn at(&self, host: &str) -> String {
        match &self.asked.image {
            Some(image) => format!("{host}/{image}"),
            None => host.to_owned(),
        }
    }
}

/// Reads the text that we were given.
pub async fn read(cx: &Cx) -> StepResult<ImageTarget> {
    let asked = match cx.target.asked.clone() {
        Ok(asked) => asked,
        Err(InvalidReference::Invalid { reason, repaired }) => {
            return Err(Problem::RefInvalid { reason, repaired }.into());
        }
        Err(InvalidReference::DataEndpoint { host, repaired }) => {
            return Err(Problem::RefDataEndpointHost { host, repaired }.into());
        }
    };
    let image = asked.image.as_ref().map(ToString::to_string);
    let image_target = ImageTarget { registry: asked.registry.clone(), image, asked };
    if let Some(meant) = image_target.asked.host.probably_meant() {
        let host = image_target.asked.host.name.clone();
        cx.add_finding(Problem::RefRegistryTypo { host, repaired: image_target.at(&meant), meant });
    }
    if let Some((short, image)) = hub::by_default(&cx.target.text, &image_target.asked) {
        let (written, qualified) = (image, image_target.at("docker.io"));
        cx.add_finding(Problem::RefWrongDefaultRegistry { written, qualified, short });
    }
    Ok(image_target)
}

/// Where the registry is served.
pub fn host(image_target: &ImageTarget) -> StepResult<Host> {
    Ok(image_target.asked.host.clone())
}
