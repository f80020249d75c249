//! Reads any bytes as a manifest or an index, or refuses them. The first line of the input is the
//! media type that the registry reports.
#![no_main]

use checks::{
    kit::NoFact,
    untrusted::{Platform, Puller, entry, named, read_manifest},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|sent: &[u8]| {
    let (called, body) = match sent.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&sent[..end], &sent[end + 1..]),
        None => (&b"application/vnd.oci.image.manifest.v1+json"[..], sent),
    };
    let called = String::from_utf8_lossy(called);
    let manifest = match read_manifest("sha256:0".to_owned(), &called, body) {
        Ok(manifest) => manifest,
        Err(no_fact) => return fit_to_print(&no_fact),
    };
    let shown = serde_json::to_value(&manifest).expect("it is plain data");
    let wanted = Platform { os: "linux".into(), arch: "amd64".into(), variant: None, build: None };
    match shown["kind"].as_str() {
        Some("index") => match entry(&manifest, &wanted, Puller::default(), |_| {}) {
            Ok(entry) => assert!(format!("{entry:?}").len() < 20 * body.len() + 1000),
            Err(no_fact) => fit_to_print(&no_fact),
        },
        Some("manifest") => match named(&manifest, &wanted, Puller::default(), |_| {}) {
            Ok(named) => assert!(!format!("{named:?}").contains("size: Some(0)"), "{named:?}"),
            Err(no_fact) => fit_to_print(&no_fact),
        },
        other => panic!("{other:?} is no kind"),
    }
});

/// Checks that a description contains no terminal control sequence and is short.
fn fit_to_print(no_fact: &NoFact) {
    let (NoFact::Failed(finding) | NoFact::CouldNotTell(finding)) = no_fact else {
        panic!("{no_fact:?}")
    };
    for (name, value) in &finding.evidence {
        let texts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        assert!(texts.len() <= 50, "{name}");
        for text in texts.iter().filter_map(|text| text.as_str()) {
            assert!(text.chars().count() <= 301 && !text.chars().any(char::is_control), "{text:?}");
        }
    }
}
