//! Shares, as operators write them.

use schemars::JsonSchema;
use serde::Deserialize;

/// A share of a whole, written `10%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String", extend("pattern" = "^[0-9]+%$"))]
pub struct Percent(u8);

impl Percent {
    /// So many hundredths, 100 at the most.
    pub const fn new(hundredths: u8) -> Self {
        Self(if hundredths > 100 { 100 } else { hundredths })
    }

    /// This share of `whole`.
    pub fn of(self, whole: u64) -> u64 {
        let share = u128::from(whole) * u128::from(self.0) / 100;
        u64::try_from(share).unwrap_or(whole)
    }

    /// Whether `part` is no more than this share of `whole`.
    pub fn holds(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 100 <= u128::from(whole) * u128::from(self.0)
    }
}

impl TryFrom<String> for Percent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text.strip_suffix('%').and_then(|number| number.parse().ok());
        let share = number.filter(|number| *number <= 100).map(Self);
        share.ok_or_else(|| format!("\"{text}\" is not a share: write it like 10%"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_holds_what_is_not_more() {
        let tenth = Percent::try_from("10%".to_owned()).unwrap();
        assert!(tenth.holds(1, 10) && !tenth.holds(2, 19) && tenth.holds(0, 0));
        assert!(Percent::new(100).holds(u64::MAX, u64::MAX));
        assert_eq!((tenth.of(19), Percent::new(100).of(u64::MAX), Percent::new(0).of(9)), (1, u64::MAX, 0));
        for wrong in ["101%", "10", "-1%", "%"] {
            assert!(Percent::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
