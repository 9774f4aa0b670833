//! Where traces go, checked: what opens the collector is said to nobody else.

use super::is_placeholder;
use super::tell::Tell;
use crate::loopback::is_here;
use crate::trace::Settings;
use http::{HeaderName, HeaderValue};
use secrecy::ExposeSecret;

pub(super) fn check(settings: Option<&Settings>, tell: &mut Tell<'_>) {
    let Some(Settings { endpoint, headers, .. }) = settings else { return };
    let at = ["traces", "endpoint"];
    match endpoint.scheme() {
        "https" => {}
        "http" if headers.is_empty() || endpoint.host_str().is_some_and(is_here) => {}
        "http" => {
            let message =
                format!("\"{endpoint}\" is not encrypted, and `headers` would be read on their way");
            tell.hint(&at, message, "use https, or a collector on this machine");
        }
        other => {
            let hint = "OTLP is spoken by HTTP here: the collector's port is mostly 4318";
            tell.hint(&at, format!("\"{other}\" is neither https nor http"), hint);
        }
    }
    if !endpoint.username().is_empty() || endpoint.password().is_some() {
        tell.hint(&at, "an address holds no name or password", "`headers` may");
    }
    for (name, value) in headers {
        let at = ["traces", "headers", name];
        if HeaderName::try_from(name).is_err() {
            tell.wrong(&at, format!("\"{name}\" is not the name of a header"));
        }
        if is_placeholder(value) {
            tell.wrong(&at, "the value is empty or a placeholder");
        } else if HeaderValue::from_str(value.expose_secret()).is_err() {
            tell.wrong(&at, "the value cannot be a header: it has a line break or a control character");
        }
    }
}
