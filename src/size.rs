//! Sizes as people write them: `10MB`, `64KiB`, `512`.

use schemars::JsonSchema;
use serde::Deserialize;
use std::str::FromStr;

const UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9]+ *([kMG]B|[KMG]iB|B)$"))]
pub struct Size(u64);

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a size: write it like 10MB, 64KiB or 512B")]
pub struct NotASize(String);

impl Size {
    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = UNITS.iter().find(|(name, _)| *name == unit.trim_start()).map(|(_, bytes)| *bytes);
        let bytes = number.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
        bytes.map(Self).ok_or_else(|| NotASize(text.to_owned()))
    }
}

impl TryFrom<String> for Size {
    type Error = NotASize;

    fn try_from(text: String) -> Result<Self, NotASize> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_and_a_unit() {
        let bytes = |text: &str| text.parse::<Size>().map(Size::bytes);
        assert_eq!(
            [bytes("0B"), bytes("64KiB"), bytes("10 MB"), bytes("2GiB")].map(Result::unwrap),
            [0, 65_536, 10_000_000, 2 << 30]
        );
        for text in ["", "10", "MB", "10mb", "-1B", "1.5MB", "99999999999GiB", "10MBB"] {
            assert_eq!(bytes(text), Err(NotASize(text.to_owned())), "{text}");
        }
    }
}
