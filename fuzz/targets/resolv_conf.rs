//! Reads any resolv.conf into at least one name server, within bounds. The result survives a round
//! trip.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let (servers, search, ndots) = check_acr::resolver(file);
    assert!((1..=3).contains(&servers.len()));
    assert!(servers.iter().all(|server| server.port() == 53));
    assert!(ndots <= 15, "{ndots}");
    // The DNS client limits how many name servers it tries.
    assert!(search.iter().map(String::len).sum::<usize>() <= 3 * file.len(), "{search:?}");
    // Anything else is not a name and cannot be queried.
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
