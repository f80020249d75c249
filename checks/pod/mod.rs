//! Why does a pod not start? Which containers wait for an image, what the kubelet's words say of it,
//! and what they leave open.
//!
//! The words are a symptom: on a real kubelet, sixteen different faults print the same line. They
//! name suspects, and never more: what settles it is a pull from where the pod runs.

mod admission;
mod credentials;
mod find;
mod fold;
mod manifests;
pub mod message;
mod named;
mod objects;
pub mod on_node;
pub mod own;
mod pace;
mod parts;
mod planned;
mod problem;
mod said;
mod symptom;
mod template;
mod unheard;
mod without_pods;

pub use admission::{Admitted, TriedAdmission, try_admission};
pub use credentials::Declared;
pub use find::find;
pub use fold::images_of;
pub use manifests::{PodTemplate, pod_templates};
pub use message::{Cited, Message, Phase, Presented, Writer};
pub use named::{ImageUse, NamedImages};
pub use pace::{Measured, SlowPull, spelled};
pub use parts::{OwnSecret, Refused, Tried};
pub use planned::{PlannedPods, plan};
pub use problem::Problem;
