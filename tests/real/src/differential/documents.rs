//! Manifests, indexes and configs: every field that Go decodes, with values of every type.

use super::draft::Draft;
use super::parts::{Doc, Edit, Whole};
use super::rng::Rng;

/// Returns a value that may or may not be one of the type that Go expects.
pub fn odd(rng: &mut Rng, kind: &str) -> String {
    let any = [
        "null",
        "5",
        "-1",
        "1.5",
        "\"text\"",
        "\"\"",
        "true",
        "false",
        "[]",
        "{}",
        "[null]",
        "{\"a\":\"b\"}",
        "[\"a\"]",
    ];
    let special: &[&str] = match kind {
        "int" => &[
            "300",
            "0",
            "null",
            "3e2",
            "300.0",
            "\"300\"",
            "99999999999999999999",
            "-0",
            "9223372036854775807",
            "9223372036854775808",
            "true",
        ],
        "time" => &[
            "\"2026-11-01T08:00:00Z\"",
            "\"2026-11-01T08:00:00.123456789Z\"",
            "\"2026-11-01T08:00:00+09:00\"",
            "\"2026-11-01T08:00:00+0900\"",
            "\"2026-11-01 08:00:00Z\"",
            "\"2026-11-01\"",
            "\"\"",
            "null",
            "1764000000",
            "\"2026-02-30T00:00:00Z\"",
            "\"2026-11-01T24:00:00Z\"",
            "\"2026-11-01T08:00:60Z\"",
            "\"2026-11-01t08:00:00z\"",
            "\"2026-11-01T08:00:00,5Z\"",
            "\"2026-11-01T08:00:00.Z\"",
            "\"0001-01-01T00:00:00Z\"",
            "\"2026-11-01T8:00:00Z\"",
            "\"2026-11-01T08:00:00\"",
            "\"0000-01-01T00:00:00Z\"",
            "\"9999-12-31T23:59:59Z\"",
            "\"2026-11-01T08:00:00+24:00\"",
            "\"2026-11-01T08:00:00-23:59\"",
            "\"2026-11-01T08:00:00+09:60\"",
            "\"10000-01-01T00:00:00Z\"",
            "\"2024-02-29T00:00:00Z\"",
            "\"2023-02-29T00:00:00Z\"",
            "\"2026-11-01T08:00:00.1234567890123Z\"",
        ],
        "text" => &[
            "\"text\"",
            "\"\"",
            "null",
            "5",
            "[]",
            "{}",
            "true",
            "\"\\u00e9\\ud800\"",
            "\"a\\u0000b\"",
        ],
        "list" => &[
            "[]",
            "null",
            "{}",
            "\"a\"",
            "[\"a\"]",
            "[1]",
            "[null]",
            "[\"a\",null,\"b\"]",
            "[[]]",
            "0",
        ],
        "map" => &[
            "{}",
            "null",
            "[]",
            "\"a\"",
            "{\"a\":\"b\"}",
            "{\"a\":1}",
            "{\"a\":null}",
            "{\"a\":{}}",
            "0",
        ],
        "maps" => &[
            "{}",
            "null",
            "[]",
            "{\"80/tcp\":{}}",
            "{\"80/tcp\":null}",
            "{\"80/tcp\":[]}",
            "{\"80/tcp\":\"\"}",
            "{\"80/tcp\":{\"a\":1}}",
            "[\"80/tcp\"]",
        ],
        "flag" => &["true", "false", "null", "\"true\"", "0", "1", "[]"],
        "bytes" => &[
            "\"aGk=\"",
            "\"\"",
            "null",
            "\"!\"",
            "\"aGk\"",
            "\"aG k=\"",
            "\"aGk=\\n\"",
            "\"a-_=\"",
            "[104,105]",
            "[300]",
            "5",
            "{}",
        ],
        _ => &any,
    };
    if rng.chance(12) { rng.pick(&any).to_owned() } else { rng.pick(special).to_owned() }
}

pub fn set(draft: &mut Draft, doc: Doc, path: &str, raw: String) {
    draft.tell(format!("{doc:?}{path} = {raw}"));
    draft.edit(doc, Edit::Set { path: path.to_owned(), raw });
}

pub const DESCRIPTOR: &[(&str, &str)] = &[
    ("urls", "list"),
    ("annotations", "map"),
    ("data", "bytes"),
    ("artifactType", "text"),
    ("platform", "map"),
    ("unknown", "any"),
    ("platform", "any"),
    ("mediaType", "text"),
    ("size", "int"),
    ("digest", "text"),
];

pub fn whole(draft: &mut Draft, doc: Doc, rng: &mut Rng) {
    let deep = rng.pick(&[100, 500, 9_990, 10_010]);
    let whole = rng.pick(&[
        Whole::Bom,
        Whole::Truncated,
        Whole::TrailingText,
        Whole::TrailingSpace,
        Whole::LeadingSpace,
        Whole::InvalidUtf8,
        Whole::Comment,
        Whole::Empty,
        Whole::Null,
        Whole::List,
        Whole::Html,
        Whole::Pretty,
        Whole::ControlCharacter,
        Whole::LoneSurrogate,
        Whole::Deep(deep),
        Whole::Deep(deep),
    ]);
    draft.tell(format!("{doc:?} is {whole:?}"));
    draft.edit(doc, Edit::Whole(whole));
}

/// A field in other letters, twice, or with a name that only looks the same.
pub fn respelled(draft: &mut Draft, doc: Doc, path: &str, rng: &mut Rng) {
    let (parent, name) = path.rsplit_once('/').unwrap_or_default();
    let upper = name.to_uppercase();
    let snake = format!("{name}_");
    let kelvin = name.replace('k', "\u{212a}").replace('s', "\u{17f}");
    let name = rng.pick(&[upper.clone(), upper, name.to_lowercase(), snake, kelvin]);
    draft.tell(format!("{doc:?}{path} is called {parent}/{name}"));
    draft.edit(doc, Edit::Rename { path: path.to_owned(), name });
}

pub fn manifest(draft: &mut Draft, rng: &mut Rng) {
    let layer = rng.below(draft.layers.len());
    for _ in 0..1 + rng.below(2) {
        match rng.below(12) {
            0 => whole(draft, Doc::Manifest, rng),
            1 | 2 => {
                let (name, kind) = rng.pick(&[
                    ("schemaVersion", "int"),
                    ("mediaType", "text"),
                    ("artifactType", "text"),
                    ("subject", "any"),
                    ("annotations", "map"),
                    ("unknown", "any"),
                    ("config", "any"),
                    ("layers", "list"),
                    ("manifests", "any"),
                    ("fsLayers", "any"),
                    ("urls", "any"),
                ]);
                let raw = odd(rng, kind);
                set(draft, Doc::Manifest, &format!("/{name}"), raw);
            }
            3 => {
                let media_type = format!("\"{}\"", super::refusals::odd_type(rng));
                set(draft, Doc::Manifest, "/mediaType", media_type);
            }
            4 => {
                let (name, kind) = rng.pick(DESCRIPTOR);
                let raw = odd(rng, kind);
                // Without --full, check-acr does not read every layer.
                draft.full |= name == "size";
                set(draft, Doc::Manifest, &format!("/config/{name}"), raw);
            }
            5 | 6 => {
                let (name, kind) = rng.pick(DESCRIPTOR);
                let raw = odd(rng, kind);
                // Without --full, check-acr does not read every layer.
                draft.full |= name == "size";
                set(draft, Doc::Manifest, &format!("/layers/{layer}/{name}"), raw);
            }
            7 => {
                let path = rng.pick(&[
                    "/config",
                    "/layers",
                    "/config/size",
                    "/config/digest",
                    "/config/mediaType",
                    "/layers/0/size",
                    "/layers/0/mediaType",
                    "/mediaType",
                    "/schemaVersion",
                ]);
                respelled(draft, Doc::Manifest, path, rng);
            }
            8 => {
                let path = rng.pick(&[
                    "/config",
                    "/layers",
                    "/layers/0",
                    "/config/size",
                    "/config/digest",
                    "/config/mediaType",
                    "/layers/0/size",
                    "/layers/0/digest",
                    "/layers/0/mediaType",
                    "/mediaType",
                    "/schemaVersion",
                ]);
                draft.tell(format!("the manifest has no {path}"));
                draft.edit(Doc::Manifest, Edit::Remove { path: path.to_owned() });
            }
            9 => {
                let media_type = rng.pick(&[
                    "application/vnd.docker.container.image.v1+json",
                    "application/vnd.oci.image.config.v1+json",
                    "application/octet-stream",
                    "application/json",
                    "application/vnd.cncf.helm.config.v1+json",
                    "application/vnd.oci.empty.v1+json",
                    "text/plain",
                    "",
                    "application/vnd.oci.image.manifest.v1+json",
                    "application/vnd.oci.image.config.v1+json; charset=utf-8",
                    "APPLICATION/VND.OCI.IMAGE.CONFIG.V1+JSON",
                    "application/vnd.oci.image.layer.v1.tar",
                    "application/vnd.docker.plugin.v1+json",
                ]);
                set(draft, Doc::Manifest, "/config/mediaType", format!("\"{media_type}\""));
            }
            10 => {
                let path = format!("/layers/{layer}/urls");
                let raw = format!("[\"https://{}/layer\"]", draft.other_host());
                set(draft, Doc::Manifest, &path, raw);
            }
            _ => {
                let path = format!("/layers/{layer}/annotations");
                let raw = rng.pick(&[
                    "{\"io.containerd.x\":\"\"}",
                    "{\"org.opencontainers.image.title\":\"a/b\"}",
                    "{\"\":\"\"}",
                ]);
                set(draft, Doc::Manifest, &path, raw.to_owned());
            }
        }
    }
}

pub fn config(draft: &mut Draft, rng: &mut Rng) {
    for _ in 0..1 + rng.below(2) {
        match rng.below(12) {
            0 => whole(draft, Doc::Config, rng),
            1..=3 => {
                let (name, kind) = rng.pick(&[
                    ("created", "time"),
                    ("author", "text"),
                    ("architecture", "text"),
                    ("os", "text"),
                    ("os.version", "text"),
                    ("os.features", "list"),
                    ("variant", "text"),
                    ("config", "map"),
                    ("config", "any"),
                    ("rootfs", "any"),
                    ("history", "list"),
                    ("container_config", "any"),
                    ("docker_version", "any"),
                    ("id", "any"),
                    ("container", "any"),
                ]);
                let raw = odd(rng, kind);
                set(draft, Doc::Config, &format!("/{name}"), raw);
            }
            4..=6 => {
                let (name, kind) = rng.pick(&[
                    ("User", "text"),
                    ("ExposedPorts", "maps"),
                    ("Env", "list"),
                    ("Entrypoint", "list"),
                    ("Cmd", "list"),
                    ("Volumes", "maps"),
                    ("WorkingDir", "text"),
                    ("Labels", "map"),
                    ("StopSignal", "text"),
                    ("ArgsEscaped", "flag"),
                    ("Hostname", "any"),
                    ("Healthcheck", "any"),
                    ("OnBuild", "any"),
                    ("Shell", "any"),
                    ("Memory", "any"),
                ]);
                let raw = odd(rng, kind);
                set(draft, Doc::Config, &format!("/config/{name}"), raw);
            }
            7 => {
                let (name, kind) = rng.pick(&[
                    ("created", "time"),
                    ("created_by", "text"),
                    ("author", "text"),
                    ("comment", "text"),
                    ("empty_layer", "flag"),
                ]);
                let raw = odd(rng, kind);
                set(draft, Doc::Config, &format!("/history/0/{name}"), raw);
            }
            8 => {
                let raw = rng.pick(&["\"layers\"", "\"\"", "\"other\"", "null", "5", "[]"]);
                set(draft, Doc::Config, "/rootfs/type", raw.to_owned());
            }
            9 => {
                let path = rng.pick(&[
                    "/rootfs",
                    "/rootfs/diff_ids",
                    "/rootfs/diff_ids/0",
                    "/rootfs/type",
                    "/os",
                    "/architecture",
                    "/config",
                    "/history",
                ]);
                draft.tell(format!("the config has no {path}"));
                draft.edit(Doc::Config, Edit::Remove { path: path.to_owned() });
            }
            10 => {
                let other = super::parts::sha256(b"other");
                let raw = rng.pick(&[
                    format!("\"{other}\""),
                    "\"\"".to_owned(),
                    "null".to_owned(),
                    "5".to_owned(),
                    "\"sha256:x\"".to_owned(),
                    format!("\"{}\"", other.to_uppercase()),
                    format!("\"{}\"", super::parts::sha512(b"other")),
                ]);
                let path = rng.pick(&[
                    "/rootfs/diff_ids/0".to_owned(),
                    format!("/rootfs/diff_ids/{}", draft.layers.len()),
                ]);
                draft.full = true;
                set(draft, Doc::Config, &path, raw);
            }
            _ => {
                let path = rng.pick(&[
                    "/rootfs",
                    "/rootfs/diff_ids",
                    "/os",
                    "/architecture",
                    "/config/Labels",
                    "/created",
                ]);
                respelled(draft, Doc::Config, path, rng);
            }
        }
    }
}
