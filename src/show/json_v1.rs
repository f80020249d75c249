//! The document of `-o json`, version 1. `docs/report.schema.json` describes it.
//!
//! These types are the wire format and nothing else, so that internal changes do not affect
//! programs that read it.

use std::collections::BTreeMap;

use checks::compared::Separator;
use checks::kit::{
    engine::{Severity, Vantage},
    kube::WaitingWorkload,
    messages::{FilledFix, Lang},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    present::{
        CausePage, CredentialLine, FindingPage, Group, GroupsPage, Presentation, Running, StepPage,
        TargetPage, ViewPage,
    },
    verdict::{Outcome, StepStatus},
};

/// The version of the document.
const VERSION: u8 = 1;

type Values = Map<String, Value>;

#[derive(Serialize)]
struct Document<'a> {
    v: u8,
    tool: Tool<'a>,
    lang: &'static str,
    started_at: Option<Timestamp>,
    took_ms: u64,
    exit_code: u8,
    targets: Vec<TargetPart<'a>>,
    /// Where the run began from pods: those that wait, by cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pods: Option<Pods<'a>>,
}

#[derive(Serialize)]
struct Pods<'a> {
    looked_at: &'a str,
    waiting: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<Running>,
    groups: Vec<GroupPart<'a>>,
}

#[derive(Serialize)]
struct GroupPart<'a> {
    severity: Severity,
    code: &'a str,
    title: &'a str,
    step: &'a str,
    pods: usize,
    nodes: usize,
    images: &'a [String],
    workloads: &'a [WaitingWorkload],
    seen_from: Vec<String>,
    credentials: &'a [CredentialLine],
    said: &'a str,
    suspects: &'a [String],
}

#[derive(Serialize)]
struct Tool<'a> {
    version: &'a str,
}

#[derive(Serialize)]
struct TargetPart<'a> {
    target: &'a Values,
    /// Taken from the first view.
    from: Option<&'a Vantage>,
    host: Option<&'a str>,
    identity: Option<&'a str>,
    verdict: Verdict<'a>,
    /// The first step that passed in one of this machine, a node and a pod on it, and failed in
    /// another.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_difference: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    credentials: &'a [CredentialLine],
    views: Vec<View<'a>>,
}

#[derive(Serialize)]
struct Verdict<'a> {
    can: Outcome,
    exit_code: u8,
    headline: &'a str,
    causes: Vec<Cause<'a>>,
    could_not_tell: Vec<Cause<'a>>,
    warnings: Vec<Cause<'a>>,
}

#[derive(Serialize)]
struct Cause<'a> {
    code: &'a str,
    severity: Severity,
    modes: &'a [&'static str],
    title: &'a str,
    saw: Option<&'a str>,
    why: Option<&'a str>,
    evidence: &'a Values,
    step: &'a str,
    seen: Vec<Seen<'a>>,
    fixes: &'a [FilledFix],
    consequences: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    separators: &'a [Separator],
}

#[derive(Serialize)]
struct Seen<'a> {
    from: &'a Vantage,
    evidence: &'a Values,
}

#[derive(Serialize)]
struct View<'a> {
    from: &'a Vantage,
    host: Option<&'a str>,
    identity: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    can: Outcome,
    steps: Vec<Step<'a>>,
}

#[derive(Serialize)]
struct Step<'a> {
    name: &'a str,
    asks: Option<&'a str>,
    after: &'a [String],
    end: StepStatus,
    took_ms: u64,
    findings: Vec<Finding<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    saw: Option<&'a Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Reason<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    code: &'a str,
    severity: Severity,
    #[serde(skip_serializing_if = "Map::is_empty")]
    evidence: &'a Values,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<&'a str>,
}

#[derive(Serialize)]
struct Reason<'a> {
    code: &'a str,
    title: &'a str,
    evidence: &'a Values,
}

/// Builds the document.
pub fn json(page: &Presentation) -> Value {
    let document = Document {
        v: VERSION,
        tool: Tool { version: &page.tool },
        lang: match page.lang {
            Lang::En => "en",
            Lang::Ko => "ko",
        },
        started_at: page.started_at,
        took_ms: page.took_ms,
        exit_code: page.exit as u8,
        targets: page.targets.iter().map(target).collect(),
        pods: page.groups.as_ref().map(pods),
    };
    // Plain data always serializes.
    serde_json::to_value(document).unwrap_or_default()
}

fn pods(page: &GroupsPage) -> Pods<'_> {
    let groups = page.groups.iter().map(group).collect();
    let GroupsPage { looked_at, waiting, running, .. } = page;
    Pods { looked_at, waiting: *waiting, running: *running, groups }
}

fn group(group: &Group) -> GroupPart<'_> {
    GroupPart {
        severity: group.severity,
        code: &group.told.code,
        title: &group.told.title,
        step: &group.step,
        pods: group.pods,
        nodes: group.nodes,
        images: &group.images,
        workloads: &group.workloads,
        seen_from: group.seen_from.iter().map(ToString::to_string).collect(),
        credentials: &group.credentials,
        said: &group.said,
        suspects: &group.suspects,
    }
}

fn target(page: &TargetPage) -> TargetPart<'_> {
    let first = page.views.first();
    TargetPart {
        target: &page.target,
        from: first.map(|view| &view.from),
        host: first.and_then(|view| view.host.as_deref()),
        identity: first.and_then(|view| view.identity.as_deref()),
        verdict: Verdict {
            can: page.can,
            exit_code: page.exit as u8,
            headline: &page.headline,
            causes: page.causes.iter().map(cause).collect(),
            could_not_tell: page.could_not_tell.iter().map(cause).collect(),
            warnings: page.warnings.iter().map(cause).collect(),
        },
        first_difference: page.side_by_side.as_ref().and_then(|it| it.first_difference.as_deref()),
        credentials: &page.credentials,
        views: page.views.iter().map(view).collect(),
    }
}

fn cause(page: &CausePage) -> Cause<'_> {
    let told = &page.told;
    let seen = page.seen.iter().map(|(from, evidence)| Seen { from, evidence });
    Cause {
        code: &told.code,
        severity: told.severity,
        modes: told.modes,
        title: &told.title,
        saw: told.saw.as_deref(),
        why: told.why.as_deref(),
        evidence: &told.evidence,
        step: &page.step,
        seen: seen.collect(),
        fixes: &told.fixes,
        consequences: &page.consequences,
        separators: &page.separators,
    }
}

fn view(page: &ViewPage) -> View<'_> {
    View {
        from: &page.from,
        host: page.host.as_deref(),
        identity: page.identity.as_deref(),
        labels: &page.labels,
        can: page.can,
        steps: page
            .steps
            .iter()
            .filter(|step| step.status != StepStatus::Unfinished || step.is_cut_short)
            .map(step)
            .collect(),
    }
}

fn step(page: &StepPage) -> Step<'_> {
    Step {
        name: &page.name,
        asks: page.asks.as_deref(),
        after: &page.after,
        end: page.status,
        took_ms: page.took_ms,
        findings: page.findings.iter().map(finding).collect(),
        saw: page.saw(),
        by: page.by.as_deref(),
        why: page.reason.as_ref().map(|why| Reason {
            code: &why.code,
            title: &why.title,
            evidence: &why.evidence,
        }),
    }
}

fn finding(page: &FindingPage) -> Finding<'_> {
    Finding {
        code: &page.told.code,
        severity: page.told.severity,
        evidence: &page.told.evidence,
        because: page.because.as_deref(),
    }
}
