//! The config of an image: which layers it describes, and for which platform.

use super::{kind, shapes, words::Flaw};
use crate::kit::{
    StepResult,
    rules::{Platform, go_json},
};

/// What a pull needs of an image's config.
pub struct ImageConfig {
    /// The diff ids of all layers; none if a container runtime does not unpack them.
    pub(crate) diff_ids: Vec<String>,
    /// The platform that the image is built for, if the config names it.
    pub(crate) built_for: Option<Platform>,
    /// Whether its root file system is one of layers.
    pub(super) has_layers: bool,
}

impl ImageConfig {
    /// Reads the config of so many layers. A container runtime unpacks the layers one by one along the
    /// config, and refuses a different number, and a config that it does not decode. Without an operating
    /// system the config is for that of the node (platforms, `Normalize`).
    pub(super) fn read(
        bytes: &[u8],
        config_type: &str,
        layers: usize,
        node: &Platform,
    ) -> StepResult<Self> {
        let config = kind::decoded(config_type, go_json::decode(bytes, &shapes::CONFIG))?;
        let ids = config["rootfs"]["diff_ids"].as_array().into_iter().flatten();
        let ids = ids.map(|id| id.as_str().unwrap_or_default().to_owned());
        let diff_ids: Vec<_> = ids.collect();
        if diff_ids.len() != layers {
            return Err(kind::broken(config_type, Flaw::LayersDiffer));
        }
        let text = |name: &str| config[name].as_str().filter(|text| !text.is_empty());
        let os = text("os").unwrap_or(&node.os);
        let built_for = text("architecture").map(|architecture| {
            Platform::normal(os, architecture, text("variant"), text("os.version"))
        });
        let has_layers = matches!(config["rootfs"]["type"].as_str(), None | Some("" | "layers"));
        Ok(Self { diff_ids, built_for, has_layers })
    }
}
