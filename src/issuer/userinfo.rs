//! What a provider says of a person beside the ID token: userinfo, claims from elsewhere, groups from Microsoft Graph.
//!
//! Userinfo has to be about the same person, or nobody is let in. Claims from elsewhere that cannot be had or believed are
//! left out: they are unknown then, which is neither empty nor unchanged.

use super::http::{SendError, send};
use super::known::Known;
use super::{Error, Issuer};
use crate::causes::Causes;
use crate::identity::{Claims, verify_claims};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

/// How many other places a person's claims may come from.
const MOST_SOURCES: usize = 8;

/// Claims by which tokens are verified: nobody else says these.
const RESERVED: [&str; 12] =
    ["iss", "sub", "aud", "exp", "iat", "nbf", "azp", "nonce", "auth_time", "acr", "amr", "sid"];

/// Where claims are that the provider refers to (OpenID Connect Core, section 5.6.2).
#[derive(Deserialize)]
#[serde(untagged)]
enum Elsewhere {
    /// Here, signed.
    Aggregated {
        #[serde(rename = "JWT")]
        jwt: String,
    },
    /// At an address.
    Distributed { endpoint: Url, access_token: Option<SecretString> },
}

impl Issuer {
    /// `claims` with all else that the provider says of their person.
    pub(super) async fn complete(
        &self,
        claims: Claims,
        known: &Known,
        access_token: &SecretString,
    ) -> Result<Claims, Error> {
        let claims = match &known.metadata.userinfo_endpoint {
            Some(endpoint) => {
                let userinfo = self.userinfo(known, endpoint, access_token).await?;
                claims
                    .with_userinfo(userinfo, &self.settings.groups)
                    .map_err(|error| self.unverified(error))?
            }
            None => claims,
        };
        let claims = self.with_claims_from_elsewhere(claims, known).await;
        Ok(self.with_groups_from_graph(claims, known).await)
    }

    /// OpenID Connect Core, section 5.3: JSON, or a JWT that the provider has signed.
    async fn userinfo(
        &self,
        known: &Known,
        endpoint: &Url,
        access_token: &SecretString,
    ) -> Result<Map<String, Value>, Error> {
        let request = self.http.get(endpoint).bearer_auth(access_token.expose_secret());
        let reply = send(request).await.and_then(|reply| reply.success(endpoint));
        let reply = reply.map_err(|error| self.unavailable(error))?;
        if reply.media == "application/jwt" {
            let token = String::from_utf8_lossy(&reply.body);
            let now = self.clock.now();
            let expected = self.expected(known);
            return self
                .by_keys(known, |keys| verify_claims("userinfo", token.trim(), keys, &expected, now))
                .await;
        }
        serde_json::from_slice(&reply.body)
            .map_err(|error| self.unavailable(SendError::Unreadable(endpoint.clone(), error)))
    }

    async fn with_claims_from_elsewhere(&self, claims: Claims, known: &Known) -> Claims {
        let values = claims.set().values();
        let Some(names) = values.get("_claim_names").and_then(Value::as_object) else { return claims };
        let Some(sources) = values.get("_claim_sources").and_then(Value::as_object) else { return claims };
        let mut found = Map::new();
        for (source, place) in sources.iter().take(MOST_SOURCES) {
            let wanted = names.iter().filter(|(_, at)| at.as_str() == Some(source)).map(|(name, _)| name);
            let wanted: Vec<&String> = wanted.filter(|name| !RESERVED.contains(&name.as_str())).collect();
            if wanted.is_empty() {
                continue;
            }
            match self.elsewhere(&claims, place, known).await {
                Ok(mut told) => {
                    found.extend(wanted.into_iter().filter_map(|name| told.remove_entry(name)));
                }
                Err(why) => {
                    tracing::warn!(provider = %self.name, source, why, "claims from elsewhere left out: {why}");
                }
            }
        }
        claims.with(found, &self.settings.groups)
    }

    /// The claims at one place. The provider itself has to have signed them, and they have to be about the same person
    /// where they name one.
    async fn elsewhere(
        &self,
        claims: &Claims,
        place: &Value,
        known: &Known,
    ) -> Result<Map<String, Value>, String> {
        let place =
            Elsewhere::deserialize(place).map_err(|_| "it is neither a JWT nor an address".to_owned())?;
        let token = match place {
            Elsewhere::Aggregated { jwt } => jwt,
            Elsewhere::Distributed { endpoint, .. } if !self.settings.may_fetch(&endpoint) => {
                return Err(format!(
                    "{} is not among claim-sources",
                    endpoint.origin().ascii_serialization()
                ));
            }
            Elsewhere::Distributed { endpoint, access_token } => {
                let mut request = self.http.get(&endpoint).header("accept", "application/jwt");
                if let Some(token) = access_token {
                    request = request.bearer_auth(token.expose_secret());
                }
                let reply = send(request).await.and_then(|reply| reply.success(&endpoint));
                let reply = reply.map_err(|error| Causes(&error).to_string())?;
                String::from_utf8_lossy(&reply.body).trim().to_owned()
            }
        };
        let (now, expected) = (self.clock.now(), self.expected(known));
        let told = self
            .by_keys(known, |keys| verify_claims("JWT of claims", &token, keys, &expected, now))
            .await
            .map_err(|error| error.to_string())?;
        let same = told.get("sub").is_none_or(|sub| sub.as_str() == Some(&claims.subject().sub));
        if same { Ok(told) } else { Err("it is about another subject".to_owned()) }
    }

    /// Entra leaves groups out where there are more than fit into a token (above 200), and Microsoft Graph tells them.
    async fn with_groups_from_graph(&self, claims: Claims, known: &Known) -> Claims {
        let groups = &self.settings.groups;
        let Some(graph) = groups.graph.as_ref().filter(|_| claims.set().lacks_groups(groups)) else {
            return claims;
        };
        match self.groups_from_graph(graph, &claims, known).await {
            Ok(told) => claims.with(Map::from_iter([(groups.claim.clone(), json!(told))]), groups),
            Err(why) => {
                tracing::warn!(provider = %self.name, why, "groups not told by Microsoft Graph: {why}");
                claims
            }
        }
    }

    /// The ids of all groups that a person is in, also by way of others, as our own registration may ask (application
    /// permission `GroupMember.Read.All`).
    async fn groups_from_graph(
        &self,
        graph: &Url,
        claims: &Claims,
        known: &Known,
    ) -> Result<Vec<String>, String> {
        #[derive(Deserialize)]
        struct Told {
            value: Vec<String>,
            #[serde(rename = "@odata.nextLink")]
            more: Option<Value>,
        }
        let oid = claims.set().text("oid").ok_or("claim oid is absent")?;
        let base = graph.as_str().trim_end_matches('/');
        let scope = format!("{base}/.default");
        let grant = [("grant_type", "client_credentials"), ("scope", &*scope)];
        let tokens = self.tokens(known, &grant).await.map_err(|error| error.to_string())?;
        let mut url = Url::parse(base).map_err(|error| error.to_string())?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(["v1.0", "users", oid, "getMemberGroups"]);
        }
        let request = self.http.post(&url).bearer_auth(tokens.access_token.expose_secret());
        let reply = send(request.json(&json!({ "securityEnabledOnly": false }))).await;
        let reply = reply.and_then(|reply| reply.success(&url));
        let reply = reply.map_err(|error| Causes(&error).to_string())?;
        match serde_json::from_slice(&reply.body) {
            Ok(Told { value, more: None }) => Ok(value),
            Ok(_) => Err("it tells a part only".to_owned()),
            Err(error) => Err(SendError::Unreadable(url, error).to_string()),
        }
    }
}
