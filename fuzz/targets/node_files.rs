//! Any file of a node is read or refused in words that do not quote it; whose registry an image is in is a part of its name.
#![no_main]

use checks::{
    kit::{Pattern, yaml},
    node::{azure_json::AzureJson, provider::{Providers, login_server}},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &str, &str)| {
    let (file, image, suffix) = input;
    match yaml(file) {
        Ok(read) => {
            if let Ok(azure_json) = AzureJson::read(&read) {
                // What may be a password is not shown.
                let _ = format!("{azure_json:?}");
            }
            if let (Ok(providers), Some(image)) = (Providers::read(&read), Pattern::read(image))
                && let Some(azures) = providers.azures()
            {
                let _ = (azures.matching(&image), azures.config_file(), providers.another(&image));
            }
        }
        Err(said) => assert!(said.len() < 60, "{said}"),
    }
    if let Some(server) = login_server(image, suffix) {
        assert!(image.starts_with(server) && !server.is_empty());
    }
});
