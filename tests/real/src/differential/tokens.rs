//! Answers of token servers, and the way to them.

use super::documents::odd;
use super::draft::{Auth, Draft};
use super::redirects::{place, write};
use super::refusals::{BODIES, status_of_refusal};
use super::rng::Rng;
use super::world::{Answer, Length, Route};
use crate::differential::parts::{Edit, Whole, written};

pub fn token(draft: &mut Draft, rng: &mut Rng) {
    draft.auth = Auth::Bearer;
    if draft.challenge.iter().all(|line| !line.starts_with("Bearer")) {
        let host = draft.host();
        draft.challenge =
            vec![format!("Bearer realm=\"https://{}/token\",service=\"{host}\"", draft.realm.0)];
    }
    let token = draft.token();
    let name = if draft.login.is_some() && rng.chance(80) { "access_token" } else { "token" };
    let mut body =
        serde_json::json!({ name: token, "expires_in": 300, "issued_at": "2026-11-01T08:00:00Z" });
    if rng.chance(20) {
        body["refresh_token"] = "r".into();
        body["scope"] = "a b".into();
    }
    let mut edits = vec![];
    for _ in 0..1 + rng.below(2) {
        let (field, kind) = rng.pick(&[
            ("expires_in", "int"),
            ("issued_at", "time"),
            ("refresh_token", "text"),
            ("scope", "text"),
            ("token", "text"),
            ("access_token", "text"),
            ("unknown", "any"),
            ("expires_in", "int"),
            ("issued_at", "time"),
        ]);
        let raw = if matches!(field, "token" | "access_token") && rng.chance(60) {
            rng.pick(&[format!("\"{token}\""), "\"\"".to_owned(), "null".to_owned()])
        } else {
            odd(rng, kind)
        };
        edits.push(Edit::Set { path: format!("/{field}"), raw });
    }
    match rng.below(8) {
        0 => edits.push(Edit::Rename {
            path: format!("/{name}"),
            name: rng.pick(&["Access_Token", "TOKEN", "accessToken", "Token"]).to_owned(),
        }),
        1 => edits.push(Edit::Whole(rng.pick(&WHOLE))),
        2 => edits.push(Edit::Remove { path: format!("/{name}") }),
        _ => {}
    }
    let bytes = written(&body, &edits);
    let mut answer = Answer::json(200, "");
    answer.body = super::world::Body::of(&bytes);
    match rng.below(12) {
        0 => answer.status = rng.pick(&[201, 202, 203, 204, 206, 226, 300, 304, 399]),
        1 => answer.status = status_of_refusal(rng),
        2 => answer.set(
            "Content-Type",
            rng.pick(&["text/plain", "text/html", "", "application/json; charset=utf-16"]),
        ),
        3 => answer.length = rng.pick(&[Length::Chunked, Length::Closed]),
        4 => answer.length = Length::Claimed(bytes.len() as u64 + 20),
        5 => {
            answer.status = status_of_refusal(rng);
            answer.body = super::world::Body::Text(rng.pick(BODIES).to_owned());
        }
        _ => {}
    }
    let (status, text) = (answer.status, String::from_utf8_lossy(&bytes).into_owned());
    // Which of the two answers it is.
    let both = rng.chance(60);
    if draft.login.is_some() && (both || rng.chance(50)) {
        draft.posted = answer.clone();
        draft.tell(format!("POST of the token: {status} {text}"));
        if !both && rng.chance(70) {
            draft.posted.status = rng.pick(&[400, 401, 404, 405]);
            draft.got = answer;
            draft.tell(format!("… {} and then GET: {status} {text}", draft.posted.status));
            return;
        }
    }
    if draft.login.is_none() || both {
        draft.got = answer;
        draft.tell(format!("GET of the token: {status} {text}"));
    }
    if rng.chance(8) {
        let mut busy = Route::new(
            &draft.realm.0,
            "",
            &draft.realm.1,
            Answer::json(rng.pick(&[429, 503, 500, 502, 408]), "{}"),
        );
        busy.times = 1;
        draft.first.push(busy);
        draft.tell("the first request for a token is not served");
    }
}

const WHOLE: [Whole; 13] = [
    Whole::Bom,
    Whole::Truncated,
    Whole::TrailingText,
    Whole::TrailingSpace,
    Whole::LeadingSpace,
    Whole::InvalidUtf8,
    Whole::Comment,
    Whole::Empty,
    Whole::Null,
    Whole::List,
    Whole::Html,
    Whole::LoneSurrogate,
    Whole::ControlCharacter,
];

/// Redirects of the request for a token: a form, or a query.
pub fn realm(draft: &mut Draft, rng: &mut Rng) {
    draft.auth = Auth::Bearer;
    let scheme = if rng.chance(7) { "http" } else { "https" };
    let (host, path) = (draft.realm.0.clone(), "/token".to_owned());
    let own = draft.host();
    let port = rng.pick(&["", "", "", ":5443", ":443", ":80", ":4499"]);
    draft.challenge =
        vec![format!("Bearer realm=\"{scheme}://{host}{port}{path}\",service=\"{own}\"")];
    draft.tell(draft.challenge[0].to_string());
    let mut at = (host.clone(), path);
    if !matches!(port, "" | ":443") {
        at.0 = format!("{host}{port}");
    }
    if rng.chance(15) {
        draft.realm = at;
        return;
    }
    let (end_host, end_path) = match rng.chance(60) {
        true => (at.0.clone(), "/token/".to_owned()),
        false => (place(rng, draft), "/issue".to_owned()),
    };
    draft.realm = (end_host, end_path);
    let hops = 1 + rng.below(2);
    for hop in 0..hops {
        let is_last = hop + 1 == hops;
        let to = match is_last {
            true => draft.realm.clone(),
            false => (at.0.clone(), format!("/hop{hop}")),
        };
        let status = rng.pick(&[301, 302, 303, 307, 307, 308, 308, 300, 304, 305]);
        let location = write(rng, &at.0, &to);
        draft.tell(format!("{}{} {status} to {location:?}", at.0, at.1));
        let mut answer = Answer::new(status, "text/html", "moved");
        if !location.is_empty() {
            answer = answer.with("Location", &location);
        }
        let route = Route::new(&at.0, "", &at.1, answer);
        draft.first.push(route);
        at = to;
    }
    // What is posted becomes a GET without a password where the status says so; some servers issue a
    // token to that, too.
    if draft.login.is_some() && rng.chance(30) {
        let route = Route::new(&draft.realm.0, "GET", &draft.realm.1, draft.got.clone());
        draft.first.push(route);
        draft.tell("a token for everybody");
    }
    if rng.chance(10) {
        draft.posted.status = 405;
    }
}
