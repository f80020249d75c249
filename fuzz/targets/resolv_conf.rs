//! Any resolv.conf leaves somebody to ask, within bounds; what is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let (servers, search, ndots) = check_acr::resolver(file);
    assert!((1..=3).contains(&servers.len()));
    assert!(servers.iter().all(|server| server.port() == 53));
    assert!(ndots <= 15, "{ndots}");
    // How many of them are tried is bounded where names are asked for.
    assert!(search.iter().map(String::len).sum::<usize>() <= 3 * file.len(), "{search:?}");
    // What else is no name, and nothing that could be asked for.
    if !search.iter().all(|suffix| suffix.chars().all(|c| c.is_ascii_graphic() && c != ',')) {
        return;
    }
    let mut written: String =
        servers.iter().map(|server| format!("nameserver {}\n", server.ip())).collect();
    if !search.is_empty() {
        written += &format!("search {}\n", search.join(" "));
    }
    written += &format!("options ndots:{ndots}\n");
    assert_eq!(check_acr::resolver(written.as_bytes()), (servers, search, ndots), "{written}");
});
