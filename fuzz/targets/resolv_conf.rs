//! Reads any resolv.conf into at least one name server, within bounds. The result survives a round
//! trip.
#![no_main]

use checks::untrusted::ResolvConf;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let read = ResolvConf::read(file);
    assert!((1..=3).contains(&read.servers.len()));
    assert!(read.servers.iter().all(|server| server.port() == 53));
    assert!(read.ndots <= 15, "{}", read.ndots);
    assert!((1..=5).contains(&read.options.attempts) && read.options.timeout.as_secs() > 0);
    // The DNS client limits how many names it tries.
    assert!(read.search.iter().map(String::len).sum::<usize>() <= 3 * file.len(), "{read:?}");
    let servers = read.servers.iter().filter(|_| read.names_servers);
    let mut written: String =
        servers.map(|server| format!("nameserver {}\n", server.ip())).collect();
    if !read.search.is_empty() {
        // Of several dots at the end of a name, only the last one is taken off.
        written += &format!("search {}.\n", read.search.join(". "));
    }
    let options = read.options;
    written += &format!(
        "options ndots:{} timeout:{} attempts:{}",
        read.ndots,
        options.timeout.as_secs(),
        options.attempts
    );
    for (is_set, word) in
        [(options.rotate, "rotate"), (options.use_tcp, "use-vc"), (options.no_aaaa, "no-aaaa")]
    {
        if is_set {
            written += &format!(" {word}");
        }
    }
    assert_eq!(ResolvConf::read(written.as_bytes()), read, "{written}");
});
