//! An entry: a user name and a password, in one field or in two.

use serde_json::Value;

use super::near_miss::Reader;
use crate::kit::{
    redact::Secret,
    rules::{Fields, Malformed, go_base64},
};

/// Reads the user and the password of an entry, as docker or the kubelet does: `auth` wins over the
/// two fields.
pub(super) fn password(
    entry: &Value,
    reader: Reader,
) -> Result<Option<(String, Secret)>, Malformed> {
    let fields = Fields::of(entry).ok_or(Malformed::EntryNotAnObject)?;
    let (user, password) = (fields.text("username")?, fields.text("password")?);
    let pair = |(user, password): (&str, &str)| (user.to_owned(), Secret::new(password));
    let Some(auth) = fields.text("auth")? else { return Ok(user.zip(password).map(pair)) };
    let text = decode_auth(auth, reader)?;
    // A password may hold colons; a user name may not.
    let Some((user, password)) = text.split_once(':') else {
        let again = decode_auth(text.trim(), reader).is_ok_and(|text| text.contains(':'));
        return Err(if again { Malformed::AuthEncodedTwice } else { Malformed::AuthWithoutColon });
    };
    // Without either of the two a container runtime does not sign in (internal/cri/server/images,
    // `ParseAuth`; core/remotes/docker/authorizer.go, `doBearerAuth`).
    let is_whole = !user.is_empty() && !password.is_empty();
    Ok(is_whole.then(|| pair((user, password))))
}

/// Decodes an `auth`. The kubelet also takes one without padding: whether the text ends with `=`
/// tells it which of the two it reads (kubernetes, `decodeDockerConfigFieldAuth`).
fn decode_auth(auth: &str, reader: Reader) -> Result<String, Malformed> {
    let is_bare = reader == Reader::Kubelet && !auth.trim().ends_with('=');
    text(if is_bare { go_base64::bare(auth) } else { go_base64::padded(auth) })
}

/// Decodes padded base64 of a text.
pub(super) fn decode(encoded: &str) -> Result<String, Malformed> {
    text(go_base64::padded(encoded))
}

fn text(decoded: Option<Vec<u8>>) -> Result<String, Malformed> {
    let bytes = decoded.ok_or(Malformed::AuthNotBase64)?;
    String::from_utf8(bytes).map_err(|_| Malformed::AuthNotText)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(entry: &Value, reader: Reader) -> Result<Option<String>, String> {
        let found = password(entry, reader).map_err(|said| said.to_string())?;
        Ok(found.map(|(user, password)| format!("{user}|{}", password.expose())))
    }

    fn wanted(
        result: Result<Option<&'static str>, &'static str>,
    ) -> Result<Option<String>, String> {
        result.map(|found| found.map(str::to_owned)).map_err(str::to_owned)
    }

    #[test]
    fn every_form_of_entry() {
        for (entry, due) in [
            (json!({ "username": "u", "password": "p" }), Ok(Some("u|p"))),
            (json!({ "auth": "dTpwOnE=", "username": "x", "password": "y" }), Ok(Some("u|p:q"))),
            (json!({ "Auth": "dTpw\r\nOnE=\n" }), Ok(Some("u|p:q"))),
            (json!({ "auth": "dTpwCg==" }), Ok(Some("u|p\n"))),
            (json!({ "auth": "dTpwOnF=" }), Ok(Some("u|p:q"))),
            (json!({ "auth": "", "username": "u", "password": "p" }), Ok(Some("u|p"))),
            (json!({ "auth": "Og==" }), Ok(None)),
            (json!({ "auth": "OnA=" }), Ok(None)),
            (json!({ "auth": "dTo=" }), Ok(None)),
            (json!({ "username": "", "password": "p" }), Ok(None)),
            (json!({ "auth": null, "username": "u" }), Ok(None)),
            (json!({}), Ok(None)),
            (json!({ "auth": " dTpwOnE=" }), Err("auth-not-base64")),
            (json!({ "auth": "dTpwOnE= " }), Err("auth-not-base64")),
            (json!({ "auth": "dTpwOnE==" }), Err("auth-not-base64")),
            (json!({ "auth": "dTpwO" }), Err("auth-not-base64")),
            (json!({ "auth": "dTpwOnE=", "username": 7 }), Err("entry-not-texts")),
            (json!({ "auth": "dXA=" }), Err("auth-without-colon")),
            (json!({ "auth": "ZFRwd09uRT0=" }), Err("auth-encoded-twice")),
            (json!({ "auth": "/////w==" }), Err("auth-not-text")),
            (json!("dTpwOnE="), Err("entry-not-an-object")),
        ] {
            for reader in [Reader::Docker, Reader::Kubelet] {
                assert_eq!(read(&entry, reader), wanted(due), "{entry} {reader:?}");
            }
        }
    }

    #[test]
    fn only_the_kubelet_takes_an_auth_without_padding() {
        for (auth, due) in [
            ("dTpwOnE", "u|p:q"),
            ("dTpwCg", "u|p\n"),
            ("dTpwOnF", "u|p:q"),
            ("dTpw\r\nOnE\n", "u|p:q"),
        ] {
            let entry = json!({ "auth": auth });
            assert_eq!(read(&entry, Reader::Kubelet), Ok(Some(due.to_owned())), "{entry}");
            assert_eq!(read(&entry, Reader::Docker), Err("auth-not-base64".to_owned()), "{entry}");
        }
        let whole = json!({ "auth": "dTpwcXJz" });
        for reader in [Reader::Docker, Reader::Kubelet] {
            assert_eq!(read(&whole, reader), Ok(Some("u|pqrs".to_owned())), "{reader:?}");
        }
    }
}
