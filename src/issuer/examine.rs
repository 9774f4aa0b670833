//! Whether a provider would do for signing in: what it publishes, what time it has, whether it knows us. Nobody signs in, and
//! nothing is changed there.

use super::http::send;
use super::known::{Known, Publication};
use super::metadata::Metadata;
use super::settings::{Method, ResponseMode};
use super::{Ask, Error, Issuer};
use crate::causes::Causes;
use crate::seal::random_text;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use url::Url;

/// What was found.
#[derive(Debug, Default)]
pub struct Examination {
    /// How far its clock is ahead of ours, where it tells its time.
    pub ahead: Option<SignedDuration>,
    /// What stands in the way, or may.
    pub symptoms: Vec<Symptom>,
}

/// Something that is not as it should be.
#[derive(Debug)]
pub struct Symptom {
    /// What was looked at: `issuer`, `keys`, `client` or `redirect`.
    pub at: &'static str,
    /// Whether nobody can sign in.
    pub grave: bool,
    /// What it is.
    pub what: String,
    /// What would mend it.
    pub mend: &'static str,
}

/// What a provider says that it can do (OpenID Connect Discovery 1.0, section 3); where it says nothing, nothing is known.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Offers {
    id_token_signing_alg_values_supported: Option<Vec<String>>,
    response_types_supported: Option<Vec<String>>,
    response_modes_supported: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

impl Examination {
    fn note(&mut self, at: &'static str, grave: bool, what: impl Into<String>, mend: &'static str) {
        self.symptoms.push(Symptom { at, grave, what: what.into(), mend });
    }
}

impl Issuer {
    /// Looks at the provider as a sign-in would use it.
    pub async fn examine(&self) -> Examination {
        let mut found = Examination::default();
        let offers = match self.offers(&mut found).await {
            Ok(offers) => offers,
            Err(why) => {
                found.note(
                    "issuer",
                    true,
                    why,
                    "look at its address, and at the way there: name, proxy, certificate",
                );
                return found;
            }
        };
        let known = match self.known().await {
            Ok(known) => known,
            Err(error) => {
                let mend = "write `issuer` as the provider writes it, and see that it publishes keys";
                found.note("issuer", true, error.to_string(), mend);
                return found;
            }
        };
        self.compare(&offers, &known, &mut found);
        if !known.keys.verify_some(&self.settings.id_token_algorithms) {
            let what = "none of the keys that it publishes verifies what `id-token-algorithms` believes";
            found.note("keys", true, what, "believe an algorithm of its keys, or let it publish another key");
        }
        self.try_client(&known, &mut found).await;
        self.try_redirect(&mut found).await;
        found
    }

    async fn offers(&self, found: &mut Examination) -> Result<Offers, String> {
        let address = Metadata::address(&self.settings.issuer);
        let url = Url::parse(&address).map_err(|error| format!("{address} is no address: {error}"))?;
        let reply = send(self.http.get(&url)).await.and_then(|reply| reply.success(&url));
        let reply = reply.map_err(|error| Causes(&error).to_string())?;
        let told =
            reply.date.as_deref().and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
        found.ahead = told.map(|told: Timestamp| told.duration_since(self.clock.now()));
        serde_json::from_slice(&reply.body)
            .map_err(|error| format!("{url} answers something unreadable: {error}"))
    }

    /// What it offers against what is configured.
    fn compare(&self, offers: &Offers, known: &Known, found: &mut Examination) {
        let lacks = |offered: &Option<Vec<String>>, wanted: &str| {
            offered.as_ref().is_some_and(|all| all.iter().all(|one| one != wanted))
        };
        let settings = &self.settings;
        if let Some(offered) = &offers.id_token_signing_alg_values_supported
            && settings
                .id_token_algorithms
                .iter()
                .all(|believed| offered.iter().all(|one| one != believed.name()))
        {
            let what = format!("it signs by {}, and none of these is believed", offered.join(", "));
            found.note("issuer", true, what, "name one of them in `id-token-algorithms`");
        }
        if lacks(&offers.response_types_supported, "code") {
            found.note(
                "issuer",
                true,
                "it has no code flow",
                "allow it at the provider: response type `code`",
            );
        }
        if settings.response_mode == ResponseMode::FormPost
            && lacks(&offers.response_modes_supported, "form_post")
        {
            found.note("issuer", true, "it has no `form_post`", "leave out `response-mode`");
        }
        if lacks(&offers.code_challenge_methods_supported, "S256") {
            let what = "it does not say that it checks PKCE (S256)";
            found.note("issuer", false, what, "switch it on at the provider, where that can be done");
        }
        for scope in settings.scopes.iter().filter(|scope| lacks(&offers.scopes_supported, scope)) {
            let what = format!("it does not offer the scope \"{scope}\"");
            found.note("issuer", false, what, "leave it out of `scopes`, or add it at the provider");
        }
        let pushes =
            settings.pushed_requests && known.metadata.pushed_authorization_request_endpoint.is_none();
        if pushes {
            found.note("issuer", true, "it takes no pushed requests", "leave out `pushed-requests`");
        }
        let introspects = settings.access_tokens.as_ref().is_some_and(|tokens| tokens.introspect);
        if introspects && known.metadata.introspection_endpoint.is_none() {
            let what = "it names no place where access tokens can be asked about";
            found.note("issuer", true, what, "leave out `introspect`");
        }
        if let Some(method) = settings.client.method.map(Method::name)
            && lacks(&offers.token_endpoint_auth_methods_supported, method)
        {
            let what = format!("it does not take {method}");
            found.note("client", true, what, "choose another `client.method`, or allow it at the provider");
        }
    }

    /// Brings a code that nobody gave: a provider that knows us says that the code is wrong, and not that we are.
    async fn try_client(&self, known: &Known, found: &mut Examination) {
        let code = random_text();
        let grant = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", self.redirect.as_str()),
            ("code_verifier", &*code),
        ];
        match self.tokens(known, &grant).await {
            Err(Error::Grant(..)) => {}
            Err(error @ Error::Refused(..)) => {
                let mend = "compare `client` with what the provider shows where guestpass is registered";
                found.note("client", true, error.to_string(), mend);
            }
            Err(error) => {
                found.note(
                    "client",
                    false,
                    error.to_string(),
                    "see whether its token endpoint can be reached",
                );
            }
            Ok(_) => {
                let mend = "ask whoever runs it: a code is to be good for whom it was given to";
                found.note("client", true, "it gave tokens for a code that nobody has", mend);
            }
        }
    }

    /// Asks for the page that a person would be sent to: a provider that does not know our redirect URI shows an error.
    async fn try_redirect(&self, found: &mut Examination) {
        let page = match self.authorize(&Ask::default()).await {
            Ok((url, _)) => send(self.http.get(&url)).await.map_err(|error| Causes(&error).to_string()),
            Err(error) => Err(error.to_string()),
        };
        let what = match page {
            Ok(reply) if !reply.status.is_client_error() && !reply.status.is_server_error() => return,
            Ok(reply) => format!("its sign-in page answers {}", reply.status),
            Err(why) => format!("its sign-in page cannot be had: {why}"),
        };
        found.note("redirect", false, what, "see that the redirect URI is registered there, to the letter");
    }
}
