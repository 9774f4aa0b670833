//! What the configuration says of the access tokens that an app takes.

use super::Notes;
use crate::bearer::Accepts;
use crate::document::OneOrMore;
use crate::names::{AppName, ProviderName};
use schemars::JsonSchema;
use serde::Deserialize;

/// Which access tokens programs may show in place of a session, as it is written.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccessTokenSettings {
    /// The name of the app as an API, or several: a token has to be for one of them.
    pub audience: OneOrMore<String>,
    /// What a token has to be good for: all of these.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Whether the app is sent the token.
    #[serde(default)]
    pub pass_on: bool,
}

impl AccessTokenSettings {
    /// What `app` takes, whose people come from `providers`.
    pub(super) fn check(self, app: &AppName, providers: &[ProviderName], notes: &mut Notes) -> Accepts {
        let Self { audience: OneOrMore(audiences), scopes, pass_on } = self;
        if audiences.is_empty() || audiences.iter().any(String::is_empty) {
            let message = "names no API: write it as the provider does, like https://api.example.com";
            notes.note(&["access-tokens", "audience"], message);
        }
        // RFC 6749, section 3.3; they are told in a quoted text.
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        if let Some(scope) = scopes.iter().find(|scope| scope.is_empty() || !scope.bytes().all(plain)) {
            notes.note(
                &["access-tokens", "scopes"],
                format!("\"{scope}\" is not one scope: write each by itself"),
            );
        }
        Accepts::new(app, audiences, scopes, providers.to_vec(), pass_on)
    }
}
