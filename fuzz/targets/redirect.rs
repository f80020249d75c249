//! Follows any location. Credentials go to the host itself and to names below it, and never without TLS.
#![no_main]

use checks::{
    kit::{Host, HostPurpose, Secret, net::Request},
    untrusted::redirected,
};
use hyper::Method;
use libfuzzer_sys::fuzz_target;

const OURS: &str = "Bearer canary-canary";

fuzz_target!(|location: &[u8]| {
    // Known secrets are stored per thread.
    let done = std::thread::scope(|scope| scope.spawn(|| follow(location)).join());
    done.expect("what panics has ended the program already");
});

fn follow(location: &[u8]) {
    let name = "registry.example".to_owned();
    let from = Host::secure(name, 443, HostPurpose::Registry);
    let request = Request::new(Method::GET, "/v2/team/app/blobs/sha256:0?x=y");
    let request = Request { authorization: Some(Secret::new(OURS)), ..request };
    let Some((next, to)) = redirected(&from, &request, location, HostPurpose::Data) else { return };
    assert_eq!(to.redirects, 1);
    assert!(to.target.starts_with('/') && !to.target.contains(['\r', '\n']), "{:?}", to.target);
    let is_ours = to.authorization.as_ref().is_some_and(|value| value.expose() == OURS);
    let is_below = next.name == from.name || next.name.ends_with(".registry.example");
    assert!(!is_ours || is_below, "{next}");
    assert!(
        to.authorization.is_none() || !next.plain || next.is_local() || to.is_exposed,
        "{next}"
    );
}
