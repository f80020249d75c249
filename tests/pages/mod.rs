//! How much room the pages take.

use check_acr::{FixForm, TextOptions, text};

use super::{messages, played};

/// Commands and links may be wider: they are to be pasted.
#[test]
fn no_line_is_wider_than_the_terminal() {
    for played in played() {
        for page in &played.pages {
            let target = &page.targets[0];
            let causes = target.causes.iter().chain(&target.could_not_tell).chain(&target.warnings);
            let fixes: Vec<_> = causes.flat_map(|cause| &cause.told.fixes).collect();
            let parts = |fix: &checks::kit::messages::FilledFix| {
                [fix.run.clone(), fix.undo.clone(), fix.verify.clone(), fix.docs.clone()]
            };
            let pasted: Vec<String> = fixes.iter().flat_map(|fix| parts(fix)).flatten().collect();
            for width in [60, 80] {
                let options = TextOptions {
                    verbose: 0,
                    quiet: false,
                    fix_as: FixForm::Az,
                    color: false,
                    width,
                };
                for line in text(page, messages(), options).lines() {
                    let is_wide = textwrap::core::display_width(line) > width;
                    // Behind its label, without the backslash of a broken line.
                    let bare = line.trim_end_matches('\\').trim();
                    let bare = bare.split_once("  ").map_or(bare, |(_, rest)| rest.trim());
                    assert!(
                        !is_wide || pasted.iter().any(|command| command.contains(bare)),
                        "{}: {width}: {line}",
                        played.name
                    );
                }
            }
        }
    }
}

/// The first glance at the commonest failures: a terminal of 24 rows shows all of it.
#[test]
fn the_commonest_failures_fit_in_a_small_terminal() {
    const COMMONEST: [&str; 8] = [
        "node-without-role",
        "role-missing",
        "registry-firewall",
        "acr-firewall-client-ip",
        "tag-missing",
        "data-endpoint-record-missing",
        "dns-data-endpoint-record-missing-arm",
        "registry-token-password-wrong",
    ];
    let (rows, width) = (24, 80);
    let of_line = |line: &str| textwrap::core::display_width(line).div_ceil(width).max(1);
    for name in COMMONEST {
        let played = played().iter().find(|played| played.name == name).unwrap();
        for page in &played.pages {
            let options =
                TextOptions { verbose: 0, quiet: false, fix_as: FixForm::Az, color: false, width };
            let page = text(page, messages(), options);
            let taken: usize = page.lines().map(of_line).sum();
            assert!(taken <= rows, "{name} takes {taken} rows:\n{page}");
        }
    }
}
