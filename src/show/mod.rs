//! The only module that prints.

mod json;
mod phrases;
mod progress;
mod reference;
mod text;

use std::{
    cell::RefCell,
    env,
    fs::File,
    io::{self, ErrorKind, IsTerminal, Write},
    rc::Rc,
    time::Duration,
};

use checks::kit::{
    engine::Event,
    messages::{Lang, Messages, Text},
};
pub use json::json;
pub use phrases::PHRASES;
pub(crate) use progress::Progress;
pub(crate) use reference::{codes, explain, explain_mode, modes};
pub use text::{TextOptions, text};

use crate::{
    Exit, Report, Verdict,
    args::{FailOn, Format, Output, ShowArgs},
    wait::no_longer_than,
};

/// How wide prose is where there is no terminal.
const WIDTH: usize = 100;

/// Where the result goes, and how it is to look.
#[derive(Clone)]
pub(crate) struct Outputs {
    sinks: Rc<Vec<(Format, Sink)>>,
    messages: &'static Messages,
    lang: Lang,
    verbose: u8,
    fail_on: Option<FailOn>,
    /// The first thing that went wrong with writing, other than a reader that went away.
    failed: Rc<RefCell<Option<String>>>,
}

enum Sink {
    Stdout,
    File(String, RefCell<File>),
}

impl Outputs {
    /// Opens the files now: a run whose result cannot be kept need not begin. One may be a pipe that
    /// nobody reads.
    pub(crate) async fn open(show: &ShowArgs, wait: Duration) -> Result<Self, String> {
        let stdout = [Output { format: Format::Text, file: None }];
        let to_stdout = show.output.iter().filter(|output| output.file.is_none()).count();
        if to_stdout > 1 {
            return Err("only one format can go to standard output; give the others a file, such as -o json=FILE".into());
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

    /// Writes an event where events are wanted.
    pub(crate) fn event(&self, event: &Event) {
        for (_, sink) in self.sinks.iter().filter(|(format, _)| *format == Format::Events) {
            // An event is plain data: it always serialises.
            let line = serde_json::to_string(event).unwrap_or_default();
            self.write(sink, &format!("{line}\n"));
        }
    }

    /// Folds the events, writes the result, and says how the program ends.
    pub(crate) fn finish(&self, events: &[Event]) -> Exit {
        let report = Report::of(events);
        let verdict = Verdict::of(&report, self.messages);
        for (format, sink) in self.sinks.iter() {
            let stdout = matches!(sink, Sink::Stdout);
            match format {
                Format::Events => {}
                Format::Text => {
                    let width = if stdout { width() } else { WIDTH };
                    let (lang, verbose, color) = (self.lang, self.verbose, stdout && colored());
                    let look = TextOptions { lang, verbose, color, width };
                    self.write(sink, &text(&report, &verdict, self.messages, look));
                }
                Format::Json => {
                    let json = json(&report, &verdict, self.messages, self.lang);
                    self.write(sink, &format!("{json:#}\n"));
                }
            }
        }
        if let Some(sentence) = self.failed.take() {
            print_error(&sentence);
            return Exit::CouldNotTell;
        }
        if events.iter().any(is_interruption) {
            return Exit::Interrupted;
        }
        verdict.exit(self.fail_on == Some(FailOn::Warning))
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

fn is_interruption(event: &Event) -> bool {
    event.finding().is_some_and(|why| why.code == "run/interrupted")
}

/// Prints a result.
pub(crate) fn print(text: &str) {
    if let Err(sentence) = write(text) {
        print_error(&sentence);
    }
}

/// Says on standard error what keeps us from doing what was asked.
pub(crate) fn print_error(sentence: &str) -> Exit {
    // Whoever does not listen to this either cannot be told.
    let _ = writeln!(io::stderr(), "check-acr: {sentence}");
    Exit::Usage
}

/// Makes a panic say where it was and not what it said: that may hold a secret. The report has the words
/// of a check's panic, without the secrets.
pub fn say_where_it_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        print_error(&format!("this is a defect of check-acr, at {place}"));
    }));
}

fn write(text: &str) -> Result<(), String> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // `| head -1` has what it wanted.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(format!("standard output: {error}")),
        Ok(()) => Ok(()),
    }
}

/// Whether standard output takes colour (the conventions of no-color.org).
fn colored() -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !set("NO_COLOR") && !is_dumb()
}

/// How wide prose is: as wide as the terminal, within what can be read.
fn width() -> usize {
    if !io::stdout().is_terminal() {
        return WIDTH;
    }
    textwrap::termwidth().clamp(60, 120)
}

/// Lines of that width, broken between words: an id broken at its hyphens could not be pasted.
fn whole_words(width: usize) -> textwrap::Options<'static> {
    textwrap::Options::new(width).word_splitter(textwrap::WordSplitter::NoHyphenation)
}

fn is_dumb() -> bool {
    env::var_os("TERM").is_none_or(|term| term == "dumb")
}

/// The locale's language.
pub(crate) fn locale() -> Lang {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_MESSAGES")).or_else(|| set("LANG"));
    if locale.is_some_and(|locale| locale.starts_with("ko")) { Lang::Ko } else { Lang::En }
}

/// The report's own words: everything that is not about a finding.
struct Phrases(&'static [(&'static str, Text)]);

impl Phrases {
    fn load() -> Self {
        Self(PHRASES)
    }

    /// A phrase with its values in it.
    fn say(&self, name: &str, lang: Lang, values: &[(&str, &str)]) -> String {
        let found = self.0.iter().find(|(known, _)| *known == name);
        let template = found.map_or(name, |(_, text)| text.of(lang));
        values.iter().fold(template.to_owned(), |said, (name, value)| {
            said.replace(&format!("{{{name}}}"), value)
        })
    }
}
