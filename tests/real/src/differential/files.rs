//! The files of one layer: a few random entries over a few paths, so that they meet.

use super::blobs::Layer;
use super::draft::Draft;
use super::parts::{Entry, file, tar};
use super::rng::Rng;

const PATHS: &[&str] = &[
    "d",
    "d/",
    "d/a",
    "d/b",
    "d/e/f",
    "l",
    "l/a",
    "m",
    "m/e",
    "./d/../x",
    "d/.wh.a",
    ".wh.d",
    ".wh.l",
    "d/.wh..wh..opq",
    ".wh..wh..opq",
    "x",
    "x/y",
];
const TARGETS: &[&str] = &[
    "d",
    "/d",
    "d/a",
    "d/b",
    "../d",
    "d/../x",
    "l",
    "m",
    "l/a",
    "x/y",
    "../../d/e",
    "",
    ".",
    "..",
    "d/",
    "absent",
];
/// Regular files, folders and links come most often.
const KINDS: &[u8] = b"0005512121211123467gS";

pub fn files(draft: &mut Draft, rng: &mut Rng) {
    draft.full = true;
    let number = rng.below(draft.layers.len());
    let name = format!("etc/{}", draft.name);
    let mut entries = vec![file(&name, name.as_bytes())];
    for _ in 0..2 + rng.below(6) {
        let (kind, path, link) = (rng.pick(KINDS), rng.pick(PATHS), rng.pick(TARGETS));
        let link = if matches!(kind, b'1' | b'2') { link } else { "" };
        entries.push(Entry { path, kind, link, content: b"" });
    }
    let told = entries[1..].iter().map(|it| {
        let target = if it.link.is_empty() { String::new() } else { format!(" to {}", it.link) };
        format!("{} {}{target}", char::from(it.kind), it.path)
    });
    draft.tell(format!("layer {number} has the entries {}", told.collect::<Vec<_>>().join(", ")));
    draft.layers[number] = Layer::of(&tar(&entries), rng);
}
