//! How the node's credential provider reaches hosts. It is a child of the kubelet and has its
//! environment, so its proxies and authorities may be others than containerd's.

use std::fmt;

use tokio::sync::OnceCell;

use super::{Proxies, Seen, TrustPlaces, TrustStore, Variables, World};
use crate::kit::target::Host;

/// How the credential provider reaches hosts.
#[derive(Clone)]
pub struct ProviderWay {
    /// Its proxies.
    pub proxies: Proxies,
    /// Where it looks for authorities.
    pub places: TrustPlaces,
    /// The variables with which it differs from a program without any, and their values.
    pub written: Vec<String>,
    /// The file that has its environment.
    pub file: String,
    /// How that was seen.
    pub seen: Seen,
    /// Whether the running kubelet certainly has that environment.
    pub is_certain: bool,
    /// Its authorities, read when they are needed. It is started for each call, so it has those of now.
    trust: OnceCell<Option<TrustStore>>,
}

// A proxy may have a password.
impl fmt::Debug for ProviderWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderWay")
    }
}

impl ProviderWay {
    /// Returns the way of a provider with that environment.
    pub fn of(variables: &Variables, is_certain: bool) -> Self {
        let named = TrustPlaces::of(|name| variables.value(name));
        Self {
            proxies: Proxies::read(|name| variables.value(name)),
            places: named.unwrap_or_else(TrustPlaces::system),
            written: TrustPlaces::written(|name| variables.value(name)),
            file: variables.file.clone(),
            seen: variables.seen,
            is_certain,
            trust: OnceCell::new(),
        }
    }

    /// Returns whether containerd reaches that host in the same way: through the same proxy, and with
    /// the same authorities.
    pub fn is_containerds(&self, world: &World, host: &Host) -> bool {
        let is_same_route = self.proxies.route(host).is_same(&world.pull_proxies().route(host));
        let system = TrustPlaces::system();
        let theirs = world.containerd_trust.get().map_or(&system, |trust| &trust.places);
        is_same_route && self.places == *theirs && !world.roots.has_more_for(host)
    }

    /// Returns its authorities; `None` where the node has none of these files, or where they depend on
    /// the directory that the kubelet was started in.
    pub(super) async fn trust<'a>(&'a self, world: &'a World) -> Option<&'a TrustStore> {
        if let Some(theirs) = world.containerd_trust.get().filter(|it| it.places == self.places) {
            return Some(theirs);
        }
        let reading = async || {
            if !self.places.are_absolute() {
                return None;
            }
            let read = world.trust(&self.places).await;
            if self.places == TrustPlaces::system() && !read.is_there() {
                return None;
            }
            let now = world.store_of(read.files.iter());
            Some(TrustStore {
                before: now.clone(),
                now,
                is_complete: read.unread.is_empty(),
                unknown: None,
                delivered: None,
                places: self.places.clone(),
            })
        };
        self.trust.get_or_init(reading).await.as_ref()
    }
}
