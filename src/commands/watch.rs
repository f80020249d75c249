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
    let open: Vec<_> = page.targets.iter().filter(|target| !is_green(target.can)).collect();
    let reasons = || open.iter().flat_map(|it| it.causes.iter().chain(&it.could_not_tell));
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

#[cfg(test)]
mod tests {
    use checks::kit::{engine::Event, messages::Lang};

    use super::*;
    use crate::report::Run;

    /// Returns a page on which the pull fails with that code.
    fn page(code: &str) -> Presentation {
        let line = |rest: &str| {
            let at = r#""v":1,"at":"2026-11-28T12:00:00Z","target":"contoso.azurecr.io/app","from":"here""#;
            Event::read(format!("{{{at},{rest}}}").as_bytes()).unwrap()
        };
        let events = [
            line(r#""event":"run-started","understood":{"image":"app:latest"},"tool":"0""#),
            line(r#""event":"planned","step":"challenge","after":[]"#),
            line(&format!(
                r#""event":"found","step":"challenge","finding":{{"code":"{code}","severity":"error"}}"#
            )),
            line(r#""event":"finished","step":"challenge","end":{"is":"failed"},"took_ms":1"#),
        ];
        Presentation::of(&Run::of(&events), checks::messages(), Lang::En, false)
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_for_what_may_heal_and_for_nothing_else() {
        let began = Instant::now();
        let until = Some(began + PAUSE + PAUSE / 2);
        let next = async |code| look_again(&page(code), checks::messages(), until).await;
        assert_eq!(next("manifest/image-tag-not-found").await, Next::End);
        assert_eq!(began.elapsed(), Duration::ZERO, "no wait");
        assert_eq!(next("registry/network-rules").await, Next::Look);
        assert_eq!(began.elapsed(), PAUSE);
        // The last look is at the end of the time, and then there is none.
        assert_eq!(next("registry/network-rules").await, Next::Look);
        assert_eq!(next("registry/network-rules").await, Next::End);
        assert_eq!(look_again(&page("registry/outage"), checks::messages(), None).await, Next::End);
    }
}
