//! Facts: what steps hand on, and how a step waits for those that it needs.

use std::rc::Rc;

use futures::{FutureExt, future::Shared};

use super::{
    cx::{Cx, Local},
    finding::{NoFact, StepResult},
    problem::Problem,
};

/// A value that a step will produce.
pub struct Fact<T> {
    pub(super) step: &'static str,
    pub(super) value: Shared<Local<StepResult<Rc<T>>>>,
}

impl<T> Clone for Fact<T> {
    fn clone(&self) -> Self {
        Self { step: self.step, value: self.value.clone() }
    }
}

impl<T: 'static> Fact<T> {
    /// Returns the fact of a step that does not apply.
    pub(super) fn skipped(step: &'static str) -> Self {
        let skipped = Err(NoFact::skipped(Problem::LeftOut {}));
        Self { step, value: std::future::ready(skipped).boxed_local().shared() }
    }

    /// Returns a fact that a step of an earlier plan handed on.
    pub fn known(step: &'static str, value: Rc<T>) -> Self {
        Self { step, value: std::future::ready(Ok(value)).boxed_local().shared() }
    }

    /// Waits for the fact; `None` where the step handed on none.
    pub async fn value(&self) -> Option<Rc<T>> {
        self.value.clone().await.ok()
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
