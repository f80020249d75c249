//! Refusals in the words of other registries.

use hyper::header::{CONTENT_TYPE, DATE, WWW_AUTHENTICATE};
use hyper::{Method, Response};

use super::answers::{date, finish};
use super::{Asked, Target, World};
use crate::body::Body;
use crate::settings::Whom;

impl World {
    /// Returns the refusal of a request to this path, if there is one. A form holds a password.
    pub(super) fn refused(
        &self,
        asked: &Asked<'_>,
        path: &str,
        authorization: Option<&str>,
    ) -> Option<Response<Body>> {
        let kind = match Target::of(path) {
            Some(Target::Manifest { .. }) => "manifest",
            Some(Target::Blob { .. }) => "blob",
            Some(_) => return None,
            None => "token",
        };
        let is_signed_in = authorization.is_some() || *asked.method == Method::POST;
        let is_meant = |who| match who {
            Whom::Everybody => true,
            Whom::SignedIn => is_signed_in,
            Whom::Anonymous => !is_signed_in,
        };
        let refuses = self.registry.refuses.get(kind)?.iter().find(|one| is_meant(one.who))?;
        let builder = Response::builder().status(refuses.status);
        let builder = builder.header(CONTENT_TYPE, "application/json").header(DATE, date(0));
        let builder = match refuses.challenge.as_str() {
            "" => builder,
            challenge => builder.header(WWW_AUTHENTICATE, challenge),
        };
        let is_head = *asked.method == Method::HEAD;
        let body = if is_head { String::new() } else { refuses.body.clone() };
        Some(finish(builder, Body::whole(body)))
    }
}
