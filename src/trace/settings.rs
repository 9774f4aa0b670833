//! Where traces go, and how many of them.

use crate::percent::Percent;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;

/// `traces`, as it is written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Traces")]
pub struct Settings {
    /// The collector: OTLP by HTTP, in protobuf. Without a path it is asked at `/v1/traces`.
    pub endpoint: Url,
    /// Which share of what nobody we trust has decided on is sampled.
    #[serde(default = "hundredth")]
    pub sample: Percent,
    /// Headers that open it, such as `Authorization`.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub headers: BTreeMap<String, SecretString>,
}

fn hundredth() -> Percent {
    Percent::new(1)
}

impl Settings {
    /// Where spans are posted.
    pub(super) fn address(&self) -> Url {
        let mut address = self.endpoint.clone();
        if matches!(address.path(), "" | "/") {
            address.set_path("/v1/traces");
        }
        address
    }
}
