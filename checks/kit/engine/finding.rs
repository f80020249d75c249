//! A finding: one problem, as a code and its evidence.
//!
//! Each area has an enum of its problems. A variant's name is the code, its fields are the
//! evidence, and its texts are in the area's `findings.toml`.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use strum::VariantNames;

use crate::kit::redact::sanitize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Matters only where it explains another finding; not shown otherwise.
    Hint,
    /// Why a step was skipped.
    Skip,
    /// Works now, but will cause a failure later.
    Warning,
    /// The result could not be determined.
    #[default]
    CouldNotTell,
    /// Pulls fail.
    Error,
}

/// Reads an unknown severity as *could not tell*, which neither proves nor excuses anything.
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

/// The problems that one area can report.
pub trait Findings: Serialize + VariantNames {
    /// The area's name: the part of a code before the slash.
    const AREA: &'static str;

    /// Returns how much a finding with that code matters.
    fn severity(code: &str) -> Severity;
}

/// A problem without prose, so that it can be shown in any language.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The code, `area/variant` in kebab case.
    pub code: String,
    /// How much it matters.
    #[serde(default)]
    pub severity: Severity,
    /// The evidence, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub evidence: Map<String, Value>,
}

impl Finding {
    /// Returns the code without the area's name.
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

/// The result of a check: a fact for the next steps, or why there is none.
pub type StepResult<T> = Result<T, NoFact>;

/// Why a step has no fact to hand on.
#[derive(Clone, Debug)]
pub enum NoFact {
    /// The check found a problem.
    Failed(Finding),
    /// The step does not apply here.
    Skipped(Finding),
    /// `--skip` excluded the step.
    LeftOut,
    /// An earlier step handed on no fact.
    Blocked {
        /// The name of that step.
        by: &'static str,
    },
    /// The result could not be determined, which says nothing about the registry.
    CouldNotTell(Finding),
}

impl NoFact {
    /// Returns that the step does not apply here, and why.
    pub fn skipped(why: impl Findings) -> Self {
        NoFact::Skipped(why.into())
    }

    /// Returns that the result could not be determined, and why.
    pub fn could_not_tell(why: impl Findings) -> Self {
        NoFact::CouldNotTell(why.into())
    }

    /// Returns how a step ends that needs the missing fact.
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
