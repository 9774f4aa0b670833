//! The version of a file's format, which each of them begins with.

use schemars::JsonSchema;
use serde::Deserialize;

/// The version of the format.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "u64")]
#[schemars(with = "u64", extend("const" = 1))]
pub struct Version;

impl TryFrom<u64> for Version {
    type Error = String;

    fn try_from(version: u64) -> Result<Self, String> {
        if version == 1 { Ok(Self) } else { Err(format!("version {version} is not known, write version: 1")) }
    }
}
