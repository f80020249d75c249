//! Reads any bytes as a docker config or refuses them with a message that quotes none of them.
#![no_main]

use checks::{
    identity::{Credential, docker::Config},
    kit::{Cloud, RegistryOrImage},
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
            })
            .join()
    });
    done.expect("what panics has ended the program already");
});

fn look_up(file: &[u8], registry: &str) {
    let asked = RegistryOrImage::read(&format!("{registry}/team/app"), Cloud::Public, false)
        .expect("it is an image");
    let config = match Config::read(file) {
        Ok(config) => config,
        Err(said) => {
            // A position in the file, as numbers, or a word of our own.
            assert!(
                said == "not-an-object" || said.starts_with("line ") && said.len() < 60,
                "{said}"
            );
            return;
        }
    };
    let found = config.credential(&asked);
    let shown = format!("{found:?}");
    match &found {
        Ok(Some(Credential::Password { user, password })) => {
            assert!(!user.contains(':') || file.windows(8).any(|word| word == b"username"));
            let password = password.expose();
            assert!(
                password.len() < 8 || user.contains(password) || !shown.contains(password),
                "{shown}"
            );
        }
        Ok(Some(Credential::Refresh(token) | Credential::Access(token))) => {
            assert!(!token.expose().is_empty());
            assert!(token.expose().len() < 10 || !shown.contains(token.expose()), "{shown}");
        }
        Ok(Some(Credential::Anonymous | Credential::Entra(_))) => {
            panic!("neither stands in a file")
        }
        Ok(None) | Err(_) => {}
    }
    let again = Config::read(file).map(|config| format!("{:?}", config.credential(&asked)));
    assert_eq!(again, Ok(shown), "what is found does not depend on luck");
}
