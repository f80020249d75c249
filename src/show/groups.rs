//! The pods that wait for an image, by cause: one block for each.

use checks::kit::{
    engine::Severity,
    keyring::RegistryAnswer,
    kube::{CredentialState, WaitingWorkload},
};
use colored::Colorize;

use super::{
    guidance::{first_fix, guidance},
    text::Page,
};
use crate::{
    phrases::Phrase,
    present::{CredentialLine, Group, GroupsPage},
};

/// Where the texts of a block begin, behind their labels.
const INDENT: usize = 10;
/// How many names of a kind are shown.
const MAX_SHOWN: usize = 5;

impl Page<'_> {
    /// Writes how many pods wait and for how many causes, and a block for each.
    pub(super) fn groups(&mut self, page: &GroupsPage) {
        let count = |severity| page.groups.iter().filter(|it| it.severity == severity).count();
        let of = |severity| {
            let groups = page.groups.iter().filter(|it| it.severity == severity);
            groups.map(|group| group.pods).sum::<usize>()
        };
        let (phrase, pods, can) = match page.running {
            Some(running) => (Phrase::RunningImages, running.images as u64, running.can),
            None => (Phrase::Waiting, page.waiting, 0),
        };
        let mut line = phrase.say(
            self.lang,
            &[
                ("pods", &pods.to_string()),
                ("can", &can.to_string()),
                ("causes", &count(Severity::Error).to_string()),
                ("asked", &page.looked_at),
            ],
        );
        let is_slow = |group: &&Group| group.told.code == "pod/pull-slow";
        let slow = page.groups.iter().filter(is_slow).map(|group| group.pods).sum::<usize>();
        for (pods, phrase) in [
            (of(Severity::CouldNotTell), Phrase::WaitingOpen),
            (slow, Phrase::WaitingSlowly),
            (of(Severity::Warning).saturating_sub(slow), Phrase::WaitingGone),
        ] {
            // A workload without a pod has none to count.
            if pods > 0 {
                line += &phrase.say(self.lang, &[("pods", &pods.to_string())]);
            }
        }
        let fails = count(Severity::Error) > 0;
        self.paper.hang("", 0, &line, |line| {
            if fails {
                line.red().bold()
            } else if page.groups.is_empty() {
                line.green().bold()
            } else {
                line.yellow().bold()
            }
        });
        for told in &page.hidden {
            let title = format!("{} [{}]", told.title, told.code);
            self.paper.hang(&format!("{}", "!".yellow()), 2, &title, |line| line.normal());
        }
        for (place, group) in page.groups.iter().enumerate() {
            if !self.options.quiet {
                self.paper.gap();
            }
            self.group(place + 1, group);
        }
    }

    fn group(&mut self, number: usize, group: &Group) {
        let told = &group.told;
        let title = format!("{} [{}]", told.title, told.code);
        let sign = match group.severity {
            Severity::Error => "✗".red().bold(),
            Severity::Warning => "!".yellow(),
            _ => "?".yellow(),
        };
        self.paper.hang(&format!("{number} {sign}"), 4, &title, |line| line.bold());
        if self.options.quiet {
            first_fix(&mut self.paper, told, self.lang, self.options.fix_as);
            return;
        }
        let pods = self.workloads(group);
        let images = self.some(&group.images);
        let mut asked: Vec<String> = vec![];
        for image in group.workloads.iter().filter_map(|it| it.asked.as_ref()) {
            if !asked.contains(image) {
                asked.push(image.clone());
            }
        }
        let templates = self.some(&asked);
        let mut held: Vec<String> = vec![];
        for it in group.workloads.iter().filter(|it| it.held_by.is_some()) {
            let policy = [("node", it.node.as_str()), ("policy", it.policy.as_str())];
            let text = Phrase::HeldBy.say(self.lang, &policy);
            if !held.contains(&text) {
                held.push(text);
            }
        }
        let held = self.some(&held);
        let seen = self.places(group.seen_from.iter());
        let is_open = group.severity == Severity::CouldNotTell;
        let suspects = match &group.suspects[..] {
            [] => String::new(),
            _ if !is_open => String::new(),
            names => {
                let values = [("list", self.some(names)), ("called", self.called.to_owned())];
                let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
                Phrase::MayBeOneOf.say(self.lang, &values)
            }
        };
        for (label, text) in [
            (Phrase::Pods, &pods),
            (Phrase::Image, &images),
            (Phrase::InTemplate, &templates),
            (Phrase::OnNode, &held),
            (Phrase::LookedFrom, &seen),
            (Phrase::KubeletSays, &group.said),
            (Phrase::MayBe, &suspects),
        ] {
            if !text.is_empty() {
                let label = format!("    {}", self.say(label));
                self.paper.hang(&label, 4 + INDENT, text, |line| line.normal());
            }
        }
        self.credentials(&group.credentials, 4);
        if let Some(saw) = told.saw.as_ref().filter(|_| group.severity == Severity::Error) {
            let label = format!("    {}", self.say(Phrase::Proof));
            self.paper.hang(&label, 4 + INDENT, saw, |line| line.normal());
        }
        if let Some(why) = &told.why {
            self.paper.hang("", 4, why, |line| line.normal());
        }
        if !group.besides.is_empty() && told.fixes.iter().any(|fix| fix.verify.is_some()) {
            let numbers: Vec<String> =
                group.besides.iter().map(|place| (place + 1).to_string()).collect();
            let values = [("image", group.told_of.as_str()), ("numbers", &numbers.join(", "))];
            let text = Phrase::VerifiesBoth.say(self.lang, &values);
            self.paper.hang("", 4, &text, |line| line.normal());
        }
        let shown = self.shown();
        guidance(&mut self.paper, told, self.lang, shown);
    }

    /// Writes what the pods and their nodes present, where the pods have credentials of their own.
    pub(super) fn credentials(&mut self, lines: &[CredentialLine], margin: usize) {
        let of_pods = lines.iter().any(|line| line.secret.is_some());
        if !of_pods && self.options.verbose == 0 {
            return;
        }
        let shown = if self.options.verbose > 0 { usize::MAX } else { MAX_SHOWN };
        for (place, line) in lines.iter().take(shown).enumerate() {
            let label = if place == 0 { self.say(Phrase::Presents) } else { "" };
            let text = self.credential(line);
            let label = format!("{:margin$}{label}", "");
            self.paper.hang(&label, margin + INDENT, &text, |line| line.normal());
        }
    }

    /// Says of the anonymous client whether the kubelet is one, and what it gets.
    fn anonymous(&self, line: &CredentialLine) -> String {
        let tried = match line.state {
            CredentialState::Last => format!(" ({})", self.say(Phrase::AnonymousLast)),
            CredentialState::PassedOver => format!(" ({})", self.say(Phrase::AnonymousPassedOver)),
            _ => String::new(),
        };
        let answer = match line.answer {
            Some(RegistryAnswer::Accepted) => Phrase::AnonymousServed,
            Some(RegistryAnswer::Refused) => Phrase::AnonymousRefused,
            _ => Phrase::CredentialNotSeen,
        };
        format!("{}{tried} → {}{}", self.say(Phrase::Anonymous), self.say(answer), codes(line))
    }

    fn credential(&self, line: &CredentialLine) -> String {
        if line.anonymous {
            return self.anonymous(line);
        }
        let who = match (&line.secret, &line.node) {
            (Some(secret), _) => match &line.key {
                Some(key) => format!("{secret} ({key})"),
                None => secret.clone(),
            },
            (None, node) => {
                let identity = line.identity.as_deref().unwrap_or_default();
                format!("{}: {identity}", node.as_deref().unwrap_or_default())
            }
        };
        let outcome = match (line.state, line.answer) {
            (CredentialState::Missing, _) => Phrase::CredentialMissing,
            (CredentialState::WrongType, _) => Phrase::CredentialWrongType,
            (CredentialState::Malformed, _) => Phrase::CredentialMalformed,
            (CredentialState::Empty, _) => Phrase::CredentialEmpty,
            (CredentialState::NoMatch, _) => Phrase::CredentialNoMatch,
            (CredentialState::NotRead, _) => Phrase::CredentialNotRead,
            // A node signs in by itself; whether the kubelet comes so far is another question.
            (_, Some(RegistryAnswer::Accepted)) if line.node.is_some() => Phrase::CredentialGets,
            (_, Some(RegistryAnswer::Accepted)) => Phrase::CredentialAccepted,
            (_, Some(RegistryAnswer::Refused)) => Phrase::CredentialRefused,
            (_, Some(RegistryAnswer::Expired)) => Phrase::CredentialExpired,
            (_, Some(RegistryAnswer::RefusedButAnonymous)) => Phrase::CredentialNotNeeded,
            (_, Some(RegistryAnswer::NotForRepository)) => Phrase::CredentialElsewhere,
            (_, None) if !line.codes.is_empty() => Phrase::CredentialInVain,
            (_, Some(RegistryAnswer::NotTried)) if line.node.is_some() => Phrase::CredentialNotSeen,
            (_, Some(RegistryAnswer::NotTried) | None) => Phrase::CredentialNotTried,
        };
        format!("{who} → {}{}", self.say(outcome), codes(line))
    }

    /// Names the workloads, each with its pods.
    fn workloads(&self, group: &Group) -> String {
        let names = group.workloads.iter().map(|it| self.workload(it)).collect::<Vec<_>>();
        let named = self.some(&names);
        if group.pods == 0 {
            return named;
        }
        let values = [("pods", group.pods.to_string()), ("nodes", group.nodes.to_string())];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        let count = Phrase::PodsOnNodes.say(self.lang, &values);
        if named.is_empty() { count } else { format!("{count}: {named}") }
    }

    fn workload(&self, it: &WaitingWorkload) -> String {
        let place = self.messages.word(it.place.into(), self.lang);
        let mut count = if it.count > 1 { format!(" ×{}", it.count) } else { String::new() };
        if it.alike > 0 {
            count += &Phrase::AndAlike.say(self.lang, &[("pods", &it.alike.to_string())]);
        }
        let name = if it.workload.starts_with("pod/") || it.count > 1 {
            it.workload.clone()
        } else {
            it.pods.first().map_or_else(|| it.workload.clone(), |pod| format!("pod/{pod}"))
        };
        format!("{}/{name}{count} ({place} {}, {})", it.namespace, it.container, it.reason)
    }

    /// Names the first of a list and counts the rest.
    fn some(&self, all: &[String]) -> String {
        let shown = if self.options.verbose > 0 { all.len() } else { MAX_SHOWN };
        let named = all.iter().take(shown).cloned().collect::<Vec<_>>().join(", ");
        match all.len().saturating_sub(shown) {
            0 => named,
            more => {
                Phrase::AndOthers.say(self.lang, &[("list", &named), ("count", &more.to_string())])
            }
        }
    }
}

/// Returns what was found when a node signed in, for the end of its line.
fn codes(line: &CredentialLine) -> String {
    match line.codes.as_slice() {
        [] => String::new(),
        codes => format!(" [{}]", codes.join(", ")),
    }
}
