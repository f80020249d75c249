//! Redirects of manifests and blobs: to which host, by which status, how they are written, and what
//! the last host takes.

use super::draft::Draft;
use super::hops::{Hop, Takes};
use super::rng::Rng;

pub fn redirect(draft: &mut Draft, rng: &mut Rng) {
    let targets = draft.targets();
    for _ in 0..1 + rng.below(2) {
        let target = rng.pick(&targets);
        if draft.hops.iter().any(|(of, ..)| *of == target) {
            continue;
        }
        let count = match rng.below(20) {
            0 => 9 + rng.below(3),
            1..=6 => 2 + rng.below(2),
            _ => 1,
        };
        let mut hops = vec![];
        let mut at = draft.host();
        for number in 0..count {
            let host = place(rng, draft);
            let path = format!("/c/{target:?}/{number}").replace(['(', ')'], "-");
            let to = (host.clone(), path.clone());
            let location = write(rng, &at, &to);
            let status = match rng.below(12) {
                0 => rng.pick(&[300, 304, 305, 306, 399]),
                _ => rng.pick(&[301, 302, 303, 307, 307, 307, 308]),
            };
            at = host.clone();
            hops.push(Hop { status, host, path, location });
        }
        let takes = rng.pick(&[
            Takes::Anything,
            Takes::NoAuthorization,
            Takes::NoAuthorization,
            Takes::TheToken,
        ]);
        let written: Vec<_> =
            hops.iter().map(|hop| format!("{} {:?}", hop.status, hop.location)).collect();
        draft.tell(format!(
            "{target:?} is redirected: {}; the last takes {takes:?}",
            written.join(", ")
        ));
        draft.hops.push((target, hops, takes));
        // Only with --full does check-acr claim to have read every layer.
        draft.full = true;
    }
}

/// Returns a host of the world, with a port if it is not the default.
pub fn place(rng: &mut Rng, draft: &Draft) -> String {
    let (own, other) = (draft.host(), draft.other_host());
    match rng.below(20) {
        0..=2 | 14..=15 => own,
        3 => format!("{own}:5443"),
        4 | 5 | 16 => format!("data.{own}"),
        6 => format!("a.b.{own}"),
        7 => format!("data-{own}"),
        8 => format!("data.{own}:5443"),
        9 => format!("{own}:80"),
        10 => format!("{other}:5080"),
        11 => format!("{other}:5443"),
        _ => other,
    }
}

/// Writes a location, as seen from `at`. A port is that of plain HTTP or of HTTPS.
pub fn write(rng: &mut Rng, at: &str, (host, path): &(String, String)) -> String {
    let is_plain = host.ends_with(":80") || host.ends_with(":5080");
    let scheme = if is_plain { "http" } else { "https" };
    let bare = host.strip_suffix(":80").unwrap_or(host);
    if host == at && rng.chance(60) {
        return rng.pick(&[
            path.clone(),
            path.clone(),
            format!("{path}?sig=a%2Fb"),
            format!("{path}#x"),
            format!(".{path}"),
            path[1..].to_owned(),
        ]);
    }
    let whole = format!("{scheme}://{bare}{path}");
    match rng.below(36) {
        0 => format!("//{bare}{path}"),
        1 => whole.replacen(scheme, &scheme.to_uppercase(), 1),
        2 => format!("{whole}?sig=a%2Fb&se=2026-01-01T00:00:00Z"),
        3 => format!("{whole}#part"),
        4 => format!("{scheme}://u:p@{bare}{path}"),
        5 => format!("{whole}?sig=a b"),
        6 => format!(" {whole}"),
        7 => format!("{scheme}:/{bare}{path}"),
        8 => String::new(),
        9 => format!("{scheme}://{bare}:4499{path}"),
        10 => format!("{scheme}://nobody.nowhere.test{path}"),
        11 => format!("{scheme}://{}{path}", bare.to_uppercase()),
        12 => format!("{scheme}://{bare}:443{path}"),
        13 => format!("{scheme}://{bare}/x/..{path}"),
        14 => "ftp://files.test/x".to_owned(),
        15 => "https://[::1/x".to_owned(),
        _ => whole,
    }
}
