//! The files of a layer, and what Linux refuses among them. containerd extracts each layer into an empty folder
//! of its own, which overlayfs lays over those below (containerd 2.2, pkg/archive/tar.go and core/diff/apply;
//! continuity, fs/path.go).

#[cfg(test)]
mod tests;

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
};

use super::place::{MAX_NAME, MAX_PATH, TOO_LONG, clean, is_written, length, step};

/// The most files that are kept, which takes 10 MB. Beyond them the files of a layer are not laid out.
const MAX_FILES: usize = 200_000;
/// The most bytes that names and targets take.
const MAX_TEXT: usize = 8 << 20;
/// What each of them takes beside its own bytes.
const OF_TEXT: usize = 40;
/// The most steps of following paths for a layer: many links within deep folders would take hours.
const MAX_STEPS: usize = 5_000_000;
/// The most symbolic links that containerd follows for a path.
const MAX_LINKS: usize = 255;
/// The most that Linux follows.
const MAX_LINUX_LINKS: usize = 40;
const MISSING: &str = "no such file or directory";

/// The files that a layer has so far.
pub(super) struct Tree {
    /// Whether it is the first layer of an image, whose whiteouts remove files rather than hide them.
    is_first: bool,
    /// By folder and name, of which only a hash is kept.
    nodes: HashMap<u64, Node>,
    hasher: RandomState,
    folders: u32,
    targets: Vec<Vec<u8>>,
    /// The folders that have an entry. Their times are set when all files are there.
    entered: Vec<Vec<u8>>,
    /// The folders of the first layer that were made for what is in them.
    made: Vec<(Vec<u8>, u64)>,
    /// The paths of the first layer that ever had an entry, and the folders that are opaque, as hashes.
    had: HashSet<u64>,
    text: usize,
    steps: Cell<usize>,
    /// Whether it can still be known which files there are.
    is_known: bool,
}

#[derive(Clone, Copy)]
enum Node {
    /// With its number.
    Folder(u32),
    /// A symbolic link, with the number of its target.
    Link(usize),
    Other,
}

/// The folder that a layer is extracted to.
const ROOT: u32 = 0;

/// Why a path was not followed.
enum Stop {
    Refused(String),
    /// Where it leads is not known here.
    Unknown,
}

impl Tree {
    pub(super) fn new(is_first: bool) -> Self {
        Self {
            is_first,
            nodes: HashMap::new(),
            hasher: RandomState::new(),
            folders: ROOT,
            targets: vec![],
            entered: vec![],
            made: vec![],
            had: HashSet::new(),
            text: 0,
            steps: Cell::new(0),
            is_known: true,
        }
    }

    /// Adds what an entry makes, and returns whether containerd reads its data. An error is why it is refused.
    pub(super) fn add(&mut self, kind: u8, name: &[u8], link: &[u8]) -> Result<bool, String> {
        let is_written = is_written(kind, name)?;
        if self.is_known {
            match self.make(kind, &clean(name), link) {
                Ok(()) => {}
                Err(Stop::Refused(why)) => return Err(why),
                Err(Stop::Unknown) => self.forget(),
            }
        }
        Ok(is_written)
    }

    /// Returns whether all files were laid out, now that all entries are there. An error is why the times of
    /// the folders cannot be set.
    pub(super) fn finish(&self) -> Result<bool, String> {
        for name in &self.entered {
            match self.follow(name).and_then(|path| self.find(&parts(&path))) {
                Ok(Some(_)) => {}
                Ok(None) => return Err(of(name, MISSING)),
                Err(Stop::Refused(why)) => return Err(why),
                Err(Stop::Unknown) => return Ok(false),
            }
        }
        Ok(self.is_known)
    }

    fn forget(&mut self) {
        *self = Self { is_known: false, ..Self::new(self.is_first) };
    }

    fn make(&mut self, kind: u8, path: &[&[u8]], link: &[u8]) -> Result<(), Stop> {
        let Some((base, parents)) = path.split_last() else { return Ok(()) };
        let files = self.nodes.len().max(self.had.len());
        if files + path.len() > MAX_FILES || self.text > MAX_TEXT {
            return Err(Stop::Unknown);
        }
        self.count(path.len())?;
        let parents = self.follow(&parents.join(&b'/'))?;
        let folder = self.make_folders(&parents)?;
        if length(&[&parents, base]) >= MAX_PATH {
            return refused(base, TOO_LONG);
        }
        let whole = path.join(&b'/');
        match base.strip_prefix(b".wh.") {
            Some(_) if *base == b".wh..wh..opq" => {
                self.count(self.made.len())?;
                self.make_opaque(&parents);
                return Ok(());
            }
            Some(removed) if self.is_first => {
                self.nodes.remove(&self.key(folder, removed));
                return Ok(());
            }
            Some(hidden) => {
                // A device stands for what is hidden.
                let before = self.nodes.insert(self.key(folder, hidden), Node::Other);
                return before.map_or(Ok(()), |_| refused(&whole, "file exists"));
            }
            None => {}
        }
        let key = self.key(folder, base);
        let before = self.nodes.get(&key).copied();
        let kept = before.filter(|node| kind == b'5' && matches!(node, Node::Folder(_)));
        if kept.is_none() {
            self.nodes.remove(&key);
        }
        if self.is_first {
            self.had.insert(self.hasher.hash_one(below(&parents, base)));
        }
        let node = match kind {
            b'g' => return Ok(()),
            b'5' => {
                self.text += OF_TEXT + whole.len();
                self.entered.push(whole);
                kept.unwrap_or_else(|| self.new_folder())
            }
            b'1' => self.target(link, &whole)?,
            b'2' => {
                self.text += OF_TEXT + link.len();
                self.targets.push(link.to_vec());
                Node::Link(self.targets.len() - 1)
            }
            _ => Node::Other,
        };
        self.nodes.insert(key, node);
        Ok(())
    }

    /// Returns what a hard link leads to: a symbolic link itself, not its target (`hardlinkRootPath`).
    fn target(&self, link: &[u8], whole: &[u8]) -> Result<Node, Stop> {
        let cut = link.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let (folder, base) = link.split_at(cut);
        let path = self.follow(folder)?;
        let why = match self.find(&clean(&below(&path, base)))? {
            Some(Node::Folder(_)) => "operation not permitted",
            Some(node) => return Ok(node),
            None => MISSING,
        };
        Err(Stop::Refused(format!("link {} {}: {why}", shown(link), shown(whole))))
    }

    /// Makes the folders of a path that are missing, and returns the number of the last (`mkparent`).
    fn make_folders(&mut self, path: &[u8]) -> Result<u32, Stop> {
        let mut folder = ROOT;
        let parts = parts(path);
        for (at, part) in parts.iter().enumerate() {
            let key = self.key(folder, part);
            folder = match self.nodes.get(&key) {
                Some(Node::Folder(number)) => *number,
                Some(Node::Other) => return refused(path, "not a directory"),
                Some(Node::Link(_)) => return Err(Stop::Unknown),
                None => {
                    if self.is_first {
                        let whole = parts[..=at].join(&b'/');
                        self.text += OF_TEXT + whole.len();
                        self.made.push((whole, key));
                    }
                    let made = self.new_folder();
                    self.nodes.insert(key, made);
                    self.folders
                }
            };
        }
        Ok(folder)
    }

    /// Makes a folder opaque. In the first layer everything in it is removed that has no entry of its own: the
    /// folders that were made for what is in them. It counts once for a folder.
    fn make_opaque(&mut self, folder: &[u8]) {
        if !self.is_first || !self.had.insert(self.hasher.hash_one((b"opaque", folder))) {
            return;
        }
        let Self { made, nodes, had, hasher, .. } = self;
        made.retain(|(path, key)| {
            let is_below = folder.is_empty()
                || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with(b"/"));
            if is_below && !had.contains(&hasher.hash_one(path)) {
                nodes.remove(key);
            }
            !is_below
        });
    }

    /// Follows the symbolic links in a path, none of which leads out of the root (`RootPath`): each is replaced
    /// by its target as text, from the first to the last, until none is left.
    fn follow(&self, path: &[u8]) -> Result<Vec<u8>, Stop> {
        if self.is_plain(path) {
            return Ok(path.to_vec());
        }
        let mut path = path.to_vec();
        let mut links = 0;
        loop {
            let before = links;
            let mut new: Vec<&[u8]> = vec![];
            for part in parts(&path) {
                step(&mut new, part);
                if links > MAX_LINKS {
                    return refused(&path, "too many links");
                }
                if let Some(Node::Link(number)) = self.find(&new)? {
                    links += 1;
                    let target = &self.targets[number];
                    self.count(target.len() / 2)?;
                    new.pop();
                    if target.starts_with(b"/") {
                        new.clear();
                    }
                    parts(target).into_iter().for_each(|part| step(&mut new, part));
                }
            }
            let new = new.join(&b'/');
            if links == before {
                return Ok(new);
            }
            path = new;
        }
    }

    /// Returns whether a path leads through folders alone, as nearly all do.
    fn is_plain(&self, path: &[u8]) -> bool {
        let mut folder = ROOT;
        parts(path).into_iter().all(|part| match self.get(folder, part) {
            Some(Node::Folder(number)) if !matches!(part, b"." | b"..") => {
                folder = number;
                true
            }
            _ => false,
        })
    }

    /// Returns what stands at a path, as Linux finds it: it follows the symbolic links before the last part. A
    /// link that leads out of the layer leads to nothing of it; what the host has there is not known.
    fn find(&self, path: &[&[u8]]) -> Result<Option<Node>, Stop> {
        if length(path) >= MAX_PATH {
            return refused(&path.join(&b'/'), TOO_LONG);
        }
        self.count(path.len())?;
        let mut rest: Vec<&[u8]> = path.iter().rev().copied().collect();
        let mut above = vec![];
        let mut folder = ROOT;
        let mut links = 0;
        while let Some(part) = rest.pop() {
            self.count(1)?;
            match part {
                b"." => continue,
                b".." => match above.pop() {
                    Some(parent) => {
                        folder = parent;
                        continue;
                    }
                    None => return Ok(None),
                },
                _ if part.len() > MAX_NAME => return refused(part, TOO_LONG),
                _ => {}
            }
            match self.get(folder, part) {
                Some(Node::Folder(number)) => {
                    above.push(folder);
                    folder = number;
                }
                Some(node) if rest.is_empty() => return Ok(Some(node)),
                Some(Node::Other) => return refused(part, "not a directory"),
                Some(Node::Link(number)) => {
                    links += 1;
                    if links > MAX_LINUX_LINKS {
                        return refused(part, "too many levels of symbolic links");
                    }
                    let target = &self.targets[number];
                    if target.starts_with(b"/") {
                        return Ok(None);
                    }
                    self.count(target.len() / 2)?;
                    rest.extend(parts(target).into_iter().rev());
                }
                None => return Ok(None),
            }
        }
        Ok(Some(Node::Folder(folder)))
    }

    /// Counts steps, of which there is a limit.
    fn count(&self, steps: usize) -> Result<(), Stop> {
        self.steps.update(|count| count + steps);
        if self.steps.get() > MAX_STEPS { Err(Stop::Unknown) } else { Ok(()) }
    }

    fn new_folder(&mut self) -> Node {
        self.folders += 1;
        Node::Folder(self.folders)
    }

    fn get(&self, folder: u32, name: &[u8]) -> Option<Node> {
        self.nodes.get(&self.key(folder, name)).copied()
    }

    fn key(&self, folder: u32, name: &[u8]) -> u64 {
        self.hasher.hash_one((folder, name))
    }
}

/// Returns the parts of a path as they are written.
fn parts(path: &[u8]) -> Vec<&[u8]> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect()
}

/// Returns the path of a file in a folder.
fn below(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, name].join(&b'/') }
}

fn refused<T>(path: &[u8], why: &str) -> Result<T, Stop> {
    Err(Stop::Refused(of(path, why)))
}

fn of(path: &[u8], why: &str) -> String {
    format!("{}: {why}", shown(path))
}

/// Returns a path as it is shown: its end, where it is long.
fn shown(path: &[u8]) -> String {
    const MOST: usize = 100;
    let end = &path[path.len().saturating_sub(MOST)..];
    let cut = if end.len() < path.len() { "…" } else { "" };
    format!("{cut}{}", String::from_utf8_lossy(end))
}
