//! One registry's entry in a docker config or a pull secret.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};
use serde_json::Value;

use super::Credential;
use crate::kit::{
    Secret,
    rules::{Fields, Malformed},
};

/// Base64 as Go reads it: padded, and careless about the last bits.
const GO: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The user and the password of an entry, as the kubelet and docker read both: `auth` outdoes the rest.
pub(super) fn password(entry: &Value) -> Result<Option<Credential>, Malformed> {
    let fields = Fields::of(entry).ok_or("entry-not-an-object")?;
    let (user, password) = (fields.text("username")?, fields.text("password")?);
    let Some(auth) = fields.text("auth")? else {
        return Ok(user.zip(password).map(|(user, password)| Credential::Password {
            user: user.to_owned(),
            password: Secret::new(password),
        }));
    };
    let text = decode(auth)?;
    // A password may hold colons; a user name may not.
    let Some((user, password)) = text.split_once(':') else {
        let again = decode(text.trim()).is_ok_and(|text| text.contains(':'));
        return Err(if again { "auth-encoded-twice" } else { "auth-without-colon" });
    };
    Ok((!user.is_empty() || !password.is_empty())
        .then(|| Credential::Password { user: user.to_owned(), password: Secret::new(password) }))
}

/// Base64 of a text. Go's decoder passes over line ends within it.
pub(super) fn decode(encoded: &str) -> Result<String, Malformed> {
    let encoded = encoded.replace(['\r', '\n'], "");
    let bytes = GO.decode(encoded).map_err(|_| "auth-not-base64")?;
    String::from_utf8(bytes).map_err(|_| "auth-not-text")
}

/// Whether a password ends in a line's end: what was encoded was a line, not a password.
pub(super) fn ends_in_newline(credential: &Credential) -> bool {
    matches!(credential, Credential::Password { password, .. } if password.expose().ends_with(['\r', '\n']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(entry: &Value) -> Result<Option<String>, Malformed> {
        password(entry).map(|found| match found? {
            Credential::Password { user, password } => {
                Some(format!("{user}|{}", password.expose()))
            }
            _ => None,
        })
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
            assert_eq!(read(&entry), wanted.map(|found| found.map(str::to_owned)), "{entry}");
        }
    }
}
