//! Any resolv.conf leaves somebody to ask, within bounds; what is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let (servers, search, ndots) = check_acr::resolver(file);
    assert!((1..=3).contains(&servers.len()));
    assert!(servers.iter().all(|server| server.port() == 53));
    assert!(ndots <= 15, "{ndots}");
    assert!(search.len() <= 32 && search.iter().all(|suffix| suffix.len() <= 253), "{search:?}");
    // What else is no name, and nothing that could be asked for.
    if !search.iter().all(|suffix| suffix.chars().all(|c| c.is_ascii_graphic() && c != ',')) {
        return;
    }
    let mut written: String = servers.iter().map(|server| format!("nameserver {}\n", server.ip())).collect();
    if !search.is_empty() {
        written += &format!("search {}\n", search.join(" "));
    }
    written += &format!("options ndots:{ndots}\n");
    assert_eq!(check_acr::resolver(written.as_bytes()), (servers, search, ndots), "{written}");
});
