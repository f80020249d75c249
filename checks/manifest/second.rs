//! The other manifests of an index for the same platform: containerd's transfer service fetches all of
//! them, and unpacks each that it can (core/unpack/unpacker.go).

use super::{
    blob::Blob,
    config::ImageConfig,
    document::Manifest,
    kind,
    parts::{Parts, in_order},
    problem::Problem,
};
use crate::kit::{
    StepResult,
    rules::{Platform, Puller},
};

/// Another manifest for the platform.
pub(crate) struct Second {
    pub(crate) config: Blob,
    config_type: String,
    /// The layers that go with the config.
    pub(crate) layers: Vec<Blob>,
    /// Other content, which is only fetched.
    pub(crate) fetched: Vec<Blob>,
}

impl Second {
    /// Reads what is fetched of a manifest. It need not be an image: without a layer nothing is
    /// unpacked, and the layers of a config of another kind are not fetched.
    pub(super) fn of(
        manifest: &Manifest,
        wanted: &Platform,
        containerd: Puller,
        tell: impl Fn(Problem),
    ) -> StepResult<Self> {
        let Parts { config, layers } = Parts::of(manifest, wanted, containerd, tell)?;
        let config_type = config.media_type.clone();
        let (mut layers, others): (Vec<_>, Vec<_>) =
            layers.into_iter().partition(|layer| kind::is_layer(&layer.media_type));
        if !kind::is_config(&config_type) {
            layers.clear();
        }
        if let Some(odd) = layers.iter().find(|layer| !kind::is_unpackable(&layer.media_type)) {
            let what = kind::what_is(&config_type, &odd.media_type);
            return Err(Problem::NotAnImage { what, media_type: odd.media_type.clone() }.into());
        }
        let fetched = others.iter().map(|other| other.blob()).collect();
        Ok(Self { config: config.blob(), config_type, layers: in_order(&layers), fetched })
    }

    /// Returns the blobs that are not read: with `--full` all layers are.
    pub(crate) fn not_read(&self, full: bool) -> impl Iterator<Item = &Blob> {
        self.layers.iter().filter(move |_| !full).chain(&self.fetched)
    }

    /// Returns the diff ids of the layers, as far as they are unpacked: containerd does that whatever the
    /// platform of the config (plugins/transfer/plugin.go, `platforms.All`).
    pub(crate) fn diff_ids(&self, config: &[u8], node: &Platform) -> StepResult<Vec<String>> {
        if self.layers.is_empty() {
            return Ok(vec![]);
        }
        let read = ImageConfig::read(config, &self.config_type, self.layers.len(), node)?;
        Ok(if read.has_layers { read.diff_ids } else { vec![] })
    }
}
