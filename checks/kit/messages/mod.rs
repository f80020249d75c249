//! The messages: everything that people read, in each language, by code.
//!
//! The texts come from `findings.toml` of each area, `steps.toml`, `evidence.toml` and `modes.toml`. The
//! build script (`checks/build.rs`) makes static tables of them: nothing is parsed at run time.

mod lookup;
mod table;
mod template;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::kit::{
    engine::{Finding, Severity},
    keyring::RegistryAnswer,
};
pub use lookup::{Lookup, variables};
use lookup::{after, guarded};
pub use table::Table;
use template::{command, text};
pub use template::{every_part, word};

/// The languages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lang {
    /// English
    #[default]
    En,
    /// 한국어
    Ko,
}

/// A text in every language.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// English
    pub en: &'static str,
    /// 한국어
    pub ko: &'static str,
}

impl Text {
    /// Returns the text in that language.
    pub const fn of(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Ko => self.ko,
        }
    }
}

/// The messages of one code.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// How much a finding with this code matters.
    pub severity: Severity,
    /// The modes of the catalogue that it identifies, the likeliest first.
    pub modes: &'static [&'static str],
    /// The codes of symptoms that it causes.
    pub explains: &'static [&'static str],
    /// The version in which the code was retired; it stays known.
    pub retired: Option<&'static str>,
    /// Whether it may end without further action: by itself, or some time after its fix.
    pub heals: bool,
    /// Whether it is about content, so that what a digest names has it wherever it is served.
    pub any_host: bool,
    /// What it tells of the credential that was presented; nothing where it says neither yes nor no.
    pub answer: Option<RegistryAnswer>,
    /// One plain fact.
    pub title: Text,
    /// What was seen, where the title does not say it all: the first that can be filled is used.
    pub saw: &'static [Text],
    /// What it means, and what rules out the look-alike.
    pub why: Option<Text>,
    /// What to do, the least privilege first.
    pub fix: &'static [Fix],
}

/// One way to fix a problem.
#[derive(Clone, Copy, Debug)]
pub struct Fix {
    /// Who can do it: node | network | cluster-admin | registry-owner | identity-admin | developer
    pub who: &'static str,
    /// Whether it changes something; otherwise it only looks.
    pub changes: bool,
    /// What to do, in words.
    pub text: Text,
    /// The exact command. The look-ups of its variables are put before it.
    pub run: Option<&'static str>,
    /// The command that shows that it is fixed.
    pub verify: Option<&'static str>,
    /// The command that takes it back.
    pub undo: Option<&'static str>,
    /// The same change as Terraform has it, for a registry that Terraform manages.
    pub terraform: Option<&'static str>,
    /// How long until it works.
    pub takes: Option<Text>,
    /// Where to read on.
    pub docs: Option<&'static str>,
}

/// A fix with the real values filled in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilledFix {
    /// Who can do it.
    pub who: String,
    /// Whether it changes something; otherwise it only looks.
    pub changes: bool,
    /// Where the command works.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// What to do, in words.
    pub text: String,
    /// The exact command: one or more lines of bash or zsh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The command that shows that it is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<String>,
    /// Whether that asks for what this fix makes, so that it verifies no other.
    #[serde(skip)]
    pub verifies_only_this: bool,
    /// The command that takes it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// The same change as Terraform has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terraform: Option<String>,
    /// How long until it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takes: Option<String>,
    /// Where to read on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
}

/// The placeholder of a new name for what a fix creates.
const FRESH: &str = "{fresh}";
/// Evidence that counts bytes.
const SIZES: [&str; 4] = ["bytes", "config", "got", "of"];

/// Returns a number of bytes as people write it: `3.0 MiB`.
fn size(bytes: u64, lang: Lang) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let power = (bytes.max(1).ilog2() / 10).min(4);
    match (power, lang) {
        (0, Lang::En) => format!("{bytes} bytes"),
        (0, Lang::Ko) => format!("{bytes}바이트"),
        _ => {
            let tenths = (u128::from(bytes) * 10) >> (10 * power);
            format!("{}.{} {}", tenths / 10, tenths % 10, units[power as usize - 1])
        }
    }
}

/// Returns a time that has fractions of a second, without them; `None` for any other text.
fn whole_seconds(text: &str) -> Option<String> {
    let (seconds, fraction) = text.strip_suffix('Z')?.split_once('.')?;
    let is_time = fraction.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<jiff::Timestamp>().is_ok();
    is_time.then(|| format!("{seconds}Z"))
}

/// Where a command works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Where the Azure CLI is signed in. It looks in the subscription that it has selected.
    Az,
    /// Where kubectl reaches the cluster.
    Kubectl,
    /// Where both work.
    AzAndKubectl,
    /// On the node that pulls the image.
    Node,
    /// Where check-acr ran.
    Here,
}

impl Place {
    /// Tells where a command works from the programs that it runs.
    fn of(command: &str, who: &str) -> Self {
        let runs = |program: &str| {
            command.split(|c: char| c.is_whitespace() || "(;|&".contains(c)).any(|w| w == program)
        };
        match (runs("az"), runs("kubectl")) {
            (true, true) => Place::AzAndKubectl,
            (true, false) => Place::Az,
            (false, true) => Place::Kubectl,
            (false, false) if who == "node" => Place::Node,
            (false, false) => Place::Here,
        }
    }
}

/// The messages of one step.
#[derive(Clone, Copy, Debug)]
pub struct StepMessages {
    /// The question that the step answers.
    pub asks: Text,
    /// What to say when the step passed: the first that can be filled is used.
    pub passed: &'static [Text],
    /// The value of a pass that is worth a line of its own on the first page, if it is there.
    pub shown: Option<&'static str>,
    /// What the header of a page says of the pass instead, where it can be filled.
    pub head: Option<Text>,
}

/// One known way in which a pull fails.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// The part of the pull path that it belongs to.
    pub layer: &'static str,
    /// What is wrong, in a line.
    pub text: Text,
    /// An example of the event that the kubelet writes: many modes share one.
    pub kubelet: Option<&'static str>,
    /// The modes that it is most often mistaken for.
    pub alike: &'static [&'static str],
}

/// All messages.
#[derive(Clone, Copy, Debug)]
pub struct Messages {
    /// By code.
    pub entries: Table<Entry>,
    /// By name of step.
    pub steps: Table<StepMessages>,
    /// By word of evidence, such as `timed-out`.
    pub evidence: Table<Text>,
    /// By name of the variable that a command uses.
    pub lookups: Table<Lookup>,
    /// By slug.
    pub modes: Table<Mode>,
}

impl Messages {
    /// Returns the title of a finding, with its values filled in.
    pub fn title(&self, finding: &Finding, target: &Map<String, Value>, lang: Lang) -> String {
        let filled = self
            .entries
            .get(&finding.code)
            .and_then(|entry| self.fill(entry.title.of(lang), &[&finding.evidence, target], lang));
        // A recording of another version may hold a code or evidence that this version lacks.
        filled.unwrap_or_else(|| finding.code.clone())
    }

    /// Returns what was seen.
    pub fn saw(
        &self,
        finding: &Finding,
        target: &Map<String, Value>,
        lang: Lang,
    ) -> Option<String> {
        let texts = &self.entries.get(&finding.code)?.saw;
        texts.iter().find_map(|text| self.fill(text.of(lang), &[&finding.evidence, target], lang))
    }

    /// Returns what a finding means.
    pub fn why(
        &self,
        finding: &Finding,
        target: &Map<String, Value>,
        lang: Lang,
    ) -> Option<String> {
        let text = self.entries.get(&finding.code)?.why.as_ref()?;
        self.fill(text.of(lang), &[&finding.evidence, target], lang)
    }

    /// Returns what to do: the fixes whose values are all known.
    pub fn fixes(
        &self,
        finding: &Finding,
        target: &Map<String, Value>,
        lang: Lang,
    ) -> Vec<FilledFix> {
        let fixes = self.entries.get(&finding.code).map_or(&[][..], |entry| entry.fix);
        let values = [&finding.evidence, target];
        fixes.iter().filter_map(|fix| self.fix(fix, &values, lang)).collect()
    }

    /// Returns a fix with its values filled in; `None` when one is unknown.
    pub fn fix(&self, fix: &Fix, values: &[&Map<String, Value>], lang: Lang) -> Option<FilledFix> {
        let unfilled = self.unfilled(fix, lang);
        let filled = |template: Option<String>| match template {
            Some(template) => command(&template, values).map(Some),
            None => Some(None),
        };
        Some(FilledFix {
            text: self.fill(&unfilled.text, values, lang)?,
            run: filled(unfilled.run)?,
            verify: filled(unfilled.verify)?,
            undo: filled(unfilled.undo)?,
            // It is another form of the same fix, which is shown without it.
            terraform: unfilled.terraform.and_then(|it| command(&it, values)),
            ..unfilled
        })
    }

    /// Returns a fix as the catalogue has it: its look-ups before it, its placeholders unfilled.
    pub fn unfilled(&self, fix: &Fix, lang: Lang) -> FilledFix {
        let guarded = |command, changes| guarded(command, &self.lookups, changes);
        FilledFix {
            who: fix.who.to_owned(),
            changes: fix.changes,
            place: fix.run.map(|run| Place::of(&guarded(run, fix.changes), fix.who)),
            text: fix.text.of(lang).to_owned(),
            run: fix.run.map(|run| guarded(run, fix.changes)),
            verify: fix.verify.map(|verify| after(fix.run, verify, &self.lookups, false)),
            verifies_only_this: fix.verify.is_some_and(|verify| verify.contains(FRESH)),
            undo: fix.undo.map(|undo| guarded(undo, true)),
            terraform: fix.terraform.map(str::to_owned),
            takes: fix.takes.as_ref().map(|takes| takes.of(lang).to_owned()),
            docs: fix.docs.map(str::to_owned),
        }
    }

    /// Returns what a step says when it passed, of these values.
    pub fn passed(&self, step: &str, values: &[&Map<String, Value>], lang: Lang) -> String {
        let templates = self.steps.get(step).map_or(&[][..], |messages| messages.passed);
        let mut filled = templates.iter().filter_map(|t| self.fill(t.of(lang), values, lang));
        filled.next().unwrap_or_default()
    }

    /// Returns what the header of a page says of a step that passed.
    pub fn head(&self, step: &str, values: &[&Map<String, Value>], lang: Lang) -> String {
        let head = self.steps.get(step).and_then(|messages| messages.head);
        let head = head.and_then(|head| self.fill(head.of(lang), values, lang));
        head.unwrap_or_else(|| self.passed(step, values, lang))
    }

    /// Returns a template with its values filled in; `None` when one outside `[…]` is unknown.
    pub fn fill(
        &self,
        template: &str,
        values: &[&Map<String, Value>],
        lang: Lang,
    ) -> Option<String> {
        text(template, |name| {
            let value = values.iter().find_map(|values| values.get(name))?;
            match value.as_u64().filter(|_| SIZES.contains(&name)) {
                Some(bytes) => Some(size(bytes, lang)),
                None => self.value(value, lang),
            }
        })
    }

    /// Returns a value as people read it.
    fn value(&self, value: &Value, lang: Lang) -> Option<String> {
        match value {
            Value::Null => None,
            Value::String(text) => {
                Some(whole_seconds(text).unwrap_or_else(|| self.word(text, lang).to_owned()))
            }
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

    /// Returns a word of evidence in that language, and any other text as it is.
    pub fn word<'a>(&'a self, text: &'a str, lang: Lang) -> &'a str {
        self.evidence.get(text).map_or(text, |value| value.of(lang))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people() {
        let shown = |text| whole_seconds(text);
        assert_eq!(shown("2026-11-28T12:00:00.123456789Z").unwrap(), "2026-11-28T12:00:00Z");
        for other in ["2026-11-28T12:00:00Z", "v1.2Z", "contoso.azurecr.ioZ", "", "1.Z"] {
            assert_eq!(shown(other), None, "{other}");
        }
    }

    #[test]
    fn sizes_for_people() {
        for (bytes, wanted) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (3_147_769, "3.0 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(size(bytes, Lang::En), wanted);
        }
    }
}
