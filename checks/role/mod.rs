//! May this identity pull from this registry, by the role assignments in force?
//!
//! `whose` says whose roles count, `examine` asks for what is assigned (`assigned`), and the evaluation
//! itself is pure. Role *definitions* are evaluated, never role names. What cannot be determined is
//! *unknown*, and makes the answer unknown only where it matters.
//!
//! Source of the evaluation order: Microsoft Learn, "How Azure RBAC determines if a user has access
//! to a resource": a deny assignment that applies blocks; otherwise the role assignments add up,
//! each as actions minus notActions, and a condition may exclude the request.

pub mod action;
mod assigned;
pub mod assignment;
pub mod condition;
pub mod definition;
pub mod deny;
pub mod evaluate;
mod examine;
mod federation;
mod grammar;
pub mod listing;
pub mod look_alikes;
mod problem;
pub mod propagation;
pub mod scope;
mod subject;
pub mod syntax;
#[cfg(test)]
mod tests;
pub mod truth;
mod whose;

pub use action::Mode;
pub use assignment::RoleAssignment;
pub use definition::RoleDefinition;
pub use deny::DenyAssignment;
pub use evaluate::{
    Access, Evaluation, Judged, Listed, Question, Refusal, Unclear, Verdict, evaluate,
};
pub use examine::{Authorized, examine, examine_federated};
pub use federation::{FederatedIdentity, federation};
pub use listing::Listing;
pub use look_alikes::{LookAlike, LookAlikeKind, MistakenIds, look_alikes};
pub use problem::Problem;
pub use propagation::{Advice, Change, advise};
pub use scope::Level;
pub use syntax::Condition;
pub use truth::Truth;
