//! The board on a terminal: the image, and a row for each step with its state and time.
//!
//! It is drawn a few times a second and cleared before the result is printed. No row is wider than
//! [`WIDTH`], so a terminal that is resized never breaks a row in two, which would leave its second
//! half behind.

use std::cell::RefCell;

use checks::kit::{
    engine::{Event, EventKind, StepEnd},
    messages::{Lang, Messages},
};
use colored::Colorize;
use console::Term;
use tokio::time::Instant;

use super::{
    paper::time,
    terminal::{ascii, cut, cut_front, is_plain_ascii},
};

/// The width of a row. On the narrowest terminal that is supported, 60 columns, this leaves room for
/// an ellipsis of three dots.
const WIDTH: usize = 56;
/// The columns before the text that says what a step does.
const BEFORE: usize = 25;
/// What turns while something runs.
const TURNS: [&str; 4] = ["|", "/", "-", "\\"];

/// The rows of a run.
pub(crate) struct Board {
    messages: &'static Messages,
    lang: Lang,
    /// Whether there are several targets: then each has one row.
    many: bool,
    color: bool,
    /// Whether the terminal shows ASCII alone.
    plain: bool,
    terminal: Term,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    header: String,
    rows: Vec<Row>,
    /// How many rows are on the terminal.
    drawn: usize,
    turns: usize,
}

/// A step; or a target, where there are several.
struct Row {
    /// The name of the step, or the target.
    name: String,
    /// When it began.
    began: Option<Instant>,
    /// The sign of its end, and how long it took, where that says something.
    ended: Option<(&'static str, Option<u64>)>,
    /// What it is doing: the question or the last exchange of a step, the last step of a target.
    doing: String,
    /// How many steps of a target are planned, and how many have ended.
    planned: usize,
    done: usize,
}

impl Board {
    pub(super) fn new(messages: &'static Messages, lang: Lang, many: bool, color: bool) -> Self {
        let (plain, terminal) = (is_plain_ascii(), Term::buffered_stderr());
        Self { messages, lang, many, color, plain, terminal, state: RefCell::default() }
    }

    /// Notes one event.
    pub(super) fn take(&self, event: &Event) {
        let state = &mut *self.state.borrow_mut();
        if self.many {
            state.take_target(event);
        } else {
            state.take_step(event, |step| {
                let messages = self.messages.steps.get(step);
                messages.map(|messages| messages.asks.of(self.lang)).unwrap_or_default().to_owned()
            });
        }
    }

    /// Draws the rows anew.
    pub(super) fn draw(&self) {
        let state = &mut *self.state.borrow_mut();
        state.turns += 1;
        let lines = self.lines(state, usize::from(self.terminal.size().0));
        self.clear(state.drawn);
        for line in &lines {
            let _ = self.terminal.write_line(line);
        }
        let _ = self.terminal.flush();
        state.drawn = lines.len();
    }

    /// Returns what a terminal of that height shows. Where there are more rows than that, those that
    /// have ended are left out.
    fn lines(&self, state: &State, height: usize) -> Vec<String> {
        let turn = TURNS.get(state.turns % TURNS.len()).copied().unwrap_or_default();
        let mut rows: Vec<&Row> = state.rows.iter().collect();
        // One line stays free for the cursor, and one for the header.
        let most = height.saturating_sub(2);
        if rows.len() > most {
            rows.retain(|row| row.ended.is_none());
            rows.truncate(most);
        }
        let header = (!self.many).then(|| self.bold(&cut_front(&state.header, WIDTH)));
        let shown = |row| if self.many { self.target(row, turn) } else { self.step(row, turn) };
        let lines = header.into_iter().chain(rows.into_iter().map(shown));
        lines.map(|line| if self.plain { ascii(&line) } else { line }).collect()
    }

    /// Clears what was drawn, and what was typed below it, such as `^C`. Where the terminal is gone,
    /// nobody looks at it.
    fn clear(&self, drawn: usize) {
        if drawn > 0 {
            let _ = self.terminal.clear_line();
            let _ = self.terminal.clear_last_lines(drawn);
        }
    }

    fn step(&self, row: &Row, turn: &str) -> String {
        let name = &row.name;
        match (&row.ended, row.began) {
            (Some((sign, took)), _) => {
                let took = took.map(time).unwrap_or_default();
                format!("  {sign} {name:11} {took:>8}")
            }
            (None, Some(began)) => {
                let took = self.dim(&format!("{:>8}", time(milliseconds(began))));
                format!("  {turn} {name:11} {took}  {}", cut(&row.doing, WIDTH - BEFORE))
            }
            (None, None) => self.dim(&format!("    {name}")),
        }
    }

    fn target(&self, row: &Row, turn: &str) -> String {
        let name = cut_front(&row.name, WIDTH - BEFORE);
        match row.ended {
            Some((sign, _)) => format!("  {sign} {:19} {name}", ""),
            None => {
                let far = format!("{:>2}/{:<2} {:13}", row.done, row.planned, row.doing);
                format!("  {turn} {} {name}", self.dim(&far))
            }
        }
    }

    fn dim(&self, text: &str) -> String {
        if self.color { text.dimmed().to_string() } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        if self.color { text.bold().to_string() } else { text.to_owned() }
    }
}

impl State {
    /// Notes an event of the only target.
    fn take_step(&mut self, event: &Event, question: impl Fn(&str) -> String) {
        match &event.kind {
            EventKind::RunStarted { .. } => self.header.clone_from(&event.target),
            EventKind::Planned { step, .. } => self.rows.push(Row::new(step)),
            EventKind::Started { step } => self.row(step, |row| {
                row.began = Some(Instant::now());
                row.doing = question(step);
            }),
            EventKind::Exchanged { step, to, request, .. } => {
                self.row(step, |row| row.doing = format!("{to}: {request}"));
            }
            EventKind::Finished { step, end, took_ms } => self.row(step, |row| {
                let ran = !matches!(end, StepEnd::Skipped { .. } | StepEnd::Blocked { .. });
                row.ended = Some((sign(end), ran.then_some(*took_ms)));
            }),
            EventKind::Found { .. } | EventKind::Verdict { .. } => {}
        }
    }

    /// Notes an event of one of several targets.
    fn take_target(&mut self, event: &Event) {
        match &event.kind {
            EventKind::RunStarted { .. } => self.rows.push(Row::new(&event.target)),
            EventKind::Planned { .. } => self.row(&event.target, |row| row.planned += 1),
            EventKind::Started { step } => {
                self.row(&event.target, |row| row.doing.clone_from(step));
            }
            EventKind::Finished { end, .. } => self.row(&event.target, |row| {
                row.done += 1;
                let failed = matches!(end, StepEnd::Failed | StepEnd::CouldNotTell { .. });
                if failed || row.done == row.planned {
                    row.ended.get_or_insert((sign(end), None));
                }
            }),
            EventKind::Exchanged { .. } | EventKind::Found { .. } | EventKind::Verdict { .. } => {}
        }
    }

    fn row(&mut self, name: &str, change: impl FnOnce(&mut Row)) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.name == name) {
            change(row);
        }
    }
}

impl Row {
    fn new(name: &str) -> Self {
        let (name, doing) = (name.to_owned(), String::new());
        Self { name, began: None, ended: None, doing, planned: 0, done: 0 }
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // Leftover rows would separate the reader from the result.
        self.clear(self.state.borrow().drawn);
        let _ = self.terminal.flush();
    }
}

/// Returns the sign of the end of a step.
pub(super) fn sign(end: &StepEnd) -> &'static str {
    match end {
        StepEnd::Passed { .. } => "✓",
        StepEnd::Failed => "✗",
        StepEnd::Skipped { .. } => "–",
        StepEnd::Blocked { .. } => "↑",
        StepEnd::CouldNotTell { .. } => "?",
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use checks::kit::engine::{VERSION, Vantage};
    use jiff::Timestamp;

    use super::*;

    fn event(target: &str, kind: EventKind) -> Event {
        let (at, target) = (Timestamp::UNIX_EPOCH, target.to_owned());
        Event { v: VERSION, at, target, from: Vantage::Here, kind }
    }

    /// A board of runs whose steps are planned, running and ended.
    fn board(targets: &[String], plain: bool) -> Board {
        let mut board = Board::new(checks::messages(), Lang::Ko, targets.len() > 1, false);
        board.plain = plain;
        for target in targets {
            let take = |kind| board.take(&event(target, kind));
            let tool = String::new();
            take(EventKind::RunStarted {
                understood: serde_json::Map::default(),
                tool,
                host: None,
                labels: std::collections::BTreeMap::new(),
            });
            for step in checks::steps::names() {
                take(EventKind::Planned { step: step.into(), after: vec![] });
            }
            take(EventKind::Started { step: "layer-proxy".into() });
            let (step, end) = ("dns".into(), StepEnd::Failed);
            take(EventKind::Finished { step, end, took_ms: 86_400_000 });
        }
        board
    }

    #[test]
    fn no_row_is_wider_than_the_narrowest_terminal() {
        let image = format!("contoso.azurecr.io/{}:v1", "여러/저장소/".repeat(20));
        for (targets, plain) in [(1, false), (1, true), (9, false), (9, true)] {
            let board = board(&vec![image.clone(); targets], plain);
            for height in [0, 3, 12, 50] {
                let lines = board.lines(&board.state.borrow(), height);
                assert!(lines.len() <= height.max(1), "{lines:#?}");
                for line in lines {
                    assert!(textwrap::core::display_width(&line) < 60, "{line}");
                }
            }
        }
    }

    #[test]
    fn a_small_terminal_shows_what_has_not_ended() {
        let board = board(&["contoso".to_owned()], true);
        let lines = |height| board.lines(&board.state.borrow(), height).join("\n");
        assert!(lines(50).contains("x dns") && lines(50).contains("layer-proxy"), "{}", lines(50));
        assert!(!lines(12).contains("x dns"), "{}", lines(12));
    }
}
