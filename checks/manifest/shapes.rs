//! The Go types that containerd decodes manifests, indexes and configs into (opencontainers
//! image-spec, specs-go/v1).

use crate::kit::rules::go_json::Shape::{
    self, Bytes, Flag, Int, List, Map, Pointer, Raw, Struct, Text, Time,
};

const PLATFORM: Shape = Struct(&[
    ("architecture", Text),
    ("os", Text),
    ("os.version", Text),
    ("os.features", List(&Text)),
    ("variant", Text),
]);

const DESCRIPTOR: Shape = Struct(&[
    ("mediaType", Text),
    ("digest", Text),
    ("size", Int),
    ("urls", List(&Text)),
    ("annotations", Map(&Text)),
    ("data", Bytes),
    ("platform", Pointer(&PLATFORM)),
    ("artifactType", Text),
]);

/// What tells a manifest from an index (core/images/image.go, `unknownDocument`).
pub(super) const UNKNOWN: Shape = Struct(&[
    ("mediaType", Text),
    ("config", Raw),
    ("layers", Raw),
    ("manifests", Raw),
    ("fsLayers", Raw),
]);

/// The manifest of an image.
pub(super) const MANIFEST: Shape = Struct(&[
    ("schemaVersion", Int),
    ("mediaType", Text),
    ("artifactType", Text),
    ("config", DESCRIPTOR),
    ("layers", List(&DESCRIPTOR)),
    ("subject", Pointer(&DESCRIPTOR)),
    ("annotations", Map(&Text)),
]);

/// The format of 2015 (containerd 1.7, remotes/docker/schema1/converter.go).
pub(super) const SCHEMA1: Shape = Struct(&[
    ("fsLayers", List(&Struct(&[("blobSum", Text)]))),
    ("history", List(&Struct(&[("v1Compatibility", Text)]))),
    ("signatures", List(&Struct(&[("protected", Text)]))),
]);

/// An index.
pub(super) const INDEX: Shape = Struct(&[
    ("schemaVersion", Int),
    ("mediaType", Text),
    ("artifactType", Text),
    ("manifests", List(&DESCRIPTOR)),
    ("subject", Pointer(&DESCRIPTOR)),
    ("annotations", Map(&Text)),
]);

/// The config of an image.
pub(super) const CONFIG: Shape = Struct(&[
    ("created", Pointer(&Time)),
    ("author", Text),
    ("architecture", Text),
    ("os", Text),
    ("os.version", Text),
    ("os.features", List(&Text)),
    ("variant", Text),
    (
        "config",
        Struct(&[
            ("User", Text),
            ("ExposedPorts", Map(&Struct(&[]))),
            ("Env", List(&Text)),
            ("Entrypoint", List(&Text)),
            ("Cmd", List(&Text)),
            ("Volumes", Map(&Struct(&[]))),
            ("WorkingDir", Text),
            ("Labels", Map(&Text)),
            ("StopSignal", Text),
            ("ArgsEscaped", Flag),
        ]),
    ),
    ("rootfs", Struct(&[("type", Text), ("diff_ids", List(&Text))])),
    (
        "history",
        List(&Struct(&[
            ("created", Pointer(&Time)),
            ("created_by", Text),
            ("author", Text),
            ("comment", Text),
            ("empty_layer", Flag),
        ])),
    ),
]);
