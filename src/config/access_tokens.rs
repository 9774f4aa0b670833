//! Access tokens, checked: who shows one to an app has to have got it from somebody whose tokens are believed, and what is for
//! somebody else must not pass for one.

use super::tell::Tell;
use crate::gateway::App;
use crate::identity::Typ;
use crate::issuer::{AccessTokens, Settings};
use crate::names::{AppName, ProviderName};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Checks what apps take against what providers give.
pub(super) fn check(
    apps: &BTreeMap<AppName, Arc<App>>,
    providers: &BTreeMap<ProviderName, Settings>,
    tell: &mut Tell<'_>,
) {
    for (name, app) in apps {
        let Some(accepts) = &app.access_tokens else { continue };
        let at = ["apps", name.as_str(), "access-tokens"];
        let taken = |name: &ProviderName| accepts.providers.is_empty() || accepts.providers.contains(name);
        let believed: Vec<(&ProviderName, &Settings, &AccessTokens)> = providers
            .iter()
            .filter(|(name, _)| taken(name))
            .filter_map(|(name, settings)| Some((name, settings, settings.access_tokens.as_ref()?)))
            .collect();
        if believed.is_empty() {
            let message = format!("nobody's access tokens are believed at app \"{name}\"");
            tell.hint(&at, message, "say `access-tokens: {}` below a provider of its");
        }
        let mut asked = believed.iter().filter(|(.., tokens)| tokens.introspect).map(|(name, ..)| *name);
        if let (Some(one), Some(other)) = (asked.next(), asked.next()) {
            let message = format!("{one} and {other} would both be told of each other's tokens");
            tell.hint(&at, message, "name one of them below `providers:` of the app");
        }
        let mixed = believed.iter().find(|(_, provider, tokens)| {
            tokens.typ == Typ::Any && accepts.audiences.contains(&provider.client.id)
        });
        if let Some((provider, ..)) = mixed {
            let message = format!("ID tokens of {provider} are for this audience, too");
            let hint =
                "name the API otherwise there, or say `typ: at+jwt` below the provider's `access-tokens`";
            tell.hint(&[&at[..], &["audience"]].concat(), message, hint);
        }
    }
}
