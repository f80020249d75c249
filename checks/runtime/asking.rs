//! Asks one mirror which image it has, as containerd does, but without the credentials of the registry.

use hyper::Method;
use tokio::time::{Instant, timeout};

use super::{
    hosts_file::HostEntry,
    problem::{NotFollowed, Problem},
    way::Named,
};
use crate::{
    identity::Candidate,
    kit::{
        Cx, Host, Image, NoFact, StepResult,
        engine::Finding,
        net::{ConnectError, Connection, Fault, OPEN_WAIT, Reply, Request, Stage, pool},
        redact::without_logins,
    },
    registry::{MirrorPath, RegistryClient},
    token::Session,
};

/// Headers that are credentials. They are not sent.
const CREDENTIALS: [&str; 2] = ["authorization", "cookie"];

/// A mirror, and what it is asked for.
pub(super) struct Asking<'a> {
    pub(super) cx: &'a Cx,
    /// The file that names it.
    pub(super) file: &'a str,
    pub(super) host: &'a Host,
    pub(super) entry: &'a HostEntry,
    pub(super) image: &'a Image,
    pub(super) registry: &'a str,
    /// The login server at which the node's credential provider signs in instead, and its identity.
    pub(super) login: Option<&'a (String, Candidate)>,
}

/// A host, and what it said.
pub(super) struct Answer {
    /// How it is called.
    pub(super) host: String,
    pub(super) said: Said,
    pub(super) content: Content,
}

/// How a host is asked for content.
pub(super) enum Content {
    /// In this session.
    Asked(Box<Session>),
    /// It certainly serves none.
    None,
    /// In a way that is not replayed.
    NotReplayed(NoFact),
}

/// What a host said when it was asked which image it has.
pub(super) enum Said {
    /// containerd goes on to the next host.
    GoesOn { said: String, how: Miss },
    /// It has the image.
    Has(Box<Named>),
    /// It is not asked for tags.
    NotForTags,
    /// It cannot be told.
    Ends(NoFact),
}

/// How a host does not have an image.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Miss {
    /// It does not have it.
    Missing,
    /// It fails.
    Fails,
    /// It fails now. Where it is the last host, containerd asks it again.
    MayRecover,
}

impl Asking<'_> {
    /// Asks the mirror.
    pub(super) async fn ask(self) -> Answer {
        let (opened, host) = self.open().await;
        let dead = |error: &ConnectError| Answer {
            host: host.to_string(),
            said: Said::GoesOn { said: error.fault.to_string(), how: Miss::Fails },
            content: Content::None,
        };
        match (&opened, self.not_replayed()) {
            (Err(error), _) if error.certain => return dead(error),
            (_, Some(what)) => return not_asked(self.file, what, &host.to_string()),
            _ => {}
        }
        let headers = self.entry.headers.clone();
        let path = MirrorPath::new(self.entry.path.clone(), self.registry, headers);
        let wants = self.wants_credentials(&host);
        let name = host.to_string();
        let (open, unclear) = match opened {
            Ok(connection) => (Some(connection), None),
            Err(error) => (None, Some(self.unclear(&name, error.fault.to_string()))),
        };
        let client = RegistryClient::of_mirror(host.clone(), path, open);
        let session = Session::with_mirror(client, self.image, wants);
        let is_asked = self.entry.pulls && (self.entry.resolves || self.image.is_digest());
        let (said, session) = match unclear {
            _ if !is_asked => (Said::NotForTags, session),
            Some(no_fact) => (Said::Ends(no_fact), session),
            None => self.head(&name, session).await,
        };
        Answer { host: name, said, content: Content::Asked(Box::new(session)) }
    }

    /// Opens a connection. With any setting of TLS, containerd tries TLS first on a host that is
    /// written without it, and goes without it only where the host answers in plain HTTP
    /// (`NewHTTPFallback`).
    async fn open(&self) -> (Result<Connection, ConnectError>, Host) {
        let host = self.host.clone();
        if self.entry.tries_tls() {
            let port = self.entry.port.unwrap_or(443);
            let secure = Host { plain: false, port, ..host.clone() };
            match self.connect(&secure).await {
                Err(ConnectError { stage: Stage::Tls, fault: Fault::NotTls, .. }) => {}
                // Without a port in the URL, the other one may answer.
                Err(ConnectError { stage: Stage::Tcp, .. }) if self.entry.port.is_none() => {}
                opened => return (opened, secure),
            }
        }
        (self.connect(&host).await, host)
    }

    async fn connect(&self, host: &Host) -> Result<Connection, ConnectError> {
        let began = Instant::now();
        let opened = connect(self.cx, host).await;
        let Some(most) = self.entry.dial_timeout else { return opened };
        match opened {
            // TLS is not part of what containerd waits for.
            Ok(_) if began.elapsed() > most => {
                Err(ConnectError { stage: Stage::Tcp, fault: Fault::TimedOut, certain: false })
            }
            Err(error)
                if error.stage == Stage::Tcp
                    && error.fault == Fault::TimedOut
                    && began.elapsed() > most =>
            {
                Err(ConnectError { certain: true, ..error })
            }
            opened => opened,
        }
    }

    /// Returns why the mirror is not asked as containerd asks it.
    fn not_replayed(&self) -> Option<NotFollowed> {
        let is_credential =
            |name: &str| CREDENTIALS.iter().any(|known| name.eq_ignore_ascii_case(known));
        if !self.entry.client.is_empty() {
            Some(NotFollowed::ClientCertificate)
        } else if self.entry.headers.iter().any(|(name, _)| is_credential(name)) {
            Some(NotFollowed::ExtraHeaders)
        } else {
            None
        }
    }

    /// Asks which image it has. Returns the session as well: with a sign-in, where the kubelet has a
    /// credential for this host.
    async fn head(&self, mirror: &str, session: Session) -> (Said, Session) {
        let reply = self.heads(&session).await;
        let login = self.login.filter(|(host, _)| *host == self.host.name && !self.host.plain);
        let (reply, session) = match (reply, login) {
            (Ok(reply), Some((_, who))) if reply.status == 401 => {
                match session.clone().signed_in_at_mirror(self.cx, reply, who).await {
                    Ok(signed) => (self.heads(&signed).await, signed),
                    Err(no_fact) => (Err(no_fact), session),
                }
            }
            (reply, _) => (reply, session),
        };
        (self.said(mirror, reply, &session), session)
    }

    async fn heads(&self, session: &Session) -> StepResult<Reply> {
        let Image { repository, reference } = self.image;
        let ask = async |method: Method| {
            let request = Request::manifest(method, repository, reference);
            session.ask(self.cx, request).await
        };
        match ask(Method::HEAD).await {
            Ok(reply) if reply.status == 405 => ask(Method::GET).await,
            reply => reply,
        }
    }

    fn said(&self, mirror: &str, reply: StepResult<Reply>, session: &Session) -> Said {
        match reply {
            Err(NoFact::Failed(finding)) => {
                Said::GoesOn { said: words(&finding), how: Miss::MayRecover }
            }
            Err(NoFact::CouldNotTell(finding)) => Said::Ends(self.unclear(mirror, words(&finding))),
            Err(other) => Said::Ends(other),
            Ok(head) => match head.status {
                200..300 => {
                    let mirror = Box::new(session.clone());
                    Said::Has(Box::new(Named::ByMirror { mirror, head: Box::new(head) }))
                }
                401 => Said::Ends(NoFact::CouldNotTell(self.wants_credentials(self.host))),
                404 => Said::GoesOn { said: "HTTP 404".into(), how: Miss::Missing },
                status @ (408 | 429 | 500..) => {
                    Said::GoesOn { said: format!("HTTP {status}"), how: Miss::MayRecover }
                }
                status @ 400.. => Said::GoesOn { said: format!("HTTP {status}"), how: Miss::Fails },
                status => Said::Ends(self.unclear(mirror, format!("HTTP {status}"))),
            },
        }
    }

    fn wants_credentials(&self, host: &Host) -> Finding {
        let (file, registry) = (self.file.to_owned(), self.registry.to_owned());
        Problem::MirrorWantsCredentials { file, mirror: host.to_string(), registry }.into()
    }

    fn unclear(&self, mirror: &str, said: String) -> NoFact {
        let (file, mirror) = (self.file.to_owned(), mirror.to_owned());
        NoFact::could_not_tell(Problem::MirrorUnclear { file, mirror, said })
    }
}

/// Returns that a host would have to be asked in a way that is not replayed.
pub(super) fn not_asked(file: &str, what: NotFollowed, written: &str) -> Answer {
    let (file, written) = (file.to_owned(), written.to_owned());
    let host = without_logins(&written);
    let no_fact = NoFact::could_not_tell(Problem::NotReplayed { file, what, written });
    Answer { host, said: Said::Ends(no_fact.clone()), content: Content::NotReplayed(no_fact) }
}

async fn connect(cx: &Cx, host: &Host) -> Result<Connection, ConnectError> {
    let late = ConnectError { stage: Stage::Tcp, fault: Fault::TimedOut, certain: false };
    timeout(OPEN_WAIT, pool::as_containerd(cx, host)).await.unwrap_or(Err(late))
}

/// Returns what a finding says in short.
fn words(finding: &Finding) -> String {
    let fault = finding.evidence.get("fault").and_then(serde_json::Value::as_str);
    let is_silent = finding.evidence.contains_key("seconds");
    let silent = is_silent.then(|| Fault::TimedOut.word().to_owned());
    fault.map(str::to_owned).or(silent).unwrap_or_else(|| finding.name().to_owned())
}
