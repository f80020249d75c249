//! Reads any body as an answer of Azure Resource Manager, a refusal, or neither. Nothing is invented,
//! the next page is never on another host, and every word is safe to print.
#![no_main]

use checks::{
    kit::{Host, HostPurpose, sanitize_text},
    untrusted::{ArmError, Page, Rows, allow, encoded, next_target},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let name = "management.azure.com".to_owned();
    let host = Host::secure(name, 443, HostPurpose::Other);
    if let Some(page) = Page::read(body) {
        assert!(page.items.len() <= body.len());
        let _ = allow(&page.items, "Microsoft.ContainerRegistry/registries/read");
        if let Some(target) = page.next.and_then(|link| next_target(&link, &host)) {
            assert!(target.starts_with('/'));
        }
    }
    if let Some(page) = Rows::read(body) {
        assert!(page.rows.len() <= body.len());
    }
    let text = String::from_utf8_lossy(body);
    if let Some(path) = encoded(&text) {
        assert!(path.starts_with('/') && path.is_ascii() && !path.contains(['?', '#', '\\']));
    }
    for status in [401, 403, 404, 429, 500] {
        let words = match ArmError::read(status, body, Some(&text), None, "/asked") {
            ArmError::NotPermitted { action, scope, said, .. } => {
                assert!(scope.starts_with('/'));
                vec![action.unwrap_or_default(), scope, said]
            }
            ArmError::NotFound { code, said } | ArmError::Unexpected { code, said, .. } => {
                vec![code, said]
            }
            ArmError::TokenRefused { code, said, tenants } => [vec![code, said], tenants].concat(),
            _ => vec![],
        };
        for shown in words {
            assert!(shown.chars().count() <= 301 && !shown.chars().any(char::is_control));
            assert_eq!(sanitize_text(&shown), shown, "what is fit to print stays as it is");
        }
    }
});
