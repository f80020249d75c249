//! Finds the existing tags that are most similar to a missing one.

use hyper::Method;
use serde::Deserialize;

use crate::{
    kit::{Cx, Image, net::Request, rules::is_tag},
    token::Session,
};

/// The longest list of tags that is read.
const MAX_LIST_BYTES: usize = 1024 * 1024;
/// How many similar tags are shown.
const MAX_SHOWN_TAGS: usize = 3;

#[derive(Deserialize)]
struct Listed {
    tags: Option<Vec<String>>,
}

/// Returns the most similar tags. Returns none if the registry does not allow listing, which a pull
/// does not need.
pub(super) async fn nearest(cx: &Cx, session: &Session, image: &Image) -> Vec<String> {
    let target = format!("/v2/{}/tags/list?n=1000", image.repository);
    let Ok(reply) = session.ask_beyond(cx, Request::new(Method::GET, target)).await else {
        return vec![];
    };
    if reply.status != 200 {
        return vec![];
    }
    let body = reply.read(MAX_LIST_BYTES).await.unwrap_or_default();
    let listed = serde_json::from_slice::<Listed>(&body).ok().and_then(|listed| listed.tags);
    rank(&image.reference, listed.unwrap_or_default())
}

fn rank(wanted: &str, tags: Vec<String>) -> Vec<String> {
    let mut ranked: Vec<_> = tags
        .into_iter()
        .filter(|tag| is_tag(tag))
        .map(|tag| (strsim::jaro_winkler(wanted, &tag), tag))
        .filter(|(likeness, _)| *likeness > 0.5)
        .collect();
    ranked.sort_unstable_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.cmp(y)));
    ranked.into_iter().take(MAX_SHOWN_TAGS).map(|(_, tag)| tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_first_and_nothing_that_is_no_tag() {
        let tags = ["v1.0", "latest", "v1.1", "$(reboot)", "v10"].map(str::to_owned).to_vec();
        let ranked = rank("v1.o", tags);
        assert_eq!(ranked[0], "v1.0");
        assert!(!ranked.iter().any(|tag| tag.contains('$')));
        assert!(ranked.len() <= MAX_SHOWN_TAGS);
    }
}
