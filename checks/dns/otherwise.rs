//! Whether a name server that gives no address does so when it is asked otherwise: over UDP where
//! `use-vc` is set, else without EDNS. Go never asks otherwise (`net/dnsclient_unix.go`).

use std::net::SocketAddr;

use futures::future::join_all;
use hickory_proto::op::ResponseCode;

use super::{
    diagnose::{address, diagnose, failed},
    problem::Problem,
    resolver::{ServerAnswer, go_error},
};
use crate::kit::{
    Cx, Host,
    net::{
        Fault,
        dns::{Family, Reply, Transport, ask_over},
    },
};

/// Returns why no server gives an address of the name.
pub(super) async fn explain(cx: &Cx, host: &Host, name: &str, heard: &[ServerAnswer]) -> Problem {
    let use_tcp = cx.world.resolver.use_tcp;
    let may_differ = |heard: &&ServerAnswer| {
        heard.family == Family::V4 && differs_maybe(&heard.answer.heard, use_tcp)
    };
    let suspects: Vec<&ServerAnswer> = heard.iter().filter(may_differ).collect();
    let over = if use_tcp { Transport::Udp } else { Transport::WithoutEdns };
    let ask = |server: SocketAddr| ask_over(cx, server, name, Family::V4, over);
    let answers = join_all(suspects.iter().map(|heard| ask(heard.answer.server))).await;
    let gives = |reply: &Reply| reply.is_final() && !reply.addresses.is_empty();
    let differing = suspects
        .iter()
        .zip(&answers)
        .find(|(_, answer)| answer.heard.as_ref().is_ok_and(gives))
        .map(|(heard, _)| &heard.answer);
    let Some(usual) = differing else { return diagnose(cx, host, heard) };
    let (host, server) = (host.name.clone(), address(usual.server));
    let go = go_error(&usual.heard).to_owned();
    if use_tcp {
        return Problem::UseVcUnanswered { host, server, tried: failed(cx, heard), go };
    }
    let said = match &usual.heard {
        Ok(reply) => reply.word().to_owned(),
        Err(fault) => fault.word().to_owned(),
    };
    Problem::EdnsMishandled { host, server, said, go }
}

/// Returns whether a server that said this may say something else when it is asked otherwise.
fn differs_maybe(heard: &Result<Reply, Fault>, use_tcp: bool) -> bool {
    match heard {
        Ok(reply) => !use_tcp && reply.addresses.is_empty() && reply.code != ResponseCode::NXDomain,
        Err(Fault::NotDns | Fault::Other(_)) => true,
        Err(_) => use_tcp,
    }
}
