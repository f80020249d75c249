//! An entry: a user name and a password, in one field or in two.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::Value;

use crate::kit::{
    redact::Secret,
    rules::{Fields, Malformed},
};

/// Base64 as Go reads it: padded, and careless about the last bits.
const GO: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Reads the user and the password of an entry, as docker and the kubelet do: `auth` wins over the
/// two fields.
pub(super) fn password(entry: &Value) -> Result<Option<(String, Secret)>, Malformed> {
    let fields = Fields::of(entry).ok_or(Malformed::EntryNotAnObject)?;
    let (user, password) = (fields.text("username")?, fields.text("password")?);
    let pair = |(user, password): (&str, &str)| (user.to_owned(), Secret::new(password));
    let Some(auth) = fields.text("auth")? else { return Ok(user.zip(password).map(pair)) };
    let text = decode(auth)?;
    // A password may hold colons; a user name may not.
    let Some((user, password)) = text.split_once(':') else {
        let again = decode(text.trim()).is_ok_and(|text| text.contains(':'));
        return Err(if again { Malformed::AuthEncodedTwice } else { Malformed::AuthWithoutColon });
    };
    let is_empty = user.is_empty() && password.is_empty();
    Ok((!is_empty).then(|| pair((user, password))))
}

/// Decodes base64 of a text. Go's decoder ignores line ends within it.
pub(super) fn decode(encoded: &str) -> Result<String, Malformed> {
    let encoded = encoded.replace(['\r', '\n'], "");
    let bytes = GO.decode(encoded).map_err(|_| Malformed::AuthNotBase64)?;
    String::from_utf8(bytes).map_err(|_| Malformed::AuthNotText)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(entry: &Value) -> Result<Option<String>, String> {
        let found = password(entry).map_err(|said| said.to_string())?;
        Ok(found.map(|(user, password)| format!("{user}|{}", password.expose())))
    }

    #[test]
    fn every_form_of_entry() {
        for (entry, wanted) in [
            (json!({ "username": "u", "password": "p" }), Ok(Some("u|p"))),
            (json!({ "auth": "dTpwOnE=", "username": "x", "password": "y" }), Ok(Some("u|p:q"))),
            (json!({ "Auth": "dTpw\r\nOnE=\n" }), Ok(Some("u|p:q"))),
            (json!({ "auth": "dTpwCg==" }), Ok(Some("u|p\n"))),
            (json!({ "auth": "dTpwOnF=" }), Ok(Some("u|p:q"))),
            (json!({ "auth": "", "username": "u", "password": "p" }), Ok(Some("u|p"))),
            (json!({ "auth": "Og==" }), Ok(None)),
            (json!({ "auth": null, "username": "u" }), Ok(None)),
            (json!({}), Ok(None)),
            (json!({ "auth": "dTpwOnE" }), Err("auth-not-base64")),
            (json!({ "auth": " dTpwOnE=" }), Err("auth-not-base64")),
            (json!({ "auth": "dTpwOnE=", "username": 7 }), Err("entry-not-texts")),
            (json!({ "auth": "dXA=" }), Err("auth-without-colon")),
            (json!({ "auth": "ZFRwd09uRT0=" }), Err("auth-encoded-twice")),
            (json!({ "auth": "/////w==" }), Err("auth-not-text")),
            (json!("dTpwOnE="), Err("entry-not-an-object")),
        ] {
            assert_eq!(
                read(&entry),
                wanted.map(|found| found.map(str::to_owned)).map_err(str::to_owned),
                "{entry}"
            );
        }
    }
}
