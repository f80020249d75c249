//! Any bytes are read as a docker config and as a pull secret or refused, in words that quote
//! nothing of them.
#![no_main]

use std::path::Path;

use checks::{
    kit::Cloud,
    untrusted::{DockerConfig, Pattern, PullSecret, RegistryOrImage, Stored},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    // Runs on its own thread, because known secrets are stored per thread.
    let done = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                for registry in ["contoso.azurecr.io", "docker.io", "localhost:5000"] {
                    look_up(file, registry);
                }
                pull_secret(file);
            })
            .join()
    });
    done.expect("what panics has ended the program already");
});

fn look_up(file: &[u8], registry: &str) {
    let asked = RegistryOrImage::read(&format!("{registry}/team/app"), Cloud::Public, false)
        .expect("it is an image");
    let config = match DockerConfig::read(file) {
        Ok(config) => config,
        Err(said) => return fit_to_print(&said.to_string()),
    };
    let key = DockerConfig::key_of(&asked);
    let found = config.find(key);
    let shown = format!("{found:?}");
    match &found {
        Some((_, Ok(Some(stored)))) => held(file, stored, &shown),
        Some((_, Err(said))) => fit_to_print(&said.to_string()),
        Some((_, Ok(None))) | None => {}
    }
    let _ = (config.helper(key), config.first_malformed());
    let again = DockerConfig::read(file).map(|config| format!("{:?}", config.find(key)));
    assert_eq!(again, Ok(shown), "what is found does not depend on luck");
}

fn pull_secret(file: &[u8]) {
    let image = Pattern::read("contoso.azurecr.io/team/app").expect("it is an image");
    for name in ["config.json", ".dockercfg", "secret.yaml"] {
        match PullSecret::read(file, Path::new(name)) {
            Ok(PullSecret::Entries(entries)) => {
                for entry in entries.matching(&image) {
                    let shown = format!("{:?}", entry.stored);
                    entry.stored.iter().for_each(|stored| held(file, stored, &shown));
                }
            }
            Ok(_) => {}
            Err(broken) => fit_to_print(&broken.said.to_string()),
        }
    }
}

fn held(file: &[u8], stored: &Stored, shown: &str) {
    match stored {
        Stored::Password { user, password } => {
            let named = file.to_ascii_lowercase().windows(8).any(|word| word == b"username");
            // A name can be spelled with escapes, as in "user\u006eame".
            assert!(!user.contains(':') || named || file.contains(&b'\\'));
            let password = password.expose();
            let is_shown = shown.contains(password) && !user.contains(password);
            assert!(password.len() < 8 || !is_shown, "{shown}");
        }
        Stored::Refresh(token) | Stored::Access(token) => {
            assert!(!token.expose().is_empty());
            assert!(token.expose().len() < 10 || !shown.contains(token.expose()), "{shown}");
        }
    }
}

/// A place in the file, in numbers, or a word of ours.
fn fit_to_print(said: &str) {
    let is_word = said.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c == '6' || c == '4');
    assert!(is_word || said.starts_with("line ") && said.len() < 60, "{said}");
}
