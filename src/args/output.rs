//! The options that say how a report is shown.

use std::path::PathBuf;

use checks::kit::messages::Lang;
use clap::{Args as ArgGroup, ValueEnum};

/// How to show what was found.
#[derive(ArgGroup, Clone, Debug)]
pub struct ShowArgs {
    /// text, json or events (a line each as they happen); with =FILE into a file (repeatable)
    #[arg(short, long = "output", value_name = "FORMAT[=FILE]", value_parser = output, help_heading = "Output")]
    pub output: Vec<Output>,
    /// The language: en or ko [default: that of the locale]
    #[arg(long, value_parser = lang, help_heading = "Output")]
    pub lang: Option<Lang>,
    /// When to exit with 1 although the image can be pulled: warning
    #[arg(long, value_name = "SEVERITY", help_heading = "Output")]
    pub fail_on: Option<FailOn>,
    /// Show every step, exchange and fix; twice, with the details of each exchange
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
    /// How to show what changes Azure: as commands of az, or as Terraform where a fix has that form
    #[arg(long, value_name = "FORM", default_value = "az", help_heading = "Output")]
    pub fix_as: FixForm,
    /// Show the verdict and the first fix alone
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,
    /// When to use colour: auto, always, never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        default_value_if("no_color", "true", "never"),
        help_heading = "Output"
    )]
    pub color: When,
    /// Use no colour
    #[arg(long, help_heading = "Output")]
    pub no_color: bool,
}

/// How to show a reference page.
#[derive(ArgGroup, Clone, Debug)]
pub(crate) struct ReferenceArgs {
    /// The language: en or ko [default: that of the locale]
    #[arg(long, value_parser = lang)]
    pub lang: Option<Lang>,
    /// text or json
    #[arg(short, long = "output", value_name = "FORMAT", default_value = "text")]
    pub output: ReferenceFormat,
}

/// How a reference page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReferenceFormat {
    /// For people.
    Text,
    /// One document.
    Json,
}

impl ReferenceArgs {
    /// Returns whether JSON is wanted.
    pub(crate) fn as_json(&self) -> bool {
        self.output == ReferenceFormat::Json
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The form of a fix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FixForm {
    /// Commands of the Azure CLI.
    #[default]
    Az,
    /// Resources of Terraform's azurerm provider.
    Terraform,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One document.
    Json,
    /// A line each, as they happen.
    Events,
}

/// What else is a failure.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum FailOn {
    /// A warning.
    Warning,
}

/// A format, and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The format.
    pub format: Format,
    /// `None` is standard output.
    pub file: Option<PathBuf>,
}

fn output(text: &str) -> Result<Output, String> {
    let (format, file) = match text.split_once('=') {
        Some((_, "")) => return Err("the file's name is missing after the =".into()),
        Some((format, file)) => (format, Some(file.into())),
        None => (text, None),
    };
    let format = match format {
        "text" => Format::Text,
        "json" => Format::Json,
        "events" => Format::Events,
        _ => return Err("a format is text, json or events".into()),
    };
    Ok(Output { format, file })
}

pub(super) fn lang(text: &str) -> Result<Lang, String> {
    match text {
        "en" => Ok(Lang::En),
        "ko" => Ok(Lang::Ko),
        _ => Err("a language is en or ko".into()),
    }
}
