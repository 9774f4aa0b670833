//! The access token of a request (RFC 6750, section 2.1): in the header `Authorization`, and nowhere else. One in an address or
//! a form would end up in logs and histories.

use http::{HeaderMap, HeaderValue, header};

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// Whether this credential is a bearer token.
pub fn is_bearer(value: &HeaderValue) -> bool {
    let value = value.as_bytes();
    let scheme = value.split(|byte| *byte == b' ').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case(b"bearer")
}

/// The token that a request shows; `None` where it shows none, and an empty text where it cannot be told what it shows.
pub fn presented(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (first, more) = (lines.next()?, lines.next());
    if !is_bearer(first) && !more.into_iter().chain(lines).any(is_bearer) {
        return None;
    }
    let token = first.to_str().ok().and_then(|line| line.split_once(' ')).map(|(_, rest)| rest.trim());
    Some(token.filter(|token| more.is_none() && is_token(token)).unwrap_or_default())
}

/// `b64token` of RFC 6750.
fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && text.len() <= LONGEST && body.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_is_read_and_what_is_doubtful_is_none() {
        let of = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::AUTHORIZATION, HeaderValue::from_str(line).unwrap());
            }
            presented(&headers).map(str::to_owned)
        };
        assert_eq!(of(&["Bearer a.b-c_d~e+f/g=="]).as_deref(), Some("a.b-c_d~e+f/g=="));
        assert_eq!(of(&["bEARER  abc "]).as_deref(), Some("abc"));
        for none in [&[][..], &["Basic YTpi"], &["Bearers abc"], &["DPoP abc"], &["Basic a", "Basic b"]] {
            assert_eq!(of(none), None, "{none:?}");
        }
        for doubtful in [
            &["Bearer"][..],
            &["Bearer "],
            &["Bearer ="],
            &["Bearer a b"],
            &["Bearer a,b"],
            &["Bearer \"a\""],
            &["Bearer a", "Bearer a"],
            &["Bearer a", "Basic b"],
            &["Basic b", "bearer a"],
            &[&format!("Bearer {}", "a".repeat(LONGEST + 1))],
        ] {
            assert_eq!(of(doubtful).as_deref(), Some(""), "{doubtful:?}");
        }
    }
}
