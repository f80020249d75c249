//! What happens while a run lasts, on standard error: on a terminal a board, elsewhere a line for each
//! step when it ends, so that a log shows where a run is.

use std::{
    io::{IsTerminal, Write, stderr},
    time::Duration,
};

use checks::kit::engine::{Event, EventKind, StepEnd};

use super::{
    board::{Board, sign},
    outputs::Outputs,
    paper::time,
    terminal::{ascii, is_dumb, is_plain_ascii},
};
use crate::args::{ShowArgs, When};

/// How often the board is drawn.
const REDRAWN: Duration = Duration::from_millis(100);

/// Shows the progress of a run.
pub(crate) enum Progress {
    /// A board on a terminal.
    Board(Box<Board>),
    /// A line for each step that ended.
    Lines {
        /// Whether there are several targets, so that each line must name its own.
        many: bool,
    },
    /// Nothing.
    Quiet,
}

impl Progress {
    /// Returns the progress that suits standard error. `many` says that there are several targets.
    pub(crate) fn of(show: &ShowArgs, outputs: &Outputs, many: bool) -> Self {
        if show.quiet {
            return Progress::Quiet;
        }
        let (messages, lang, color) =
            (outputs.messages(), outputs.lang(), show.color != When::Never);
        if stderr().is_terminal() && !is_dumb() {
            return Progress::Board(Box::new(Board::new(messages, lang, many, color)));
        }
        Progress::Lines { many }
    }

    /// Draws the board from time to time, for as long as the run lasts.
    pub(crate) async fn keep_drawn(&self) {
        loop {
            tokio::time::sleep(REDRAWN).await;
            if let Progress::Board(board) = self {
                board.draw();
            }
        }
    }

    /// Shows one event.
    pub(crate) fn take(&self, event: &Event) {
        match self {
            Progress::Board(board) => board.take(event),
            Progress::Lines { many } => {
                if let Some(line) = line(event, *many) {
                    let line = if is_plain_ascii() { ascii(&line) } else { line };
                    // Where standard error is closed, nobody reads it.
                    let _ = writeln!(stderr(), "{line}");
                }
            }
            Progress::Quiet => {}
        }
    }
}

/// Returns the line of an event; `None` when it is not the end of a step that ran.
fn line(event: &Event, many: bool) -> Option<String> {
    let EventKind::Finished { step, end, took_ms } = &event.kind else { return None };
    if matches!(end, StepEnd::Skipped { .. } | StepEnd::Blocked { .. }) {
        return None;
    }
    let line = format!("{} {step:11} {:>8}", sign(end), time(*took_ms));
    Some(if many { format!("{line}  {}", event.target) } else { line })
}
