//! `check-acr show FILE`: shows a recording again, in another language or format if wanted.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use checks::kit::engine::{Event, EventKind};

use crate::{
    Exit,
    args::{DEFAULT_TIMEOUT, ShowArgs},
    show::Outputs,
};

/// How many bytes of a recording are read at a time.
const BUFFER_BYTES: usize = 256 * 1024;
/// The longest line of a recording.
const MAX_LINE_BYTES: u64 = 256 * 1024;

pub(super) async fn run(file: &Path, show: &ShowArgs) -> Result<Exit, String> {
    let name = file.display().to_string();
    // The recording is opened before any output is, and is never written over.
    let from: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let mut outputs = show.output.iter().filter_map(|output| output.file.as_deref());
        if let Some(output) = outputs.find(|output| is_same(file, output)) {
            let output = output.display();
            return Err(format!("-o {output} is the recording itself; name another file"));
        }
        Box::new(File::open(file).map_err(|error| format!("{name}: {error}"))?)
    };
    let outputs = Outputs::open(show, DEFAULT_TIMEOUT).await?;
    let mut run = outputs.new_run();
    let take = |event: Event| {
        // This version computes the verdict of a recording again.
        if !matches!(event.kind, EventKind::Verdict { .. }) {
            outputs.event(&event);
        }
        run.take(event)
    };
    let name = if file == Path::new("-") { "standard input" } else { &name };
    read_recording(name, from, outputs.want_exchanges(), take)?;
    Ok(outputs.finish(&outputs.present(&run)))
}

/// Returns whether two paths lead to the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    whole(one).is_some() && whole(one) == whole(other)
}

/// Reads event lines one by one and passes each to `take`, so that a recording may be of any size.
/// Exchanges are skipped without parsing when nothing shows them.
///
/// # Errors
/// Returns a sentence with the line number at the first line that is invalid or over a limit, and
/// when the file is not a recording at all.
pub fn read_recording(
    name: &str,
    from: impl Read,
    wants_exchanges: bool,
    mut take: impl FnMut(Event) -> Result<(), String>,
) -> Result<(), String> {
    let mut lines = BufReader::with_capacity(BUFFER_BYTES, from);
    let (mut line, mut is_recording) = (vec![], false);
    for number in 1.. {
        line.clear();
        let read = (&mut lines).take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line);
        let read = read.map_err(|error| format!("{name}: {error}"))? as u64;
        if read == 0 {
            break;
        }
        if read > MAX_LINE_BYTES {
            return Err(format!("{name}: line {number} is too long for a recording of check-acr"));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        if !wants_exchanges && Event::is_exchange(&line) {
            continue;
        }
        match Event::read(&line) {
            Ok(event) => {
                is_recording |= matches!(event.kind, EventKind::RunStarted { .. });
                take(event).map_err(|more| {
                    format!("{name}: line {number}: {more} are no recording of check-acr")
                })?;
            }
            // The run was killed while it wrote this line.
            Err(_) if !line.ends_with(b"\n") && number > 1 => break,
            Err(why) => {
                return Err(format!(
                    "{name}: line {number} is no event of check-acr (-o events makes them): {why}"
                ));
            }
        }
    }
    if !is_recording {
        return Err(format!("{name}: this is no recording of check-acr: nothing was asked in it"));
    }
    Ok(())
}
