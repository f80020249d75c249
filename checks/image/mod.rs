//! What was asked for?

use serde::Serialize;

use crate::kit::{Asked, Cx, Got, Host, Misread};

/// What can be wrong with the text that names an image.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Trouble {
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
}

/// What was asked for, as understood.
#[derive(Clone, Debug, Serialize)]
pub struct Understood {
    #[serde(skip)]
    pub(crate) asked: Asked,
    registry: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
}

/// Reads the text that we were given.
pub async fn read(cx: &Cx) -> Got<Understood> {
    let asked = match cx.subject.asked.clone() {
        Ok(asked) => asked,
        Err(Misread::Invalid { reason, repaired }) => {
            return Err(Trouble::RefInvalid { reason, repaired }.into());
        }
        Err(Misread::DataEndpoint { host, repaired }) => {
            return Err(Trouble::RefDataEndpointHost { host, repaired }.into());
        }
    };
    if let Some(meant) = asked.host.probably_meant() {
        let repaired = match &asked.image {
            Some(image) => format!("{meant}/{image}"),
            None => meant.clone(),
        };
        let host = asked.host.name.clone();
        cx.tell(Trouble::RefRegistryTypo { host, meant, repaired });
    }
    let image = asked.image.as_ref().map(ToString::to_string);
    Ok(Understood { registry: asked.registry.clone(), image, asked })
}

/// Where the registry is served.
pub fn host(understood: &Understood) -> Got<Host> {
    Ok(understood.asked.host.clone())
}
