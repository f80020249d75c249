//! `--wait`: looks again until the pull works, for as long as waiting can help.

use std::time::Duration;

use checks::kit::messages::Messages;
use tokio::time::{Instant, sleep};

use crate::{
    phrases::Phrase,
    present::{CausePage, Presentation},
    show::print_note,
    verdict::Outcome,
    wait::interrupted,
};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_secs(10);

/// What comes after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another look.
    Look,
    /// Nothing: the pull works, the time is up, or waiting cannot help.
    End,
    /// Nothing, because it was interrupted.
    Interrupted,
}

/// Waits for the next look. Says why it waits, and why not.
pub(super) async fn look_again(
    page: &Presentation,
    messages: &Messages,
    until: Option<Instant>,
) -> Next {
    let Some(until) = until else { return Next::End };
    let is_green = |can: Outcome| matches!(can, Outcome::Pull | Outcome::SignIn);
    let mut open = page.targets.iter().filter(|target| !is_green(target.can));
    let Some(target) = open.next() else { return Next::End };
    let reasons = || target.causes.iter().chain(&target.could_not_tell);
    let heals =
        |cause: &CausePage| messages.entries.get(&cause.told.code).is_some_and(|entry| entry.heals);
    let say = |phrase: Phrase, cause: &CausePage, left: Duration| {
        let (why, left) = (cause.told.title.as_str(), left.as_secs().to_string());
        print_note(&phrase.say(page.lang, &[("why", why), ("left", &left)]));
    };
    let (Some(first), left) = (reasons().next(), until.saturating_duration_since(Instant::now()))
    else {
        return Next::End;
    };
    if let Some(firm) = reasons().find(|cause| !heals(cause)) {
        say(Phrase::WaitingCannotHelp, firm, left);
        return Next::End;
    }
    if left.is_zero() {
        return Next::End;
    }
    say(Phrase::StillWaiting, first, left);
    tokio::select! {
        () = sleep(PAUSE.min(left)) => Next::Look,
        _ = interrupted() => Next::Interrupted,
    }
}
