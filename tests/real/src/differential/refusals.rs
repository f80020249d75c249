//! Refusals: status codes, and the bodies of well-known registries; answers to HEAD and by digest
//! that disagree with the others.

use super::draft::{Draft, Target};
use super::rng::Rng;
use super::world::{Answer, Body, Length, Route};

/// Bodies as registries write them, with invented names.
pub const BODIES: &[&str] = &[
    r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}"#,
    r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#,
    r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"v1"}}]}"#,
    r#"{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}"#,
    r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#,
    r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#,
    r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#,
    r#"{"errors":[{"code":"DENIED","message":"Your authorization token has expired. Reauthenticate and try again."}]}"#,
    r#"{"errors":[{"code":"DENIED","message":"Permission \"artifactregistry.repositories.downloadArtifacts\" denied on resource (or it may not exist)."}]}"#,
    r#"{"errors":[{"code":"NOT_FOUND","message":"repository team/app not found"}]}"#,
    r#"{"errors":[{"code":"PROJECTPOLICYVIOLATION","message":"current image with 3 vulnerabilities cannot be pulled due to configured policy"}]}"#,
    r#"{"errors":[{"status":404,"message":"The named manifest is not known to the registry."}]}"#,
    r#"{"error":"access forbidden"}"#,
    r#"{"message":"Not Found"}"#,
    r#"{"errors":{}}"#,
    r#"{"errors":[]}"#,
    "<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>",
    "404 page not found\n",
    "",
    "\u{feff}<?xml version=\"1.0\"?><Error><Code>AuthorizationFailure</Code></Error>",
];

pub fn status_of_refusal(rng: &mut Rng) -> u16 {
    rng.pick(&[
        400, 401, 401, 402, 403, 403, 404, 404, 404, 405, 406, 407, 408, 409, 410, 412, 413, 415,
        416, 418, 421, 424, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 511, 520, 599,
    ])
}

/// A refusal in one place, for ever or only at first.
pub fn refusal(draft: &mut Draft, rng: &mut Rng) {
    let targets = draft.targets();
    let target = rng.pick(&targets);
    // containerd asks again after a few of them only, which are most of those that end.
    let ends = rng.chance(60);
    let status = if ends && rng.chance(60) {
        rng.pick(&[408, 429, 500, 502, 503, 504])
    } else {
        status_of_refusal(rng)
    };
    let body = rng.pick(BODIES).to_owned();
    let media_type = if body.starts_with('{') { "application/json" } else { "text/plain" };
    let mut answer = Answer::new(status, media_type, &body);
    if rng.chance(30) {
        answer = answer.with("Docker-Distribution-Api-Version", "registry/2.0");
    }
    if status == 401 && rng.chance(60) {
        for line in &draft.challenge {
            let error =
                rng.pick(&["", ",error=\"invalid_token\"", ",error=\"insufficient_scope\""]);
            answer = answer.with("WWW-Authenticate", &format!("{line}{error}"));
        }
    }
    // A token that is refused once only is renewed or not, by how containerd shares its tokens.
    let times = if !ends || status == 401 { 0 } else { rng.pick(&[1, 1, 2, 3, 4, 5, 6, 7]) };
    let how_long = if times == 0 { "always".to_owned() } else { format!("{times} times") };
    draft.tell(format!("{target:?} answers {status} {how_long}: {body}"));
    draft.full = true;
    if times == 0 {
        draft.change(target, move |own| *own = answer);
    } else {
        draft.refused.push((target, answer, times));
    }
}

/// HEAD and GET of the tag disagree.
pub fn head(draft: &mut Draft, rng: &mut Rng) {
    if rng.chance(70) {
        draft.by_digest = false;
    }
    for _ in 0..1 + rng.below(2) {
        match rng.below(11) {
            0 => {
                let status = rng.pick(&[
                    201, 202, 203, 204, 206, 226, 300, 304, 400, 401, 403, 404, 405, 406, 410, 429,
                    500, 501, 503,
                ]);
                draft.tell(format!("HEAD answers {status}"));
                draft.change(Target::Head, move |answer| answer.status = status);
            }
            1 | 2 => {
                draft.tell("HEAD has no Docker-Content-Digest");
                draft.change(Target::Head, |answer| answer.unset("Docker-Content-Digest"));
                odd_get(draft, rng);
            }
            3 => {
                let digest = odd_digest(rng);
                draft.tell(format!("HEAD has Docker-Content-Digest {digest:?}"));
                draft.change(Target::Head, move |answer| {
                    answer.set("Docker-Content-Digest", &digest)
                });
            }
            4 => {
                draft.tell("HEAD has no Content-Length");
                draft.change(Target::Head, |answer| answer.length = Length::Closed);
                odd_get(draft, rng);
            }
            5 => {
                let length = rng.pick(&[0, 1, 17, 4_194_305, 8_388_609, 100_000_000]);
                draft.tell(format!("HEAD has Content-Length {length}"));
                draft.change(Target::Head, move |answer| answer.length = Length::Claimed(length));
            }
            6 => {
                draft.tell("HEAD is chunked");
                draft.change(Target::Head, |answer| answer.length = Length::Chunked);
                odd_get(draft, rng);
            }
            7 | 8 => {
                let media_type = odd_type(rng);
                draft.tell(format!("HEAD has Content-Type {media_type:?}"));
                draft.change(Target::Head, move |answer| match media_type.as_str() {
                    "" => answer.unset("Content-Type"),
                    other => answer.set("Content-Type", other),
                });
            }
            9 => {
                let encoding = rng.pick(&["gzip", "identity"]);
                draft.tell(format!("HEAD has Content-Encoding {encoding}"));
                draft.change(Target::Head, move |answer| answer.set("Content-Encoding", encoding));
            }
            _ => odd_get(draft, rng),
        }
    }
}

/// GET by tag says something else. It only matters where HEAD does not say enough.
fn odd_get(draft: &mut Draft, rng: &mut Rng) {
    match rng.below(6) {
        0 => {
            let status = status_of_refusal(rng);
            draft.tell(format!("GET by tag answers {status}"));
            draft.change(Target::ByTag, move |answer| *answer = Answer::json(status, BODIES[0]));
        }
        1 => {
            let media_type = odd_type(rng);
            draft.tell(format!("GET by tag has Content-Type {media_type:?}"));
            draft.change(Target::ByTag, move |answer| match media_type.as_str() {
                "" => answer.unset("Content-Type"),
                other => answer.set("Content-Type", other),
            });
        }
        2 => {
            draft.tell("GET by tag has another content");
            draft.change(Target::ByTag, |answer| {
                answer.body = Body::Text("{\"schemaVersion\":2}".to_owned())
            });
        }
        3 => {
            let digest = odd_digest(rng);
            draft.tell(format!("GET by tag has Docker-Content-Digest {digest:?}"));
            draft.change(Target::ByTag, move |answer| answer.set("Docker-Content-Digest", &digest));
        }
        4 => {
            draft.tell("GET by tag has no Docker-Content-Digest");
            draft.change(Target::ByTag, |answer| answer.unset("Docker-Content-Digest"));
        }
        _ => {}
    }
}

/// What is asked by its digest is answered otherwise.
pub fn by_digest(draft: &mut Draft, rng: &mut Rng) {
    let targets: Vec<_> = draft
        .targets()
        .into_iter()
        .filter(|t| !matches!(t, Target::Head | Target::Layer(_) | Target::Config))
        .collect();
    let target = rng.pick(&targets);
    match rng.below(9) {
        0 => {
            let status = status_of_refusal(rng);
            draft.tell(format!("{target:?} answers {status}"));
            draft.change(target, move |answer| answer.status = status);
        }
        1 => {
            let digest = odd_digest(rng);
            draft.tell(format!("{target:?} has Docker-Content-Digest {digest:?}"));
            draft.change(target, move |answer| answer.set("Docker-Content-Digest", &digest));
        }
        2 => {
            draft.tell(format!("{target:?} has no Docker-Content-Digest"));
            draft.change(target, |answer| answer.unset("Docker-Content-Digest"));
        }
        3 => {
            let media_type = odd_type(rng);
            draft.tell(format!("{target:?} has Content-Type {media_type:?}"));
            draft.change(target, move |answer| answer.set("Content-Type", &media_type));
        }
        4 => {
            draft.tell(format!("{target:?} has other content"));
            draft.change(target, |answer| {
                let mut bytes = answer.body.bytes();
                bytes.push(b' ');
                answer.body = Body::of(&bytes);
            });
        }
        5 => {
            let length = rng.pick(&[
                Length::Chunked,
                Length::Closed,
                Length::Claimed(10),
                Length::Claimed(100_000),
            ]);
            draft.tell(format!("{target:?} has the length {length:?}"));
            draft.change(target, move |answer| answer.length = length);
        }
        6 => {
            let status = rng.pick(&[201, 202, 203, 204, 206, 226, 299]);
            draft.tell(format!("{target:?} answers {status}"));
            draft.change(target, move |answer| answer.status = status);
        }
        7 => {
            draft.tell(format!("{target:?} is cut"));
            draft.change(target, |answer| {
                let bytes = answer.body.bytes();
                answer.length = Length::Claimed(bytes.len() as u64);
                answer.body = Body::of(&bytes[..bytes.len() / 2]);
            });
        }
        _ => {
            let status = rng.pick(&[408, 429, 500, 503, 504]);
            let mut busy = Route::new(
                &draft.host(),
                "GET",
                "/v2/team/app/manifests/sha256:*",
                Answer::json(status, "{}"),
            );
            busy.times = 1;
            draft.tell(format!("the first GET by digest answers {}", busy.answer.status));
            draft.first.push(busy);
        }
    }
}

fn odd_digest(rng: &mut Rng) -> String {
    let good = "5eed".repeat(16);
    let odd = [
        format!("sha256:{good}"),
        good.clone(),
        format!("SHA256:{good}"),
        format!("sha256:{}", good.to_uppercase()),
        "sha256:".to_owned(),
        format!("sha512:{}", "5eed".repeat(32)),
        format!("sha256:{}", &good[..62]),
        format!("md5:{}", &good[..32]),
        "x".to_owned(),
        format!("sha256:{good}, sha256:{good}"),
        String::new(),
    ];
    rng.pick(&odd)
}

pub fn odd_type(rng: &mut Rng) -> String {
    rng.pick(&[
        "",
        "application/json",
        "text/plain",
        "text/plain; charset=utf-8",
        "application/octet-stream",
        "text/html",
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.oci.image.index.v1+json; charset=utf-8",
        "application/vnd.oci.image.manifest.v1+json;charset=utf-8",
        "APPLICATION/VND.OCI.IMAGE.MANIFEST.V1+JSON",
        "application/vnd.oci.image.manifest.v1+json, application/json",
        "application/vnd.oci.artifact.manifest.v1+json",
        "application/vnd.oci.image.manifest.v1+json ; a=b",
        "application/vnd.oci.image.config.v1+json",
    ])
    .to_owned()
}
