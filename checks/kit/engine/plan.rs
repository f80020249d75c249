//! The plan: steps, connected by the facts that they hand on.
//!
//! A step starts as soon as its inputs are known. A step without an input is blocked, and names the
//! step that blocks it. Cycles cannot be written: a fact must exist before it can be used.

use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    rc::Rc,
    time::Duration,
};

use futures::{
    FutureExt,
    future::{Shared, join_all},
};
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    cx::{Cx, Listener, Local, millis},
    event::{EventKind, StepEnd},
    fact::{Check, Fact, Inputs},
    finding::{NoFact, StepResult},
    problem::Problem,
    vantage::Vantage,
};
use crate::kit::{redact::sanitize, target::Target, world::World};

/// What is known of a step before it runs.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The name: part of the public interface (`--only`, JSON).
    pub name: &'static str,
    /// The time limit. It is longer than every wait inside the step: exceeding it is our own bug.
    pub budget: Duration,
}

/// The steps of one run.
pub struct Plan {
    cx: Cx,
    left_out: BTreeSet<String>,
    steps: BTreeMap<&'static str, Planned>,
}

/// A step of a plan: the steps before it, and its end.
struct Planned {
    /// The steps before it, from whatever vantage.
    after: Vec<&'static str>,
    vantage: Rc<Vantage>,
    end: Shared<Local<()>>,
}

impl Plan {
    /// Returns an empty plan; `left_out` names the steps that `--skip` excludes.
    pub fn new(
        target: Target,
        vantage: Vantage,
        world: World,
        left_out: BTreeSet<String>,
        listener: Listener,
    ) -> Self {
        let cx = Cx {
            until: Cx::until(target.sign_in.time_limit),
            target_id: target.id().into(),
            vantage: Rc::new(vantage),
            target: Rc::new(target),
            world: Rc::new(world),
            step: "",
            background: Rc::default(),
            listener,
        };
        Self { cx, left_out, steps: BTreeMap::new() }
    }

    /// Sets the vantage of the steps that are added from now on.
    pub fn look_from(&mut self, vantage: Vantage) {
        self.cx.vantage = Rc::new(vantage);
    }

    /// Adds a step that runs `check` on `inputs`.
    pub fn step<In: Inputs, Out: Serialize + 'static>(
        &mut self,
        step: Step,
        inputs: In,
        check: impl Check<In::Values, Out>,
    ) -> Fact<Out> {
        self.add(step, inputs, check, Shown::Always)
    }

    fn add<In: Inputs, Out: Serialize + 'static>(
        &mut self,
        step: Step,
        inputs: In,
        check: impl Check<In::Values, Out>,
        shown: Shown,
    ) -> Fact<Out> {
        let cx = Cx { step: step.name, background: Rc::default(), ..self.cx.clone() };
        let mut after: Vec<&'static str> = vec![];
        for name in inputs.steps() {
            // A step never waits for one that is not in this plan.
            if !after.contains(&name) && self.steps.contains_key(name) {
                after.push(name);
            }
        }
        // A view shows its own steps; one of another vantage has no row there.
        let is_here = |name: &&&'static str| {
            self.steps.get(**name).is_some_and(|step| *step.vantage == *self.cx.vantage)
        };
        let named = after.iter().filter(is_here).map(|name| (*name).to_owned()).collect();
        let planned = EventKind::Planned { step: step.name.into(), after: named };
        let planned = match shown {
            Shown::Always => {
                cx.emit(planned);
                None
            }
            Shown::IfItRuns => Some(planned),
        };
        let left_out = self.left_out.contains(step.name);
        let kept = Rc::new(OnceCell::new());
        let (keeper, own) = (kept.clone(), cx.clone());
        let work = inputs.wait().map(move |values| {
            let keep = move |fact: Out| {
                let saw = saw(serde_json::to_value(&fact).unwrap_or_default());
                let _ = keeper.set(Rc::new(fact));
                saw
            };
            values.map(|values| check.run(own, values).map(|got| got.map(keep)).boxed_local())
        });
        let driven = drive(step, cx.clone(), work.boxed_local(), left_out, planned);
        // A step that passed has kept its fact.
        let fact = move |got: StepResult<()>| {
            got.and_then(|()| kept.get().cloned().ok_or(NoFact::LeftOut))
        };
        let value = driven.boxed_local().map(fact).boxed_local().shared();
        let end = finish_background(step, cx, value.clone().map(drop).boxed_local());
        let vantage = self.cx.vantage.clone();
        self.steps.insert(step.name, Planned { after, vantage, end: end.boxed_local().shared() });
        Fact { step: step.name, value }
    }

    /// Adds a step that is part of the plan only if it can apply; otherwise it is skipped without
    /// being shown.
    pub fn step_if<In: Inputs, Out: Serialize + 'static>(
        &mut self,
        arises: bool,
        step: Step,
        inputs: In,
        check: impl Check<In::Values, Out>,
    ) -> Fact<Out> {
        self.add_if(arises, step, inputs, check, Shown::Always)
    }

    /// Adds a step of which only its inputs say whether it applies: it is shown when it runs.
    pub fn late_step<In: Inputs, Out: Serialize + 'static>(
        &mut self,
        arises: bool,
        step: Step,
        inputs: In,
        check: impl Check<In::Values, Out>,
    ) -> Fact<Out> {
        self.add_if(arises, step, inputs, check, Shown::IfItRuns)
    }

    fn add_if<In: Inputs, Out: Serialize + 'static>(
        &mut self,
        arises: bool,
        step: Step,
        inputs: In,
        check: impl Check<In::Values, Out>,
        shown: Shown,
    ) -> Fact<Out> {
        if arises {
            return self.add(step, inputs, check, shown);
        }
        Fact::skipped(step.name)
    }

    /// Returns the fact if it is to be waited for, and otherwise one that does not apply.
    pub fn fact_if<T: 'static>(&self, arises: bool, fact: &Fact<T>) -> Fact<T> {
        // A step that is not waited for is not run for it, either.
        if arises { fact.clone() } else { Fact::skipped("") }
    }

    /// Returns the world that the steps examine.
    pub fn world(&self) -> &World {
        &self.cx.world
    }

    /// Returns the target that the steps examine.
    pub fn target(&self) -> &Target {
        &self.cx.target
    }

    /// Emits the first event: the target, the version of the tool, the host or pod that it runs on,
    /// and the labels of that node.
    pub fn announce(&self, tool: &str, host: Option<String>, labels: BTreeMap<String, String>) {
        let understood = self.cx.target.describe();
        self.cx.emit(EventKind::RunStarted { understood, tool: tool.into(), host, labels });
    }

    /// Runs the wanted steps and the steps that they need, and no others.
    pub async fn run(self, wanted: impl Fn(&str) -> bool) {
        let mut needed: Vec<_> = self.steps.keys().copied().filter(|name| wanted(name)).collect();
        let mut next = 0;
        while let Some(name) = needed.get(next) {
            let before = self.steps.get(name).map(|step| step.after.clone()).unwrap_or_default();
            needed.extend(
                before.into_iter().filter(|name| !needed.contains(name)).collect::<Vec<_>>(),
            );
            next += 1;
        }
        let ends = needed.iter().filter_map(|name| self.steps.get(name));
        join_all(ends.map(|step| step.end.clone())).await;
    }
}

/// Whether a step is shown where it does not run.
#[derive(Clone, Copy)]
enum Shown {
    Always,
    IfItRuns,
}

/// The work of a step once its inputs are known: it returns what it saw, and keeps its fact elsewhere.
type Work = Local<StepResult<Map<String, Value>>>;

/// Runs a step. `planned` is its first event, where that waits for the inputs. It knows nothing of inputs and
/// facts: there is one of it, and not one for each step.
async fn drive(
    step: Step,
    cx: Cx,
    work: Local<StepResult<Work>>,
    left_out: bool,
    planned: Option<EventKind>,
) -> StepResult<()> {
    let work = work.await;
    if let Some(planned) = planned {
        if let Err(no_fact) = work {
            return Err(no_fact);
        }
        cx.emit(planned);
    }
    let (got, took) = match work {
        _ if left_out => (Err(NoFact::LeftOut), Duration::ZERO),
        Err(no_fact) => (Err(no_fact), Duration::ZERO),
        Ok(work) => {
            cx.emit(EventKind::Started { step: step.name.into() });
            let began = Instant::now();
            let got = match timeout(step.budget, AssertUnwindSafe(work).catch_unwind()).await {
                Ok(Ok(got)) => got.map_err(|no_fact| cx.unless_unasked(no_fact)),
                Ok(Err(panic)) => {
                    Err(NoFact::could_not_tell(Problem::Panicked { said: said(&*panic) }))
                }
                Err(_) => {
                    Err(NoFact::could_not_tell(Problem::Overran { seconds: step.budget.as_secs() }))
                }
            };
            (got, began.elapsed())
        }
    };
    let (end, got) = match got {
        Ok(saw) => (StepEnd::Passed { saw }, Ok(())),
        Err(no_fact) => (ended(&cx, &no_fact), Err(no_fact)),
    };
    cx.emit(EventKind::Finished { step: step.name.into(), end, took_ms: millis(took) });
    got
}

/// Returns how a step ended that has no fact, and tells what was found.
fn ended(cx: &Cx, no_fact: &NoFact) -> StepEnd {
    match no_fact {
        NoFact::Failed(finding) => {
            cx.found(finding.clone());
            StepEnd::Failed
        }
        NoFact::Skipped(why) => StepEnd::Skipped { why: why.clone() },
        NoFact::LeftOut => StepEnd::Skipped { why: Problem::LeftOut {}.into() },
        NoFact::Blocked { by } => StepEnd::Blocked { by: (*by).into() },
        NoFact::CouldNotTell(why) => StepEnd::CouldNotTell { why: why.clone() },
    }
}

/// Waits for a step, and then for its background checks, for as long as the budget of the step.
async fn finish_background(step: Step, cx: Cx, done: Local<()>) {
    done.await;
    let until = Instant::now() + step.budget;
    loop {
        let rest = std::mem::take(&mut *RefCell::borrow_mut(&cx.background));
        if rest.is_empty() {
            return;
        }
        let rest = AssertUnwindSafe(join_all(rest)).catch_unwind();
        // The step itself has ended, so a failure in the background becomes a finding of its own.
        match timeout_at(until, rest).await {
            Ok(Ok(_)) => {}
            Ok(Err(panic)) => return cx.add_finding(Problem::Panicked { said: said(&*panic) }),
            Err(_) => return cx.add_finding(Problem::Overran { seconds: step.budget.as_secs() }),
        }
    }
}

/// Returns the fields of a fact: the evidence for a pass.
fn saw(mut fact: Value) -> Map<String, Value> {
    sanitize(&mut fact);
    match fact {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
