//! A finding: one thing that is wrong, as a code and the evidence for it.
//!
//! Each area has an enum of what can be wrong; a variant's name is the code, its
//! fields are the evidence, its words live in the area's `findings.toml`.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use strum::VariantNames;

use crate::kit::redact::sanitize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Matters only where it explains something else: not said otherwise.
    Hint,
    /// Why a question was not asked.
    Skip,
    /// Works, but will bite.
    Warning,
    /// Could not tell.
    #[default]
    CouldNotTell,
    /// Pulls fail.
    Error,
}

/// A severity that this version does not know is read as *could not tell*: it neither proves nor
/// excuses anything.
impl<'de> Deserialize<'de> for Severity {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = std::borrow::Cow::<str>::deserialize(from)?;
        Ok(match &*word {
            "hint" => Severity::Hint,
            "skip" => Severity::Skip,
            "warning" => Severity::Warning,
            "error" => Severity::Error,
            _ => Severity::CouldNotTell,
        })
    }
}

/// Everything one area can tell the reader.
pub trait Findings: Serialize + VariantNames {
    /// The area's name: the part of the code before the slash.
    const AREA: &'static str;

    /// Returns how much a finding with that code matters.
    fn severity(code: &str) -> Severity;
}

/// A problem as it travels: no prose, so that it can be shown in any language.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// `area/variant`, kebab-case.
    pub code: String,
    /// How much it matters.
    #[serde(default)]
    pub severity: Severity,
    /// What proves it, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub evidence: Map<String, Value>,
}

impl Finding {
    /// Its code without the area's name.
    pub fn name(&self) -> &str {
        self.code.split_once('/').map_or(&self.code, |(_, name)| name)
    }
}

impl<F: Findings> From<F> for Finding {
    fn from(problem: F) -> Self {
        let (name, evidence) = match serde_json::to_value(&problem) {
            Ok(Value::String(name)) => (name, Map::new()),
            Ok(Value::Object(one)) => match one.into_iter().next() {
                Some((name, Value::Object(fields))) => (name, fields),
                other => unreachable!("a problem has named fields: {other:?}"),
            },
            other => unreachable!("a problem is a plain enum: {other:?}"),
        };
        let mut evidence = Value::Object(evidence);
        sanitize(&mut evidence);
        let Value::Object(evidence) = evidence else { unreachable!("it stays an object") };
        let code = format!("{}/{name}", F::AREA);
        Finding { severity: F::severity(&code), code, evidence }
    }
}

/// What a check gives: a fact for the steps after it, or why there is none.
pub type StepResult<T> = Result<T, NoFact>;

/// Why a step has no fact to hand on.
#[derive(Clone, Debug)]
pub enum NoFact {
    /// The check found what is wrong.
    Failed(Finding),
    /// The question does not arise here.
    Skipped(Finding),
    /// `--skip` left it out.
    LeftOut,
    /// An earlier step gave no fact.
    Blocked {
        /// That step's name.
        by: &'static str,
    },
    /// We could not look: says nothing about the registry.
    CouldNotTell(Finding),
}

impl NoFact {
    /// The question does not arise here, and why.
    pub fn skipped(why: impl Findings) -> Self {
        NoFact::Skipped(why.into())
    }

    /// Could not tell, and why.
    pub fn could_not_tell(why: impl Findings) -> Self {
        NoFact::CouldNotTell(why.into())
    }

    /// How this end looks to a step that needed the fact.
    pub(super) fn pass_on(self, by: &'static str) -> Self {
        match self {
            NoFact::Skipped(why) => NoFact::Skipped(why),
            NoFact::LeftOut => NoFact::LeftOut,
            _ => NoFact::Blocked { by },
        }
    }
}

impl<F: Findings> From<F> for NoFact {
    fn from(problem: F) -> Self {
        NoFact::Failed(problem.into())
    }
}
