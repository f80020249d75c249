//! The plan: steps, connected by the facts that they hand on.
//!
//! A step starts as soon as its inputs are known. A step without an input is blocked, and names the
//! step that blocks it. Cycles cannot be written: a fact must exist before it can be used.

use std::{
    cell::RefCell,
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
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    cx::{Cx, Listener, Local, millis},
    event::{EventKind, StepEnd},
    finding::{NoFact, StepResult},
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

/// Problems with running a step at all.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Problem {
    /// `--skip` named it.
    LeftOut {},
    /// The check panicked: a bug in this program.
    Panicked {
        /// The panic message.
        said: String,
    },
    /// The check exceeded its own budget: a bug in this program.
    Overran {
        /// The budget in seconds.
        seconds: u64,
    },
    /// The run exceeded `--timeout`.
    TimeUp {
        /// The value of `--timeout` in seconds.
        seconds: u64,
    },
    /// Ctrl-C was pressed.
    Interrupted {},
}

/// A value that a step will produce.
pub struct Fact<T> {
    step: &'static str,
    value: Shared<Local<StepResult<Rc<T>>>>,
}

impl<T> Clone for Fact<T> {
    fn clone(&self) -> Self {
        Self { step: self.step, value: self.value.clone() }
    }
}

impl<T: 'static> Fact<T> {
    /// Returns the fact of a step that does not apply.
    fn skipped(step: &'static str) -> Self {
        let skipped = Err(NoFact::skipped(Problem::LeftOut {}));
        Self { step, value: std::future::ready(skipped).boxed_local().shared() }
    }

    /// Returns the fact as an option: `None` when its step was skipped because it does not apply.
    pub fn optional(&self) -> Fact<Option<Rc<T>>> {
        let value = self.value.clone().map(|got| match got {
            Ok(value) => Ok(Rc::new(Some(value))),
            // A step that `--skip` excluded does apply: then its result is unknown.
            Err(NoFact::Skipped(_)) => Ok(Rc::new(None)),
            Err(no_fact) => Err(no_fact),
        });
        Fact { step: self.step, value: value.boxed_local().shared() }
    }

    /// Returns this fact, or the other one where this fact's step does not apply.
    pub fn or(&self, other: &Fact<T>) -> Fact<T> {
        let (first, second) = (self.value.clone(), other.value.clone());
        let by = self.step;
        let value = async move {
            match first.await {
                Err(NoFact::Skipped(_)) => second.await,
                got => got.map_err(|no_fact| no_fact.pass_on(by)),
            }
        };
        Fact { step: other.step, value: value.boxed_local().shared() }
    }

    /// Returns how the step ended, as a fact: it is there even where the step handed on none. A step
    /// that uses it is never blocked by this one.
    pub fn settled(&self) -> Fact<StepResult<Rc<T>>> {
        let value = self.value.clone().map(|got| Ok(Rc::new(got)));
        Fact { step: self.step, value: value.boxed_local().shared() }
    }

    /// Returns one fact made of several, none of which blocks another.
    pub fn gather<In: Inputs>(inputs: In, gather: fn(In::Values) -> T) -> Self {
        let step = inputs.steps().last().copied().unwrap_or_default();
        let value = inputs.wait().map(move |got| got.map(|values| Rc::new(gather(values))));
        Fact { step, value: value.boxed_local().shared() }
    }

    /// Returns a part of the fact, as a fact of its own.
    pub fn part<P: 'static>(&self, part: fn(&T) -> StepResult<P>) -> Fact<P> {
        let value = self.value.clone().map(move |got| part(&*got?).map(Rc::new));
        Fact { step: self.step, value: value.boxed_local().shared() }
    }
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
        cx.emit(EventKind::Planned { step: step.name.into(), after: named });
        let left_out = self.left_out.contains(step.name);
        let value = drive(step, cx.clone(), inputs.wait(), check, left_out).boxed_local().shared();
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
        if arises {
            return self.step(step, inputs, check);
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

    /// Emits the first event: the target, the version of the tool, and the host or pod that it runs
    /// on.
    pub fn announce(&self, tool: &str, host: Option<String>) {
        let understood = self.cx.target.describe();
        self.cx.emit(EventKind::RunStarted { understood, tool: tool.into(), host });
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

async fn drive<Values, Out: Serialize + 'static>(
    step: Step,
    cx: Cx,
    inputs: Local<StepResult<Values>>,
    check: impl Check<Values, Out>,
    left_out: bool,
) -> StepResult<Rc<Out>> {
    let (got, took) = match inputs.await {
        _ if left_out => (Err(NoFact::LeftOut), Duration::ZERO),
        Err(no_fact) => (Err(no_fact), Duration::ZERO),
        Ok(values) => {
            cx.emit(EventKind::Started { step: step.name.into() });
            let began = Instant::now();
            let work = AssertUnwindSafe(check.run(cx.clone(), values)).catch_unwind();
            let got = match timeout(step.budget, work).await {
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
    let end = match &got {
        Ok(fact) => StepEnd::Passed { saw: saw(fact) },
        Err(NoFact::Failed(finding)) => {
            cx.found(finding.clone());
            StepEnd::Failed
        }
        Err(NoFact::Skipped(why)) => StepEnd::Skipped { why: why.clone() },
        Err(NoFact::LeftOut) => StepEnd::Skipped { why: Problem::LeftOut {}.into() },
        Err(NoFact::Blocked { by }) => StepEnd::Blocked { by: (*by).into() },
        Err(NoFact::CouldNotTell(why)) => StepEnd::CouldNotTell { why: why.clone() },
    };
    cx.emit(EventKind::Finished { step: step.name.into(), end, took_ms: millis(took) });
    got.map(Rc::new)
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
fn saw(fact: &impl Serialize) -> serde_json::Map<String, Value> {
    let mut saw = serde_json::to_value(fact).unwrap_or_default();
    sanitize(&mut saw);
    match saw {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// The facts that a step waits for.
pub trait Inputs {
    /// The values of those facts.
    type Values: 'static;
    /// Returns the steps that produce them.
    fn steps(&self) -> Vec<&'static str>;
    /// Waits for all of them.
    fn wait(self) -> Local<StepResult<Self::Values>>;
}

/// A check: any `async fn(&Cx, &A, &B, ...) -> StepResult<Out>`.
pub trait Check<Values, Out>: 'static {
    /// Runs the check.
    fn run(self, cx: Cx, values: Values) -> Local<StepResult<Out>>;
}

macro_rules! arity {
    ($($T:ident $t:ident),*) => {
        impl<$($T: 'static),*> Inputs for ($(&Fact<$T>,)*) {
            type Values = ($(Rc<$T>,)*);
            fn steps(&self) -> Vec<&'static str> {
                let ($($t,)*) = self;
                vec![$($t.step),*]
            }
            fn wait(self) -> Local<StepResult<Self::Values>> {
                let ($($t,)*) = self;
                $(let $t = ($t.step, $t.value.clone());)*
                Box::pin(async move {
                    Ok(($($t.1.await.map_err(|no_fact| no_fact.pass_on($t.0))?,)*))
                })
            }
        }
        impl<Checking, Out: 'static, $($T: 'static),*> Check<($(Rc<$T>,)*), Out> for Checking
        where
            Checking: AsyncFn(&Cx $(, &$T)*) -> StepResult<Out> + 'static,
        {
            fn run(self, cx: Cx, ($($t,)*): ($(Rc<$T>,)*)) -> Local<StepResult<Out>> {
                Box::pin(async move { self(&cx $(, &$t)*).await })
            }
        }
    };
}
arity!();
arity!(A a);
arity!(A a, B b);
arity!(A a, B b, C c);
arity!(A a, B b, C c, D d);
arity!(A a, B b, C c, D d, E e);
arity!(A a, B b, C c, D d, E e, F f);
arity!(A a, B b, C c, D d, E e, F f, G g);
arity!(A a, B b, C c, D d, E e, F f, G g, H h);
arity!(A a, B b, C c, D d, E e, F f, G g, H h, I i);
arity!(A a, B b, C c, D d, E e, F f, G g, H h, I i, J j, K k);
