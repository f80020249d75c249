//! Why does a pod not start? What the kubelet's words say of a failed pull, and what they leave open.
//!
//! The words are a symptom: on a real kubelet, sixteen different faults print the same line. They
//! name suspects, and never more: what settles it is a pull from where the pod runs.

pub mod message;

pub use message::{Message, Phase, Presented};
