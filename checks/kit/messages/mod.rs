//! The words: codes to text, per language. Everything that a person reads comes from here.

mod template;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kit::engine::{Finding, RunProblem, Severity};
use template::{command, text};

/// An area as the words and the tests see it.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    /// The part of a code before the slash.
    pub name: &'static str,
    /// The names of its problems: the part of a code after the slash.
    pub problems: &'static [&'static str],
    /// Its `findings.toml`.
    pub messages: &'static str,
}

/// What can go wrong with running a step at all, whatever its area.
pub const RUN: Area = Area {
    name: "run",
    problems: <RunProblem as strum::VariantNames>::VARIANTS,
    messages: include_str!("../engine/findings.toml"),
};

/// The languages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English
    #[default]
    En,
    /// 한국어
    Ko,
}

/// A text in every language; a plain string stands for all of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// Names and signs: the same in every language.
    Same(String),
    /// One for each.
    Each {
        /// English
        en: String,
        /// 한국어
        ko: String,
    },
}

impl Text {
    /// The text in that language.
    pub fn of(&self, lang: Lang) -> &str {
        let text = match (self, lang) {
            (Text::Same(text), _) => text,
            (Text::Each { en, .. }, Lang::En) => en,
            (Text::Each { ko, .. }, Lang::Ko) => ko,
        };
        text.trim()
    }
}

/// The words of one code.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// How much it matters.
    #[serde(deserialize_with = "known_severity")]
    pub severity: Severity,
    /// The catalogue's modes that it settles, the likeliest first.
    #[serde(default)]
    pub modes: Vec<String>,
    /// Codes of symptoms that this is the cause of.
    #[serde(default)]
    pub explains: Vec<String>,
    /// The version in which it was retired; the code stays known.
    pub retired: Option<String>,
    /// One plain fact.
    pub title: Text,
    /// What was seen, where the title does not say it all: the first that can be filled is used.
    #[serde(default, deserialize_with = "one_or_many")]
    pub saw: Vec<Text>,
    /// What it means and what told it apart.
    pub why: Option<Text>,
    /// What to do, the least privilege first.
    #[serde(default)]
    pub fix: Vec<Fix>,
}

/// Who does what.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fix {
    /// node | network | cluster-admin | registry-owner | identity-admin | developer
    pub who: String,
    /// Whether the command changes anything.
    #[serde(default)]
    pub changes: bool,
    /// What to do, in words.
    pub text: Text,
    /// The exact command.
    pub run: Option<String>,
    /// The command that shows that it is fixed.
    pub verify: Option<String>,
    /// How to take it back.
    pub undo: Option<String>,
    /// How long until it works.
    pub takes: Option<Text>,
    /// Where to read on.
    pub docs: Option<String>,
}

/// A fix with the real values in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilledFix {
    /// Who does it.
    pub who: String,
    /// Whether the command changes anything.
    pub changes: bool,
    /// What to do.
    pub text: String,
    /// The command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The command that shows that it is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<String>,
    /// How to take it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// How long until it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takes: Option<String>,
    /// Where to read on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// The words of a step.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepMessages {
    /// Its question.
    pub asks: Text,
    /// What is said when it passed, the fullest first: the first that can be filled is used.
    pub passed: Vec<Text>,
}

/// One known way a pull fails.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mode {
    /// The part of the pull path that it belongs to.
    pub layer: String,
    /// What is wrong, in a line.
    pub en: String,
    /// 무엇이 문제인지 한 줄로.
    pub ko: String,
    /// The modes that it is most often taken for.
    #[serde(default)]
    pub alike: Vec<String>,
}

/// All words.
pub struct Messages {
    /// By code.
    pub entries: BTreeMap<String, Entry>,
    /// By step.
    pub steps: BTreeMap<String, StepMessages>,
    /// By word of evidence: `timed-out`.
    pub evidence: BTreeMap<String, Text>,
    /// By slug.
    pub modes: BTreeMap<String, Mode>,
}

/// A file of words that does not parse.
#[derive(Debug)]
pub struct MessagesError(String);

impl std::fmt::Display for MessagesError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the messages do not parse: {}", self.0)
    }
}

impl std::error::Error for MessagesError {}

impl Messages {
    /// Reads the files of words.
    pub fn load(
        areas: &[Area],
        steps: &str,
        evidence: &str,
        modes: &str,
    ) -> Result<Self, MessagesError> {
        let mut entries = BTreeMap::new();
        for area in areas {
            for (name, entry) in parse::<BTreeMap<String, Entry>>(area.name, area.messages)? {
                entries.insert(format!("{}/{name}", area.name), entry);
            }
        }
        Ok(Self {
            entries,
            steps: parse("steps", steps)?,
            evidence: parse("evidence", evidence)?,
            modes: parse("modes", modes)?,
        })
    }

    /// What a finding says, with its values in it.
    pub fn title(&self, finding: &Finding, target: &Map<String, Value>, lang: Lang) -> String {
        let filled = self
            .entries
            .get(&finding.code)
            .and_then(|entry| self.fill(entry.title.of(lang), &[&finding.evidence, target], lang));
        // A recording of another version may hold a code or evidence that this one lacks.
        filled.unwrap_or_else(|| finding.code.clone())
    }

    /// What was seen.
    pub fn saw(
        &self,
        finding: &Finding,
        target: &Map<String, Value>,
        lang: Lang,
    ) -> Option<String> {
        let texts = &self.entries.get(&finding.code)?.saw;
        texts.iter().find_map(|text| self.fill(text.of(lang), &[&finding.evidence, target], lang))
    }

    /// What it means.
    pub fn why(
        &self,
        finding: &Finding,
        target: &Map<String, Value>,
        lang: Lang,
    ) -> Option<String> {
        let text = self.entries.get(&finding.code)?.why.as_ref()?;
        self.fill(text.of(lang), &[&finding.evidence, target], lang)
    }

    /// What to do: the fixes whose values are all known.
    pub fn fixes(
        &self,
        finding: &Finding,
        target: &Map<String, Value>,
        lang: Lang,
    ) -> Vec<FilledFix> {
        let fixes = self.entries.get(&finding.code).map_or(&[][..], |entry| &entry.fix);
        let values = [&finding.evidence, target];
        fixes.iter().filter_map(|fix| self.fix(fix, &values, lang)).collect()
    }

    /// A fix with its values in it; `None` when one is unknown.
    pub fn fix(&self, fix: &Fix, values: &[&Map<String, Value>], lang: Lang) -> Option<FilledFix> {
        let maybe = |template: &Option<String>| match template {
            Some(template) => Some(Some(command(template, values)?)),
            None => Some(None),
        };
        Some(FilledFix {
            who: fix.who.clone(),
            changes: fix.changes,
            text: self.fill(fix.text.of(lang), values, lang)?,
            run: maybe(&fix.run)?,
            verify: maybe(&fix.verify)?,
            undo: maybe(&fix.undo)?,
            takes: fix.takes.as_ref().map(|takes| takes.of(lang).to_owned()),
            docs: fix.docs.clone(),
        })
    }

    /// What a step says when it passed.
    pub fn passed(
        &self,
        step: &str,
        saw: &Map<String, Value>,
        target: &Map<String, Value>,
        lang: Lang,
    ) -> String {
        let templates = self.steps.get(step).map_or(&[][..], |messages| &messages.passed);
        let mut filled =
            templates.iter().filter_map(|t| self.fill(t.of(lang), &[saw, target], lang));
        filled.next().unwrap_or_default()
    }

    /// A template with its placeholders filled; `None` when a value outside of `[…]` is missing.
    pub fn fill(
        &self,
        template: &str,
        values: &[&Map<String, Value>],
        lang: Lang,
    ) -> Option<String> {
        text(template, |name| {
            let value = values.iter().find_map(|values| values.get(name))?;
            self.value(value, lang)
        })
    }

    /// A value as people read it.
    fn value(&self, value: &Value, lang: Lang) -> Option<String> {
        match value {
            Value::Null => None,
            Value::String(text) => Some(self.word(text, lang).to_owned()),
            Value::Array(items) if items.is_empty() => Some(self.word("none", lang).to_owned()),
            Value::Array(items) => {
                let items: Option<Vec<_>> = items.iter().map(|v| self.value(v, lang)).collect();
                Some(items?.join(", "))
            }
            Value::Object(fields) => {
                let fields: Option<Vec<_>> = fields.values().map(|v| self.value(v, lang)).collect();
                Some(fields?.join(": "))
            }
            other => Some(other.to_string()),
        }
    }

    /// A word of evidence in that language; other texts as they are.
    pub fn word<'a>(&'a self, text: &'a str, lang: Lang) -> &'a str {
        self.evidence.get(text).map_or(text, |value| value.of(lang))
    }
}

/// Recordings may hold a severity of another version; our own messages may not.
fn known_severity<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Severity, D::Error> {
    let word = String::deserialize(from)?;
    let known = [
        ("hint", Severity::Hint),
        ("skip", Severity::Skip),
        ("warning", Severity::Warning),
        ("could-not-tell", Severity::CouldNotTell),
        ("error", Severity::Error),
    ];
    let known = known.iter().find(|(name, _)| *name == word).map(|(_, severity)| *severity);
    known.ok_or_else(|| serde::de::Error::custom(format!("{word} is not a severity")))
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Text>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Texts {
        One(Text),
        Many(Vec<Text>),
    }
    Texts::deserialize(from).map(|texts| match texts {
        Texts::One(text) => vec![text],
        Texts::Many(texts) => texts,
    })
}

fn parse<T: for<'de> Deserialize<'de>>(name: &str, text: &str) -> Result<T, MessagesError> {
    toml::from_str(text).map_err(|error| MessagesError(format!("{name}: {error}")))
}
