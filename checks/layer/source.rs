//! Requests a blob from where a container runtime gets it: from the registry, or from the host that it
//! redirects to.

use std::cell::{Cell, RefCell};

use super::{Blobs, problem::Problem, refusal};
use crate::{
    kit::{
        Host, HostPurpose, NoFact, StepResult,
        net::{Reply, Request},
    },
    manifest::Blob,
    token::BlobResponse,
};

impl Blobs<'_> {
    pub(super) async fn rest(&self, blob: &Blob, from: u64) -> StepResult<Reply> {
        let source = blob.ask_from(self.cx, self.session, from).await?;
        Ok(self.open(blob, source, from).await?.1)
    }

    /// Returns the response that carries the blob, from the registry or from the host that it
    /// redirects to.
    pub(super) async fn open(
        &self,
        blob: &Blob,
        source: BlobResponse,
        from: u64,
    ) -> StepResult<(String, Reply)> {
        let (cx, session) = (self.cx, self.session);
        // containerd repeats the whole way, which may lead to another host the next time.
        let sent = match source {
            BlobResponse::Redirect(_, ref request) => request.retries,
            BlobResponse::Body(reply) => {
                return self.accept(reply.host.to_string(), *reply, blob, None).await;
            }
        };
        let (source, led) = (Cell::new(Some(source)), RefCell::new(None));
        let ask = async || {
            let source = match source.take() {
                Some(source) => source,
                None => blob.ask_from(cx, session, from).await?,
            };
            let (reply, to) = match source {
                BlobResponse::Body(reply) => (*reply, None),
                BlobResponse::Redirect(host, request) => {
                    let request = Request { from, ..*request };
                    let data = HostPurpose::Data;
                    let reply = session.client().follow(cx, &host, &request, data).await?;
                    (reply, Some((host, request)))
                }
            };
            led.replace(to);
            Ok(reply)
        };
        let reply = session.client().with_retries(cx, sent, ask).await?;
        if let Some(elsewhere) = session.asked_elsewhere(&reply) {
            return Err(elsewhere);
        }
        let Some((host, request)) = led.take() else {
            let host = reply.host.to_string();
            return self.accept(host, reply, blob, None).await;
        };
        if request.authorization.is_some() && matches!(reply.status, 400..=403) {
            return Err(self.unwanted(reply, &host, &request, blob).await);
        }
        self.accept(host.to_string(), reply, blob, Some(&request.target)).await
    }

    /// Returns why a host refuses a request that carries the registry's credentials, as a runtime
    /// sends them to the registry's own name and to names below it. A signed URL is often refused
    /// only because it needs none.
    async fn unwanted(&self, reply: Reply, host: &Host, request: &Request, blob: &Blob) -> NoFact {
        let (cx, client, target) = (self.cx, self.session.client(), &request.target);
        let bare = Request {
            authorization: None,
            signed_in: None,
            origin: None,
            url_login: None,
            ..request.clone()
        };
        let status = reply.status;
        let said = refusal::words(reply).await;
        match client.follow(cx, host, &bare, HostPurpose::Data).await {
            Ok(served) if matches!(served.status, 200 | 206) => {
                let (registry, host) = (client.host.to_string(), host.to_string());
                Problem::AuthorizationUnwanted { registry, host, status, said }.into()
            }
            Ok(refused) => refusal::grade(cx, refused, blob, Some(target)).await,
            Err(no_fact) => no_fact,
        }
    }

    async fn accept(
        &self,
        host: String,
        reply: Reply,
        blob: &Blob,
        target: Option<&str>,
    ) -> StepResult<(String, Reply)> {
        match reply.status {
            200 | 206 => Ok((host, reply)),
            _ => Err(refusal::grade(self.cx, reply, blob, target).await),
        }
    }
}
