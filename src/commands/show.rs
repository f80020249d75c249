//! `check-acr show FILE`: a recording, shown again; in another language or format, if wanted.

use std::{
    collections::HashSet,
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

/// The longest recording that is read: hundreds of times as long as that of a run.
const MAX_RECORDING_BYTES: u64 = 8 * 1024 * 1024;
/// The longest line of one.
const MAX_LINE_BYTES: u64 = 256 * 1024;
/// The most steps, and the most findings, that are read: each is held against all others.
const MAX_STEPS: usize = 1000;

pub(super) async fn run(file: &Path, show: &ShowArgs) -> Result<Exit, String> {
    let events = if file == Path::new("-") {
        read_recording("standard input", std::io::stdin().lock())?
    } else {
        let name = file.display().to_string();
        let opened = File::open(file).map_err(|error| format!("{name}: {error}"))?;
        read_recording(&name, opened)?
    };
    let outputs = Outputs::open(show, DEFAULT_TIMEOUT).await?;
    events.iter().for_each(|event| outputs.event(event));
    Ok(outputs.finish(&events))
}

/// Reads event lines.
///
/// # Errors
/// At the first line that is none, when there is too much, and when it is not a recording at all: a
/// sentence that names it.
pub fn read_recording(name: &str, from: impl Read) -> Result<Vec<Event>, String> {
    let mut lines = BufReader::new(from.take(MAX_RECORDING_BYTES + 1));
    let (mut events, mut line, mut total) = (vec![], vec![], 0);
    let (mut steps, mut findings) = (HashSet::new(), 0);
    for number in 1.. {
        line.clear();
        let read = (&mut lines).take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line);
        let read = read.map_err(|error| format!("{name}: {error}"))? as u64;
        total += read;
        if read == 0 {
            break;
        }
        if read > MAX_LINE_BYTES || total > MAX_RECORDING_BYTES {
            return Err(format!("{name}: line {number} is too long for a recording of check-acr"));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match Event::read(&line) {
            Ok(event) => {
                if let Some(step) = event.step() {
                    steps.insert((event.from.clone(), step.to_owned()));
                }
                findings += usize::from(event.finding().is_some());
                events.push(event);
            }
            // What was being written when the run was killed.
            Err(_) if !line.ends_with(b"\n") && !events.is_empty() => break,
            Err(why) => {
                return Err(format!(
                    "{name}: line {number} is no event of check-acr (-o events makes them): {why}"
                ));
            }
        }
        if steps.len() > MAX_STEPS || findings > MAX_STEPS {
            return Err(format!(
                "{name}: more than {MAX_STEPS} steps or findings are no recording of check-acr"
            ));
        }
    }
    if !events.iter().any(|event| matches!(event.kind, EventKind::RunStarted { .. })) {
        return Err(format!("{name}: this is no recording of check-acr: nothing was asked in it"));
    }
    Ok(events)
}
