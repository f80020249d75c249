//! No input makes anything panic, and whatever is kept of it is safe to print.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use checks::kit::{
    Cloud, RegistryOrImage,
    engine::Event,
    rules::{Pattern, Platform, glob_matches},
    sanitize_text,
};
use checks::untrusted::{
    Config, Corefile, GoBuild, HostsFile, SystemdSection, Unpacker, environ, toml,
};
use proptest::prelude::*;

/// Returns a header of an archive, and what follows it.
fn header(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[0] = b'a';
    block[124..136].copy_from_slice(format!("{:011o}\0", data.len()).as_bytes());
    block[156] = kind;
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block.extend_from_slice(data);
    block
}

proptest! {
    /// How its bytes arrive is nothing to a layer.
    #[test]
    fn any_layer_is_unpacked_or_refused(
        parts in prop::collection::vec(
            prop_oneof![
                (any::<u8>(), prop::collection::vec(any::<u8>(), 0..600)).prop_map(|(kind, data)| header(kind, &data)),
                prop::collection::vec(any::<u8>(), 0..600),
                Just(vec![0; 512]),
            ],
            0..5,
        ),
        piece in 1..600_usize,
    ) {
        let bytes = parts.concat();
        let read = |piece: usize| {
            let mut unpacker = Unpacker::of("application/vnd.oci.image.layer.v1.tar", true, u64::MAX);
            bytes.chunks(piece).for_each(|part| unpacker.write(part));
            unpacker.finish()
        };
        prop_assert_eq!(read(piece), read(1 << 20));
    }

    #[test]
    fn any_text_is_read_as_an_image_or_refused(text in "\\PC{0,80}") {
        let _ = RegistryOrImage::read(&text, Cloud::Public, false);
    }

    #[test]
    fn any_settings_of_containerd_are_survived(
        lines in prop::collection::vec(
            prop_oneof![
                Just("[host.\"https://m.example\"]".to_owned()),
                Just("[plugins.'io.containerd.cri.v1.images'.registry]".to_owned()),
                "(server|ca|client|capabilities|config_path|header|imports) = \\PC{0,20}",
                "Environment=\\PC{0,20}",
                "\\PC{0,20}",
            ],
            0..8,
        ),
    ) {
        let text = lines.join("\n");
        if let Ok(read) = toml(text.as_bytes()) {
            let _ = Config::read(&read, None, "contoso.azurecr.io");
        }
        let _ = (HostsFile::read(text.as_bytes(), "/x"), environ(text.as_bytes()));
        SystemdSection::read(&text, "Service").environment("Environment", &mut vec![]);
    }

    #[test]
    fn any_program_is_survived(
        header in prop::collection::vec(any::<u8>(), 0..64),
        place in 0u64..512,
        rest in prop::collection::vec(any::<u8>(), 0..512),
    ) {
        let mut file = b"\x7fELF\x02\x01".to_vec();
        file.extend(header);
        file.resize(64, 0);
        // Else no section would ever be found.
        file[0x28..0x30].copy_from_slice(&place.to_le_bytes());
        file[0x3a..0x3c].copy_from_slice(&64u16.to_le_bytes());
        file[0x3c..0x3e].copy_from_slice(&4u16.to_le_bytes());
        file[0x3e..0x40].copy_from_slice(&1u16.to_le_bytes());
        file.extend(rest);
        if let Some(build) = GoBuild::read(&mut std::io::Cursor::new(file)) {
            let _ = (build.version_of("a"), build.linked("b"));
        }
    }

    #[test]
    fn any_corefile_is_survived(
        lines in prop::collection::vec(
            prop_oneof![
                Just("}".to_owned()),
                Just("bind 169.254.10.10".to_owned()),
                "(\\.|azurecr.io):53 \\{",
                "forward \\. \\PC{0,20}",
                "\\PC{0,20}",
            ],
            0..12,
        ),
        name in "\\PC{0,20}",
    ) {
        let read = Corefile::read(&lines.join("\n"));
        if let Some(upstream) = read.upstream("169.254.10.10".parse().unwrap(), &name) {
            prop_assert!(!upstream.servers.is_empty());
        }
    }

    #[test]
    fn any_bytes_of_a_reference_are_survived(text in any::<String>()) {
        let _ = RegistryOrImage::read(&text, Cloud::China, true);
    }

    #[test]
    fn an_image_that_is_understood_is_understood_again(
        repository in "[a-z0-9]{1,8}(/[a-z0-9]{1,8}){0,3}",
        tag in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}",
    ) {
        let text = format!("contoso.azurecr.io/{repository}:{tag}");
        let asked = RegistryOrImage::read(&text, Cloud::Public, false).unwrap();
        let image = asked.image.unwrap();
        prop_assert_eq!(format!("{}/{image}", asked.registry), text);
    }

    #[test]
    fn a_repaired_reference_is_always_one(text in "[ -~]{0,60}") {
        use checks::kit::target::InvalidReference::{DataEndpoint, Invalid};
        if let Err(Invalid { repaired: Some(repaired), .. } | DataEndpoint { repaired: Some(repaired), .. }) =
            RegistryOrImage::read(&text, Cloud::Public, false)
        {
            prop_assert!(RegistryOrImage::read(&repaired, Cloud::Public, false).is_ok(), "{repaired}");
        }
    }

    #[test]
    fn a_platform_is_printed_as_it_is_read(
        text in "(linux|Windows|macos)(\\(10\\.0\\.[0-9]{5}\\))?/(amd64|x86_64|aarch64|armhf|386)(/v[0-9])?",
    ) {
        if let Ok(platform) = text.parse::<Platform>() {
            prop_assert_eq!(platform.to_string().parse::<Platform>(), Ok(platform));
        } else {
            prop_assert!(text.contains('(') && !text.starts_with("Windows"));
        }
    }

    #[test]
    fn any_platform_text_is_survived(text in any::<String>()) {
        let _ = text.parse::<Platform>();
    }

    #[test]
    fn what_is_printable_steers_no_terminal(text in any::<String>()) {
        let shown = sanitize_text(&text);
        prop_assert!(!shown.chars().any(char::is_control));
        prop_assert!(shown.chars().count() <= 300 * 10 + 1);
    }

    #[test]
    fn any_line_is_an_event_or_refused(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Event::read(&line);
    }

    #[test]
    fn an_event_of_any_json_is_survived(number in any::<i64>(), text in any::<String>()) {
        let line = serde_json::json!({ "v": 1, "event": text, "at": number, "from": text });
        let _ = Event::read(line.to_string().as_bytes());
    }
}

#[test]
fn a_tag_is_ascii() {
    let read = |text: &str| RegistryOrImage::read(text, Cloud::Public, false);
    assert!(read("contoso.azurecr.io/team/app:최신").is_err());
    assert!(read("contoso.azurecr.io/team/app:v1\u{661}").is_err());
}

#[test]
fn no_repository_begins_in_upper_case_so_it_is_a_host() {
    let read = |text: &str| RegistryOrImage::read(text, Cloud::Public, false);
    let asked = read("Contoso/team/app:v1").unwrap();
    assert_eq!((asked.registry.as_str(), asked.host.name.as_str()), ("Contoso", "contoso"));
    let written = format!("{}/{}", asked.registry, asked.image.as_ref().unwrap());
    assert_eq!(read(&written), Ok(asked));
    assert_eq!(read("contoso/team/app:v1").unwrap().registry, "docker.io");
    assert!(read("Con_toso/app").is_err() && read("Contoso/App").is_err());
    for hub in ["Docker.io/app", "iNdex.docker.io/app", "Docker.io"] {
        let asked = read(hub).unwrap();
        let image = asked.image.as_ref().map(|image| format!("/{image}"));
        let written = format!("{}{}", asked.registry, image.unwrap_or_default());
        assert_eq!(read(&written), Ok(asked), "{hub}");
    }
}

/// Returns whether the kubelet uses a pull secret's key for this image.
fn matches(key: &str, image: &str) -> bool {
    Pattern::of_key(key).is_some_and(|key| key.matches(&Pattern::read(image).unwrap()))
}

proptest! {
    #[test]
    fn any_key_is_survived(key in any::<String>(), image in "[a-z.:*\\[\\]-]{0,20}(/[a-z]{0,5}){0,3}") {
        let _ = matches(&key, "contoso.azurecr.io/team/app");
        if let (Some(key), Some(image)) = (Pattern::of_key(&key), Pattern::read(&image)) {
            let _ = key.differs(&image);
        }
    }

    #[test]
    fn a_host_matches_itself_below_any_path(host in "[a-z0-9]{1,5}(\\.[a-z0-9-]{1,5}){0,4}(:[0-9]{1,4})?", path in "(/[a-z]{1,5}){0,3}") {
        let image = format!("{host}{path}/app");
        for key in [host.clone(), format!("https://{host}"), format!("{host}{path}")] {
            prop_assert!(matches(&key, &image), "{key} {image}");
        }
    }

    #[test]
    fn no_glob_crosses_a_dot(labels in prop::collection::vec("[a-z0-9]{1,5}", 1..6), stars in 1_usize..6) {
        let image = format!("{}/app", labels.join("."));
        let key = vec!["*"; stars].join(".");
        prop_assert_eq!(matches(&key, &image), stars == labels.len());
    }

    #[test]
    fn a_star_stands_for_any_signs(front in "[a-z]{0,4}", middle in "[a-z]{0,4}", back in "[a-z]{0,4}") {
        let text = format!("{front}{middle}{back}");
        let glob = format!("{front}*{back}");
        prop_assert!(glob_matches(&glob, &text));
        let glob = format!("{front}*{back}.");
        prop_assert!(!glob_matches(&glob, &text));
    }

    #[test]
    fn another_port_is_another_registry(one in 1_u16.., other in 1_u16..) {
        let key = format!("contoso.example:{one}");
        prop_assert_eq!(matches(&key, &format!("contoso.example:{other}/app")), one == other);
        prop_assert!(!matches(&key, "contoso.example/app"));
    }
}
