//! Redirects: the hosts on the way to an answer, and what the last of them takes.

use super::world::{Answer, Route};

/// One redirect on the way to the content.
#[derive(Clone, Debug)]
pub struct Hop {
    pub status: u16,
    /// With the port, if it is not the default.
    pub host: String,
    pub path: String,
    /// As it is written.
    pub location: String,
}

/// What the last host of a redirect takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takes {
    Anything,
    /// As presigned URLs do: two ways of signing in are one too many.
    NoAuthorization,
    /// The same as the registry.
    TheToken,
}

/// Returns the routes of an answer that is found behind redirects.
pub fn led(
    host: &str,
    method: &str,
    path: &str,
    answer: Answer,
    hops: &[Hop],
    takes: Takes,
    inside: &Option<Vec<String>>,
) -> Vec<Route> {
    let mut routes = vec![];
    let (mut at, mut asked) = ((host.to_owned(), path.to_owned()), inside.clone());
    for hop in hops {
        let page = format!("<a href=\"{}\">elsewhere</a>\n", hop.host);
        let mut redirect = Answer::new(hop.status, "text/html; charset=utf-8", page);
        if !hop.location.is_empty() {
            redirect = redirect.with("Location", &hop.location);
        }
        routes.push(Route::new(&at.0, method, &at.1, redirect).given(asked));
        (at, asked) = ((hop.host.clone(), hop.path.clone()), None);
    }
    let given = match takes {
        Takes::Anything => None,
        Takes::NoAuthorization => Some(vec![String::new()]),
        Takes::TheToken => inside.clone().or(Some(vec![String::new()])),
    };
    routes.push(Route::new(&at.0, method, &at.1, answer).given(given));
    let refused = "<?xml version=\"1.0\"?><Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message></Error>";
    routes.push(Route::new(&at.0, method, &at.1, Answer::new(400, "application/xml", refused)));
    routes
}
