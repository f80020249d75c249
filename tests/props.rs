//! Whatever comes, nothing panics, and what is kept is fit to print.

use checks::kit::{Asked, Cloud, Event, Platform, printable};
use proptest::prelude::*;

proptest! {
    #[test]
    fn any_text_is_read_as_an_image_or_refused(text in "\\PC{0,80}") {
        let _ = Asked::read(&text, Cloud::Public, false);
    }

    #[test]
    fn any_bytes_of_a_reference_are_survived(text in any::<String>()) {
        let _ = Asked::read(&text, Cloud::China, true);
    }

    #[test]
    fn an_image_that_is_understood_is_understood_again(
        repository in "[a-z0-9]{1,8}(/[a-z0-9]{1,8}){0,3}",
        tag in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}",
    ) {
        let text = format!("contoso.azurecr.io/{repository}:{tag}");
        let asked = Asked::read(&text, Cloud::Public, false).unwrap();
        let image = asked.image.unwrap();
        prop_assert_eq!(format!("{}/{image}", asked.registry), text);
    }

    #[test]
    fn a_repaired_reference_is_always_one(text in "[ -~]{0,60}") {
        use checks::kit::Misread::{DataEndpoint, Invalid};
        if let Err(Invalid { repaired: Some(repaired), .. } | DataEndpoint { repaired: Some(repaired), .. }) =
            Asked::read(&text, Cloud::Public, false)
        {
            prop_assert!(Asked::read(&repaired, Cloud::Public, false).is_ok(), "{repaired}");
        }
    }

    #[test]
    fn a_platform_that_is_understood_is_printed_as_it_was(text in "[a-z]{1,8}/[a-z0-9]{1,8}(/v[0-9])?") {
        prop_assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
    }

    #[test]
    fn any_platform_text_is_survived(text in any::<String>()) {
        let _ = text.parse::<Platform>();
    }

    #[test]
    fn what_is_printable_steers_no_terminal(text in any::<String>()) {
        let shown = printable(&text);
        prop_assert!(!shown.chars().any(char::is_control));
        prop_assert!(shown.chars().count() <= 300 * 10 + 1);
    }

    #[test]
    fn any_line_is_an_event_or_refused(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Event::read(&line);
    }

    #[test]
    fn an_event_of_any_json_is_survived(number in any::<i64>(), text in any::<String>()) {
        let line = serde_json::json!({ "v": 1, "event": text, "at": number, "from": text });
        let _ = Event::read(line.to_string().as_bytes());
    }
}

#[test]
fn a_tag_is_ascii() {
    let read = |text: &str| Asked::read(text, Cloud::Public, false);
    assert!(read("contoso.azurecr.io/team/app:최신").is_err());
    assert!(read("contoso.azurecr.io/team/app:v1\u{661}").is_err());
}

#[test]
fn no_repository_begins_in_upper_case_so_it_is_a_host() {
    let read = |text: &str| Asked::read(text, Cloud::Public, false);
    let asked = read("Contoso/team/app:v1").unwrap();
    assert_eq!((asked.registry.as_str(), asked.host.name.as_str()), ("Contoso", "contoso"));
    let written = format!("{}/{}", asked.registry, asked.image.as_ref().unwrap());
    assert_eq!(read(&written), Ok(asked));
    assert_eq!(read("contoso/team/app:v1").unwrap().registry, "docker.io");
    assert!(read("Con_toso/app").is_err() && read("Contoso/App").is_err());
}
