//! The `Link` header (RFC 8288), as far as it names a next page.

use reqwest::header::{HeaderMap, LINK};

/// The address of the next page.
pub(super) fn next(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(LINK).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(links).find(|(_, parameters)| is_next(parameters)).map(|(address, _)| address.to_owned())
}

/// The links of a line: address and parameters. An address may hold commas and semicolons, so it is not split at those.
fn links(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split('<').skip(1).filter_map(|link| link.split_once('>'))
}

fn is_next(parameters: &str) -> bool {
    let parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let mut relations = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("rel"));
    relations.any(|(_, value)| {
        let value = value.trim().trim_end_matches(',').trim().trim_matches('"');
        value.split_ascii_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_others() {
        let of = |line: &'static str| next(&[(LINK, line.parse().unwrap())].into_iter().collect());
        let both = r#"<https://x.example/a?p=1,2>; rel="prev", <https://x.example/a?p=3;x>; rel="next""#;
        assert_eq!(of(both).as_deref(), Some("https://x.example/a?p=3;x"));
        assert_eq!(of("</a?p=2>; title=\"x\"; REL=next").as_deref(), Some("/a?p=2"));
        assert_eq!(of(r#"</a>; rel="last next""#).as_deref(), Some("/a"));
        for none in ["", "</a>", r#"</a>; rel="prev""#, r#"</a>; rel="nextdoor""#, "rel=next"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
