//! Base64 as Go's `encoding/base64` decodes it: it ignores line ends, and is careless about the last
//! bits.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
const PADDED: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);
const BARE: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, CONFIG.with_decode_padding_mode(DecodePaddingMode::RequireNone));

/// Decodes text with padding (`base64.StdEncoding`).
pub fn padded(text: &str) -> Option<Vec<u8>> {
    PADDED.decode(text.replace(['\r', '\n'], "")).ok()
}

/// Decodes text without padding (`base64.RawStdEncoding`).
pub fn bare(text: &str) -> Option<Vec<u8>> {
    BARE.decode(text.replace(['\r', '\n'], "")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_and_the_last_bits() {
        for (text, with, without) in [
            ("YQ==", true, false),
            ("Y\r\nQ==\n", true, false),
            ("YR==", true, false),
            ("YQ", false, true),
            ("YR", false, true),
            ("YWJj", true, true),
            ("YQ=", false, false),
            (" YQ==", false, false),
            ("Y-==", false, false),
        ] {
            assert_eq!((padded(text).is_some(), bare(text).is_some()), (with, without), "{text}");
        }
    }
}
