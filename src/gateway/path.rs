//! Which paths have one reading only.

use super::app::App;
use super::route::BadRequest;

/// Refuses paths that servers are known to take for others: dot segments (plain or encoded, also with `;`
/// parameters, as Tomcat reads them), backslashes, encoded slashes, fragments, control characters, and what is
/// not ASCII or not percent-encoding.
pub(super) fn check(path: &str) -> Result<(), BadRequest> {
    if !path.starts_with('/') {
        return Err(BadRequest::Target);
    }
    for character in characters(path) {
        let (byte, encoded) = character?;
        let refused = match byte {
            0..=0x1f | 0x7f | b'#' | b'\\' => true,
            b'.' | b'/' => encoded,
            _ => !encoded && !byte.is_ascii_graphic(),
        };
        if refused {
            return Err(BadRequest::Path);
        }
    }
    let dots = |segment: &str| matches!(segment.split([';', '%']).next(), Some("." | ".."));
    if path.contains("/.") && path.split('/').any(dots) { Err(BadRequest::Path) } else { Ok(()) }
}

/// Refuses second spellings of a path in an app where rules hang on paths.
pub(super) fn check_in(app: &App, path: &str) -> Result<(), BadRequest> {
    if !app.path_decides() {
        return Ok(());
    }
    check_spelling(path)?;
    if app.case_is_clear(path) { Ok(()) } else { Err(BadRequest::Path) }
}

/// Refuses second spellings of a path: empty segments (some servers merge them),
/// `;` parameters (some cut them off), characters encoded without need, and what is not UTF-8 when decoded (an
/// overlong encoding hides a letter).
fn check_spelling(path: &str) -> Result<(), BadRequest> {
    if path.contains("//") || path.contains(';') {
        return Err(BadRequest::Path);
    }
    let mut run = Vec::new();
    for character in characters(path).chain([Ok((b'/', false))]) {
        match character? {
            (b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b';', true) => {
                return Err(BadRequest::Path);
            }
            (byte, true) => run.push(byte),
            (_, false) => {
                std::str::from_utf8(&run).map_err(|_| BadRequest::Path)?;
                run.clear();
            }
        }
    }
    Ok(())
}

/// The bytes that a path means, each with whether it was percent-encoded (RFC 3986, section 2.1).
fn characters(path: &str) -> impl Iterator<Item = Result<(u8, bool), BadRequest>> {
    let mut bytes = path.bytes();
    let hex = |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    std::iter::from_fn(move || match bytes.next()? {
        b'%' => match (hex(bytes.next()), hex(bytes.next())) {
            (Some(high), Some(low)) => Some(Ok((high << 4 | low, true))),
            _ => Some(Err(BadRequest::Path)),
        },
        byte => Some(Ok((byte, false))),
    })
}
