//! Reads any file of a node or refuses it with a message that does not quote it.
#![no_main]

use checks::untrusted::{
    AzureJson, Config, ContainerdVersion, Corefile, GoBuild, HostsFile, Pattern, Providers,
    SystemdSection, TrustPlaces, environ, is_known, toml, yaml,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &str, &str)| {
    let (file, image, suffix) = input;
    match yaml(file) {
        Ok(read) => {
            if let Ok(azure_json) = AzureJson::read(&read) {
                // Text that may be a password is not shown.
                let _ = format!("{azure_json:?}");
            }
            if let (Ok(providers), Some(image)) = (Providers::read(&read), Pattern::read(image))
                && let Some(azures) = providers.azure_provider()
            {
                let _ = (azures.matching(&image), providers.another(&image));
            }
        }
        Err(said) => assert!(said.to_string().len() < 60, "{said}"),
    }
    if let Ok(read) = toml(file) {
        let _ = Config::read(&read, None, image);
    }
    let _ = HostsFile::read(file, suffix);
    let variables = environ(file);
    let value = |name: &str| variables.iter().find(|(known, _)| known == name);
    let places = TrustPlaces::of(|name| value(name).map(|(_, value)| value.clone()));
    let is_set = |name: &&str| value(name).is_some_and(|(_, value)| !value.is_empty());
    assert_eq!(places.is_some(), TrustPlaces::VARIABLES.iter().any(is_set));
    let _ = places.map(|places| places.are_absolute());
    if let Some(build) = GoBuild::read(&mut std::io::Cursor::new(file)) {
        let _ = (build.version_of(image), build.linked(suffix), ContainerdVersion::of(&build));
    }
    if let Ok(address) = "169.254.10.10".parse() {
        let _ = Corefile::read(image).upstream(address, suffix);
    }
    SystemdSection::read(image, "Service").environment("Environment", &mut vec![]);
    assert!(!is_known(image, suffix) || image.contains("azurecr.") || image.contains(suffix));
});
