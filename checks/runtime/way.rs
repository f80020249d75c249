//! The way of an image on a node: the hosts that containerd asks for it, and the one that says which
//! image a tag is.

use std::cell::Cell;

use serde::Serialize;

use super::problem::Problem;
use crate::{
    kit::{Cx, StepResult, net::Reply},
    token::Session,
};

/// The hosts that containerd asks, mirrors included.
#[derive(Serialize)]
pub struct Way {
    /// The host that says which image it is.
    pub(super) named_by: String,
    /// The file that names the hosts.
    pub(super) file: String,
    #[serde(skip)]
    pub(super) session: Session,
    #[serde(skip)]
    pub(super) named: Cell<Option<Named>>,
    /// The image that the registry itself has under the tag, if it has one.
    #[serde(skip)]
    pub(super) at_registry: Option<AtRegistry>,
}

/// How an image is named: the digest and the media type, once they are known.
pub enum Named {
    /// By a mirror, which answered HEAD.
    ByMirror {
        /// That mirror alone.
        mirror: Box<Session>,
        /// Its answer.
        head: Box<Reply>,
    },
    /// By the registry.
    ByRegistry {
        /// The digest.
        digest: String,
        /// The media type.
        media_type: String,
    },
}

/// The image that the registry has under the tag.
pub(super) struct AtRegistry {
    pub(super) registry: String,
    pub(super) digest: String,
}

impl Way {
    /// Returns the session with the first host, which goes on to the others.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// Takes how the image is named.
    pub(crate) fn take_named(&self) -> Option<Named> {
        self.named.take()
    }

    /// Warns where a mirror has another image than the registry.
    pub(crate) fn compare(&self, cx: &Cx, digest: &str) {
        if let Some(AtRegistry { registry, digest: there }) = &self.at_registry
            && there != digest
        {
            cx.add_finding(Problem::MirrorImageDiffers {
                file: self.file.clone(),
                mirror: self.named_by.clone(),
                mirror_digest: digest.to_owned(),
                registry: registry.clone(),
                registry_digest: there.clone(),
            });
        }
    }
}

/// Returns the session with the hosts of a way.
pub fn session(way: &Way) -> StepResult<Session> {
    Ok(way.session.clone())
}
