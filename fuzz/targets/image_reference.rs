//! Parses any text as an image reference or refuses it. An accepted reference parses again and is
//! safe in a command.
#![no_main]

use checks::{
    kit::{Cloud, target::InvalidReference},
    untrusted::RegistryOrImage,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match RegistryOrImage::read(text, Cloud::Public, false) {
        Ok(asked) => {
            let written = match &asked.image {
                Some(image) => format!("{}/{image}", asked.registry),
                None => asked.registry.clone(),
            };
            let again = RegistryOrImage::read(&written, Cloud::Public, false);
            assert_eq!(again.as_ref(), Ok(&asked), "{text:?} is {written:?}");
            // The reference ends up in requests and commands: it must contain nothing that a shell
            // or HTTP interprets.
            assert!(
                written
                    .chars()
                    .all(|c| c.is_ascii_graphic() && !"$`'\"\\;&|<>(){}*?!#~".contains(c)),
                "{written:?}"
            );
            assert!(!asked.host.name.is_empty() && asked.host.name.len() <= 253);
        }
        Err(
            InvalidReference::Invalid { repaired: Some(repaired), .. }
            | InvalidReference::DataEndpoint { repaired: Some(repaired), .. },
        ) => {
            assert!(
                RegistryOrImage::read(&repaired, Cloud::Public, false).is_ok(),
                "{text:?} is repaired to {repaired:?}"
            );
        }
        Err(_) => {}
    }
});
