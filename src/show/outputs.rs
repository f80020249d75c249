//! Writes results: each format to standard output or to a file.

use std::{cell::RefCell, fs::File, io::Write, rc::Rc, time::Duration};

use checks::kit::{
    engine::{Event, EventKind, VERSION, VerdictLine},
    messages::{Lang, Messages},
};
use jiff::Timestamp;

use super::{
    json_v1::json,
    print::{print_error, print_note, write},
    terminal::{WIDTH, ascii, colored, is_plain_ascii, locale, width},
    text::{TextOptions, text},
};
use crate::{
    Exit,
    args::{FailOn, FixForm, Format, Output, ShowArgs, When, called},
    present::{CausePage, Presentation, TargetPage},
    report::Run,
    wait::no_longer_than,
};

/// The destinations of the result and the options for its text.
#[derive(Clone)]
pub(crate) struct Outputs {
    sinks: Rc<Vec<(Format, Sink)>>,
    messages: &'static Messages,
    lang: Lang,
    verbose: u8,
    fix_as: FixForm,
    quiet: bool,
    color: When,
    fail_on: Option<FailOn>,
    /// The first write error other than a closed pipe.
    failed: Rc<RefCell<Option<String>>>,
}

enum Sink {
    Stdout,
    File(String, RefCell<File>),
}

impl Outputs {
    /// Opens the files now, so that a run does not start if its result cannot be kept. A file may
    /// be a pipe that nothing reads.
    pub(crate) async fn open(show: &ShowArgs, wait: Duration) -> Result<Self, String> {
        let stdout = [Output { format: Format::Text, file: None }];
        let to_stdout = show.output.iter().filter(|output| output.file.is_none()).count();
        if to_stdout > 1 {
            return Err("only one format can go to standard output; give the others a file, such as -o json=FILE".into());
        }
        let files: Vec<_> = show.output.iter().filter_map(|output| output.file.as_ref()).collect();
        let twice = files.iter().enumerate().find(|(place, file)| files[..*place].contains(file));
        if let Some((_, file)) = twice {
            return Err(format!("-o: two formats go to {}; name another file", file.display()));
        }
        let wanted = show.output.iter().chain(if to_stdout == 0 { &stdout[..] } else { &[] });
        let mut sinks = vec![];
        for output in wanted {
            let sink = match output.file.clone() {
                None => Sink::Stdout,
                Some(file) => {
                    let name = file.display().to_string();
                    let said = name.clone();
                    let create = move || File::create(file).map_err(|e| format!("{said}: {e}"));
                    let opened = no_longer_than(wait, &name, create).await?;
                    Sink::File(name, RefCell::new(opened))
                }
            };
            sinks.push((output.format, sink));
        }
        Ok(Self {
            sinks: Rc::new(sinks),
            messages: checks::messages(),
            lang: show.lang.unwrap_or_else(locale),
            verbose: show.verbose,
            fix_as: show.fix_as,
            quiet: show.quiet,
            color: show.color,
            fail_on: show.fail_on,
            failed: Rc::default(),
        })
    }

    pub(crate) fn messages(&self) -> &'static Messages {
        self.messages
    }

    pub(crate) fn lang(&self) -> Lang {
        self.lang
    }

    /// Returns an empty run that keeps what these outputs show.
    pub(crate) fn new_run(&self) -> Run {
        Run::new(self.verbose > 0)
    }

    /// Returns whether any of the formats shows exchanges.
    pub(crate) fn want_exchanges(&self) -> bool {
        let events = self.sinks.iter().any(|(format, _)| *format == Format::Events);
        events || self.verbose > 0
    }

    /// Writes an event if an output wants events.
    pub(crate) fn event(&self, event: &Event) {
        // Plain data always serializes.
        let line = || serde_json::to_string(event).unwrap_or_default();
        self.sinks
            .iter()
            .filter(|(format, _)| *format == Format::Events)
            .for_each(|(_, sink)| self.write(sink, &format!("{}\n", line())));
    }

    /// Resolves a run into what these outputs show.
    pub(crate) fn present(&self, run: &Run) -> Presentation {
        let fail_on_warning = self.fail_on == Some(FailOn::Warning);
        let texts = (self.messages, self.lang);
        Presentation::called(called(), run, texts, fail_on_warning)
    }

    /// Writes the result and returns how the program exits.
    pub(crate) fn finish(&self, page: &Presentation) -> Exit {
        for target in &page.targets {
            let exit = if page.exit == Exit::Interrupted { page.exit } else { target.exit };
            self.event(&verdict(target, exit));
        }
        for (format, sink) in self.sinks.iter() {
            let stdout = matches!(sink, Sink::Stdout);
            match format {
                Format::Events => {}
                Format::Text => {
                    let width = if stdout { width() } else { WIDTH };
                    let color = stdout && colored(self.color);
                    let options = TextOptions {
                        verbose: self.verbose,
                        quiet: self.quiet,
                        fix_as: self.fix_as,
                        color,
                        width,
                    };
                    let page = text(page, self.messages, options);
                    let plain = stdout && is_plain_ascii();
                    self.write(sink, &if plain { ascii(&page) } else { page });
                }
                Format::Json => self.write(sink, &format!("{:#}\n", json(page))),
            }
        }
        if let Some(sentence) = self.failed.take() {
            print_error(&sentence);
            return Exit::CouldNotTell;
        }
        page.exit
    }

    /// Writes a sentence below the text on standard output, or to standard error where that is not
    /// for people.
    pub(crate) fn last_sentence(&self, sentence: &str) {
        let is_text = |(format, sink): &&(Format, Sink)| {
            *format == Format::Text && matches!(sink, Sink::Stdout)
        };
        match self.sinks.iter().find(is_text) {
            Some((_, sink)) => self.write(sink, &format!("\n{sentence}\n")),
            None => print_note(sentence),
        }
    }

    fn write(&self, sink: &Sink, text: &str) {
        let written = match sink {
            Sink::Stdout => write(text),
            Sink::File(name, file) => {
                let written = file.borrow_mut().write_all(text.as_bytes());
                written.map_err(|error| format!("{name}: {error}"))
            }
        };
        if let Err(sentence) = written {
            self.failed.borrow_mut().get_or_insert(sentence);
        }
    }
}

/// Returns the last event of a target: its verdict, in codes.
pub(crate) fn verdict(page: &TargetPage, exit: Exit) -> Event {
    let lines = |causes: &[CausePage]| {
        let line = |cause: &CausePage| VerdictLine {
            code: cause.told.code.clone(),
            step: cause.step.clone(),
            seen_from: cause.seen.iter().map(|(vantage, _)| vantage.clone()).collect(),
        };
        causes.iter().map(line).collect::<Vec<_>>()
    };
    Event {
        v: VERSION,
        at: Timestamp::now(),
        target: page.id.clone(),
        from: page.views.first().map(|view| view.from.clone()).unwrap_or_default(),
        kind: EventKind::Verdict {
            can: page.can.word().to_owned(),
            exit_code: exit as u8,
            causes: lines(&page.causes),
            could_not_tell: lines(&page.could_not_tell),
            warnings: lines(&page.warnings),
        },
    }
}
