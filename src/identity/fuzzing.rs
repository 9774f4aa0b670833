//! A door for the fuzz targets in `fuzz/`: what tokens say once their signature has been checked. Built for them alone.

use super::{LogoutToken, SecurityEvent};
use serde_json::{Map, Value};

/// What a logout token with these claims says.
pub fn logout_token(claims: &Map<String, Value>) -> Option<LogoutToken> {
    LogoutToken::read(claims).ok()
}

/// What a security event with these claims says, from whoever speaks of the people of `people`.
pub fn security_event(claims: &Map<String, Value>, people: &str) -> Option<SecurityEvent> {
    SecurityEvent::read(claims, people).ok()
}
