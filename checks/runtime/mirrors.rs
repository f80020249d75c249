//! Which of containerd's hosts says what the image is, and which may serve it?
//!
//! Mirrors are asked over containerd's proxies and without credentials, but for the one at which the
//! kubelet's credential provider signs in: `--registry-mirror` names it. containerd goes on to the next
//! host after a failed connection and after each status from 400, but for a 401, which it answers
//! with the credentials of the registry. Source: containerd, core/remotes/docker: `resolver.go`,
//! `fetcher.go`.

use std::{cell::Cell, rc::Rc};

use futures::future::join_all;

use super::{
    asking::{Answer, Asking, Content, Miss, Said, not_asked},
    hosts_file::HostEntry,
    problem::{NotFollowed, Problem},
    way::{AtRegistry, Named, Way},
};
use crate::{
    identity::Identity,
    image::ImageTarget,
    kit::{Cx, Host, NoFact, StepResult, engine::RunProblem},
    manifest::Manifest,
    token::{Next, Session},
};

/// The hosts that containerd asks, in its order, and the file that names them.
pub struct List {
    pub(super) file: String,
    pub(super) links: Vec<Link>,
}

/// One of the hosts.
pub(super) enum Link {
    /// The registry itself.
    Registry,
    /// Another host.
    Mirror { host: Host, entry: Box<HostEntry> },
    /// A host with a URL that containerd may read in another way.
    Odd { written: String },
}

/// Asks the mirrors which image they have, all at once, and returns the way of the image: through
/// the hosts in containerd's order.
pub async fn ask(
    cx: &Cx,
    list: &Rc<List>,
    image_target: &ImageTarget,
    identity: &StepResult<Rc<Identity>>,
    session: &StepResult<Rc<Session>>,
    manifest: &StepResult<Rc<Manifest>>,
) -> StepResult<Way> {
    let asked = &image_target.asked;
    let Some(image) = &asked.image else {
        return Err(NoFact::skipped(RunProblem::LeftOut {}));
    };
    let (file, registry) = (list.file.as_str(), asked.registry.as_str());
    let login = identity.as_ref().ok().and_then(|identity| identity.at_mirror.as_ref());
    let asking = list.links.iter().map(|link| async move {
        match link {
            Link::Registry => of_registry(registry, session, manifest),
            Link::Mirror { host, entry } => {
                Asking { cx, file, host, entry, image, registry, login }.ask().await
            }
            Link::Odd { written } => not_asked(file, NotFollowed::OddUrl, written),
        }
    });
    let mut answers = join_all(asking).await;
    let is_registry_asked = list.links.iter().any(|link| matches!(link, Link::Registry));
    let named = name(cx, list, registry, &mut answers)?;
    let Some((named_by, named)) = named else {
        return Err(NoFact::skipped(Problem::LeftToRegistry { registry: registry.to_owned() }));
    };
    let may_serve = |(answer, link): (&Answer, &Link)| {
        !matches!(link, Link::Registry) && !matches!(answer.content, Content::None)
    };
    if !answers.iter().zip(&list.links).any(may_serve) {
        return Err(NoFact::skipped(Problem::NoMirrorAnswers { file: file.to_owned() }));
    }
    if let Named::ByMirror { mirror, .. } = &named {
        let (file, mirror_name) = (file.to_owned(), named_by.clone());
        mirror.expect_whole(Problem::MirrorIncomplete { file, mirror: mirror_name }.into());
    }
    // What containerd does where no host serves some content.
    let end = match session {
        _ if !is_registry_asked => Some(NoFact::from(Problem::RegistryNotAsked {
            file: file.to_owned(),
            registry: registry.to_owned(),
            tried: answers.iter().map(|answer| answer.host.clone()).collect(),
        })),
        Ok(_) => None,
        Err(_) => Some(NoFact::skipped(Problem::LeftToRegistry { registry: registry.to_owned() })),
    };
    let at_registry = manifest.as_ref().ok().map(|manifest| AtRegistry {
        registry: registry.to_owned(),
        digest: manifest.digest().to_owned(),
    });
    let session = chain(answers, end)?;
    let (file, named) = (file.to_owned(), Cell::new(Some(named)));
    Ok(Way { named_by, file, session, named, at_registry })
}

/// Returns what the earlier steps found at the registry.
fn of_registry(
    registry: &str,
    session: &StepResult<Rc<Session>>,
    manifest: &StepResult<Rc<Manifest>>,
) -> Answer {
    let said = match manifest {
        Ok(manifest) => Said::Has(Box::new(Named::ByRegistry {
            digest: manifest.digest().to_owned(),
            media_type: manifest.media_type().to_owned(),
        })),
        Err(NoFact::Failed(_) | NoFact::Blocked { .. }) => {
            Said::GoesOn { said: String::new(), how: Miss::Missing }
        }
        Err(_) => {
            let registry = registry.to_owned();
            Said::Ends(NoFact::skipped(Problem::LeftToRegistry { registry }))
        }
    };
    let content = match session {
        Ok(session) => Content::Asked(Box::new(Session::clone(session))),
        Err(_) => Content::None,
    };
    Answer { host: registry.to_owned(), said, content }
}

/// Returns the first host that has the image, and how it names it; `None` where that is left to the
/// registry, which failed.
fn name(
    cx: &Cx,
    list: &List,
    registry: &str,
    answers: &mut [Answer],
) -> StepResult<Option<(String, Named)>> {
    let is_registry_asked = list.links.iter().any(|link| matches!(link, Link::Registry));
    let (mut tried, mut failing, mut may_recover, mut named) = (vec![], vec![], None, None);
    for answer in answers.iter_mut() {
        let mirror = answer.host.clone();
        match std::mem::replace(&mut answer.said, Said::NotForTags) {
            Said::Has(by) if named.is_none() => named = Some((mirror, *by)),
            // A host that comes later is asked for content only.
            Said::Ends(no_fact) if named.is_none() => return Err(no_fact),
            Said::Has(_) | Said::Ends(_) => {}
            Said::NotForTags => tried.push(format!("{mirror}: capabilities")),
            Said::GoesOn { said, how } => {
                tried.push(format!("{mirror}: {said}"));
                // That a mirror lacks an image is as usual as that it has it.
                if how != Miss::Missing {
                    failing.push((mirror, said, how));
                }
            }
        }
    }
    for (mirror, said, how) in failing {
        let file = list.file.clone();
        if named.is_some() || is_registry_asked {
            cx.add_finding(Problem::MirrorFails { file, mirror, said });
        } else if how == Miss::MayRecover {
            may_recover.get_or_insert(Problem::MirrorUnclear { file, mirror, said });
        }
    }
    match (named, may_recover) {
        (None, _) if is_registry_asked => Ok(None),
        (None, Some(unclear)) => Err(NoFact::could_not_tell(unclear)),
        (None, None) => {
            let (file, registry) = (list.file.clone(), registry.to_owned());
            Err(Problem::RegistryNotAsked { file, registry, tried }.into())
        }
        (named, _) => Ok(named),
    }
}

/// Returns the session with the first host, which goes on to the others.
fn chain(answers: Vec<Answer>, end: Option<NoFact>) -> StepResult<Session> {
    let mut next = end.map(Next::NoHost);
    for answer in answers.into_iter().rev() {
        match answer.content {
            Content::None => {}
            Content::NotReplayed(no_fact) => next = Some(Next::NoHost(no_fact)),
            Content::Asked(session) => {
                next = Some(Next::Host(match next.take() {
                    Some(next) => Box::new(session.then(next)),
                    None => session,
                }));
            }
        }
    }
    match next {
        Some(Next::Host(session)) => Ok(*session),
        Some(Next::NoHost(no_fact)) => Err(no_fact),
        None => Err(NoFact::skipped(RunProblem::LeftOut {})),
    }
}
