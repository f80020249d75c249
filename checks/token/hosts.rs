//! The hosts that containerd asks for the content of an image, one after the other: mirrors, which get
//! no credentials of the registry here, and the registry.
//!
//! containerd goes on to the next host after a failed connection and after each status from 400
//! (core/remotes/docker/fetcher.go). It answers a 401 with the credentials of the registry, which is
//! not done here.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use super::{
    TOKEN_USER,
    answers::{Answer, BlobResponse, WantedBlob},
    authorization::ContentState,
    exchange::exchange_entra_token,
    session::{Mirror, Next, Session},
    words::SignedIn,
};
use crate::{
    identity::{Candidate, Credential},
    kit::{
        Cx, HostPurpose, Image, NoFact, StepResult,
        engine::Finding,
        net::{Reply, Request},
    },
    registry::{AuthScheme, RegistryClient},
};

impl Session {
    /// Returns an anonymous session with a mirror.
    pub(crate) fn with_mirror(
        client: RegistryClient,
        image: &Image,
        wants_credentials: Finding,
    ) -> Self {
        let mirror = Mirror { wants_credentials, incomplete: Cell::default() };
        Self {
            asked_by: client.host.clone(),
            client: Rc::new(client),
            identity: Candidate::anonymous(),
            authorization: RefCell::default(),
            sent: 1,
            content: ContentState::default(),
            signed_in: SignedIn::NotNeeded,
            granted: None,
            covers_pull: None,
            image: Some(image.clone()),
            refresh: None,
            auth_scheme: RefCell::new(AuthScheme::None),
            dated: None,
            mirror: Some(Rc::new(mirror)),
            next: None,
        }
    }

    /// Returns the session with the sign-in of the node's identity at this mirror itself, which its 401
    /// asked for: the kubelet has such a credential where its provider is told of the mirror.
    pub(crate) async fn signed_in_at_mirror(
        self,
        cx: &Cx,
        reply: Reply,
        who: &Candidate,
    ) -> StepResult<Self> {
        let wants_credentials = || self.mirror.as_ref().map(|it| it.wants_credentials.clone());
        let not_replayed = || wants_credentials().map_or(NoFact::LeftOut, NoFact::CouldNotTell);
        let scheme = AuthScheme::of(&reply).filter(|_| reply.host.is_same(&self.asked_by));
        // The response body is still on the connection that the next request may need.
        drop(reply);
        let (Some(AuthScheme::Bearer(wanted)), Credential::Entra(login)) =
            (scheme, &who.credential)
        else {
            return Err(not_replayed());
        };
        // Its sign-in is where that of any registry is, wherever it mirrors.
        let registry = Rc::new(RegistryClient::at(self.client.host.clone()));
        // Where that fails, containerd asks as anonymous, which some registries allow.
        let refresh = exchange_entra_token(cx, &registry, &wanted, who, login).await;
        let refresh = refresh.map_err(|_| not_replayed())?;
        let identity = who.with_refresh_token(TOKEN_USER, Some(refresh.clone()));
        let auth_scheme = RefCell::new(AuthScheme::Bearer(wanted.clone()));
        let session = Self { identity, auth_scheme, refresh: Some(refresh), ..self };
        let token = session.token(cx, &wanted).await?;
        // Its repository is below another name there.
        Ok(Self { covers_pull: None, ..session.with_token(&token) })
    }

    /// Returns the session, followed by what containerd asks next.
    pub(crate) fn then(self, next: Next) -> Self {
        Self { next: Some(Rc::new(next)), ..self }
    }

    /// Has it said once that this mirror does not serve some content, where containerd goes on to
    /// another host for it.
    pub(crate) fn expect_whole(&self, incomplete: Finding) {
        if let Some(mirror) = &self.mirror {
            mirror.incomplete.set(Some(incomplete));
        }
    }

    /// Requests something that may not exist, from one host after the other. Grades a refusal and
    /// every other response that has no meaning here.
    pub(crate) async fn get(&self, cx: &Cx, request: Request) -> StepResult<Answer<Reply>> {
        let mut host = self;
        loop {
            let answer = Box::pin(host.get_here(cx, request.clone())).await;
            match host.next_after(cx, &answer) {
                None => return answer,
                Some(Next::Host(next)) => host = next,
                Some(Next::NoHost(no_fact)) => return Err(no_fact.clone()),
            }
        }
    }

    /// Requests a blob. It uses GET, because a registry answers HEAD itself and the host that serves
    /// the bytes would not be tested. Where containerd may go on to another host, redirects are
    /// followed.
    pub(crate) async fn blob(
        &self,
        cx: &Cx,
        wanted: WantedBlob<'_>,
    ) -> StepResult<Answer<BlobResponse>> {
        if !self.is_on_the_way() {
            return self.blob_here(cx, wanted).await;
        }
        let mut host = self;
        loop {
            let answer = Box::pin(host.blob_to_its_end(cx, wanted)).await;
            match host.next_after(cx, &answer) {
                None => return answer,
                Some(Next::Host(next)) => host = next,
                Some(Next::NoHost(no_fact)) => return Err(no_fact.clone()),
            }
        }
    }

    /// Returns whether the registry has a blob; `None` if its response does not tell. Of several
    /// hosts only the first is asked: where it does not say yes, GET has to decide.
    pub(crate) async fn has_blob(&self, cx: &Cx, digest: &str) -> Option<bool> {
        let told = self.has_blob_here(cx, digest).await;
        if self.is_on_the_way() { Some(told == Some(true)) } else { told }
    }

    fn is_on_the_way(&self) -> bool {
        self.mirror.is_some() || self.next.is_some()
    }

    /// Requests a blob from this host, and from that which it redirects to.
    async fn blob_to_its_end(
        &self,
        cx: &Cx,
        wanted: WantedBlob<'_>,
    ) -> StepResult<Answer<BlobResponse>> {
        let (host, request) = match self.blob_here(cx, wanted).await? {
            Answer::Found(BlobResponse::Redirect(host, request)) => (host, *request),
            answer => return Ok(answer),
        };
        let ask = async || self.client.follow(cx, &host, &request, HostPurpose::Data).await;
        let reply = self.client.with_retries(cx, request.retries, ask).await?;
        Ok(match reply.status {
            // The reader of the last answer grades it.
            200 | 206 => Answer::Found(BlobResponse::Body(Box::new(reply))),
            _ if self.next.is_none() => Answer::Found(BlobResponse::Body(Box::new(reply))),
            _ => Answer::Missing(Box::new(reply)),
        })
    }

    /// Returns where containerd goes on to after an answer; `None` where it takes that one.
    fn next_after<T>(&self, cx: &Cx, answer: &StepResult<Answer<T>>) -> Option<&Next> {
        if !matches!(answer, Ok(Answer::Missing(_)) | Err(NoFact::Failed(_))) {
            return None;
        }
        let next = self.next.as_deref()?;
        let incomplete = self.mirror.as_ref().filter(|_| matches!(next, Next::Host(_)));
        if let Some(incomplete) = incomplete.and_then(|mirror| mirror.incomplete.take()) {
            cx.add_finding(incomplete);
        }
        Some(next)
    }
}
