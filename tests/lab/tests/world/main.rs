//! The lab, looked at from outside and held against what was recorded of the real things.

mod client;
mod dns;
mod hosts;
mod registry;
mod scenarios;
