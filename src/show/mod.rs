//! The only module that prints.

mod board;
mod glance;
mod groups;
mod guidance;
mod json_v1;
pub(crate) mod message;
mod outputs;
mod paper;
mod print;
mod progress;
pub(crate) mod reference;
mod terminal;
mod text;
mod views;

pub use json_v1::json;
pub(crate) use outputs::Outputs;
pub use print::say_where_it_panics;
pub(crate) use print::{print, print_error, print_note};
pub(crate) use progress::Progress;
pub(crate) use terminal::locale;
pub use text::{TextOptions, text};
