//! Parses `NO_PROXY` and proxy URLs: an entry exempts only its own hosts, and no password is shown.
#![no_main]

use checks::untrusted::{NoProxy, ProxyUrl};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (host, list) = text.split_once('\n').unwrap_or(("contoso.azurecr.io", text));
    // Runs on its own thread, because known secrets are stored per thread.
    let done = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                exempt(list, host);
                url(list);
            })
            .join()
    });
    done.expect("what panics has ended the program already");
});

fn exempt(list: &str, host: &str) {
    let here = NoProxy::default().exempts(host, 443);
    let Some(entry) = NoProxy::read(list).exempts(host, 443) else {
        assert_eq!(here, None, "this machine is always exempt");
        return;
    };
    if here.is_some() {
        assert_eq!(entry, host);
        return;
    }
    assert!(
        list.split(',').any(|written| written.trim() == entry),
        "{entry:?} does not stand in {list:?}"
    );
    assert_eq!(NoProxy::read(&entry).exempts(host, 443), Some(entry.clone()));
    // An entry does not exempt a host that shares no letter with it.
    let other = "\u{3b1}\u{3b2}";
    assert!(
        entry == "*"
            || NoProxy::read(&entry).exempts(other, 443).is_none()
            || entry.contains(|c: char| !c.is_ascii())
    );
}

fn url(text: &str) {
    const CANARY: &str = "canary-0123456789";
    let Ok(proxy) = ProxyUrl::read(text) else { return };
    assert!(!proxy.scheme.is_empty() && !proxy.host.is_empty(), "{proxy:?}");
    // In other schemes the host may be anything before the last colon, and an escaped host would be
    // escaped twice.
    if proxy.host.contains('%')
        || proxy.host.contains(':') && proxy.host.parse::<std::net::Ipv6Addr>().is_err()
    {
        return;
    }
    let with = format!("{}://me:{CANARY}@{}:{}", proxy.scheme, bracketed(&proxy.host), proxy.port);
    let Ok(signed) = ProxyUrl::read(&with) else { return };
    assert_eq!(format!("{:?}", signed.credentials), "Some(Secret)");
    assert_eq!((&signed.host, signed.port), (&proxy.host, proxy.port), "{with}");
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}
