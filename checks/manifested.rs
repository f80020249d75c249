//! What manifests say of those who name an image, as findings beside what a pull of it shows.

use crate::{
    kit::{
        engine::Finding,
        target::{ManifestUses, NamedBy},
    },
    pod::Problem,
};

/// Returns that somebody who names the image never pulls it.
pub fn never_pulls(uses: &ManifestUses) -> Option<Finding> {
    of(uses.never.as_ref(), Problem::ManifestNeverPulls)
}

/// Returns that all who pull the image present pull secrets, which were not tried.
pub fn secrets_not_tried(uses: &ManifestUses) -> Option<Finding> {
    of(uses.secrets.as_ref(), Problem::ManifestSecretsNotTried)
}

/// Returns that it may be no image.
pub fn is_uncertain(uses: &ManifestUses) -> Option<Finding> {
    of(uses.guessed.as_ref(), Problem::ManifestImageUncertain)
}

/// Returns that some values were not checked.
pub fn not_checked(uses: &ManifestUses) -> Option<Finding> {
    of(uses.others.as_ref(), Problem::ManifestValuesNotChecked)
}

fn of(named: Option<&NamedBy>, problem: fn(NamedBy) -> Problem) -> Option<Finding> {
    named.cloned().map(problem).map(Finding::from)
}
