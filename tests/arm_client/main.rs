//! The client of Azure Resource Manager against servers that answer well, badly, or not at all: each
//! answer is read as what it is, in bounded time, and the token goes nowhere else.
#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that panics has failed, and says where"
)]

mod answers;
mod asking;
mod hostile;
mod network;
mod server;
mod sign_in;
