//! A call with everything filled in: the request that is made. What a value holds stays within its place; the URL is put
//! together here, and not by whoever writes a description.

use super::call::Call;
use super::known::Known;
use super::run::misfit;
use super::template::Template;
use crate::provision::connector::{Call as Shown, Fault};
use crate::provision::http::{Ask, Http};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

const FORM: &str = "application/x-www-form-urlencoded";

/// The request of `call`. In a step one that is no GET may change something; in a look, none does.
///
/// # Errors
/// [`Fault::Refused`] where something cannot be worked out, or would lead elsewhere: nothing is sent then.
pub(super) fn ask(http: &Http, call: &Call, known: &Known, step: bool) -> Result<Ask, Fault> {
    let mut url =
        http.url(&path(call, known).map_err(misfit)?.iter().map(String::as_str).collect::<Vec<_>>());
    query(&mut url, call, known).map_err(misfit)?;
    let body = match (&call.json, &call.form) {
        (Some(tree), _) => {
            Some((http.media_type().to_owned(), tree.value(known).map_err(misfit)?.to_string()))
        }
        (None, Some(form)) => {
            let fields = filled(form.iter(), known).map_err(misfit)?;
            Some((FORM.to_owned(), Serializer::new(String::new()).extend_pairs(fields).finish()))
        }
        (None, None) => None,
    };
    Ok(Ask {
        method: call.call.method.clone(),
        url,
        headers: headers(call, known).map_err(misfit)?,
        body,
        write: step && !call.call.reads(),
    })
}

/// The request of `call` as an operator reads it before it is made.
pub(super) fn shown(call: &Call, known: &Known, what: &str) -> Shown {
    let path: String =
        call.call.segments.iter().map(|segment| format!("/{}", segment.shown(known))).collect();
    Shown::new(call.call.method.as_str(), path, what)
}

/// The segments of the path. One that is empty or dots alone would make another path of it: `DELETE /users/` is not what
/// anybody means by `DELETE /users/{{ id }}`.
fn path(call: &Call, known: &Known) -> Result<Vec<String>, String> {
    let segment = |template: &Template| {
        let segment = template.text(known)?;
        match segment.as_str() {
            "" | "." | ".." => Err(format!("\"{segment}\" cannot stand in the path of a call")),
            _ => Ok(segment),
        }
    };
    call.call.segments.iter().map(segment).collect()
}

fn query(url: &mut Url, call: &Call, known: &Known) -> Result<(), String> {
    let pairs = filled(call.query.iter(), known)?;
    if !pairs.is_empty() {
        // Not every server reads `+` as a space. A real plus is written %2B at this point.
        let query = Serializer::new(String::new()).extend_pairs(pairs).finish().replace('+', "%20");
        url.set_query(Some(&query));
    }
    Ok(())
}

fn headers(call: &Call, known: &Known) -> Result<HeaderMap, String> {
    let header = |(name, value): (&str, String)| {
        let name = HeaderName::try_from(name).map_err(|_| format!("\"{name}\" is no name of a header"))?;
        let value =
            HeaderValue::try_from(value).map_err(|_| format!("what is to be sent as {name} cannot be"))?;
        Ok((name, value))
    };
    filled(call.headers.iter(), known)?.into_iter().map(header).collect()
}

/// Names and texts, without those that come to nothing.
fn filled<'a>(
    templates: impl Iterator<Item = (&'a String, &'a Template)>,
    known: &Known,
) -> Result<Vec<(&'a str, String)>, String> {
    let mut filled = Vec::new();
    for (name, template) in templates {
        if template.value(known)? != Value::Null {
            filled.push((name.as_str(), template.text(known)?));
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::http::Auth;
    use crate::provision::pace::Pace;
    use serde_json::json;

    fn asked(call: Value, name: Value) -> Result<Ask, Fault> {
        let base = "https://app.example/api/".parse().unwrap();
        let http = Http::new(base, Auth::None, "application/json", Pace::default()).unwrap();
        let call = serde_json::from_value(call).unwrap();
        ask(&http, &call, &Known::default().with("name", name).with("none", Value::Null), true)
    }

    #[test]
    fn a_value_stays_in_its_place() {
        let call = json!({
            "call": "PUT /users/@{{ name }}:x/{{ name }}",
            "query": { "q": "{{ name }}", "left-out": "{{ none }}", "n": 7 },
            "headers": { "X-Name": "{{ name }}" },
            "form": { "name": "{{ name }}", "left-out": "{{ none }}" },
        });
        let ask = asked(call, json!("a/b?c=d&e #+%2e")).unwrap();
        assert_eq!(
            ask.url.as_str(),
            "https://app.example/api/users/@a%2Fb%3Fc=d&e%20%23+%252e:x/a%2Fb%3Fc=d&e%20%23+%252e?n=7&q=a%2Fb%3Fc%3Dd%26e%20%23%2B%252e"
        );
        assert_eq!(ask.headers["x-name"], "a/b?c=d&e #+%2e");
        assert_eq!(ask.body.unwrap().1, "name=a%2Fb%3Fc%3Dd%26e+%23%2B%252e");
        assert!(ask.write);
    }

    #[test]
    fn a_path_leads_nowhere_else() {
        for name in [json!(""), json!("."), json!(".."), json!(null), json!([1])] {
            let refused = asked(json!({ "call": "DELETE /users/{{ name }}" }), name.clone());
            assert!(matches!(refused, Err(Fault::Refused { .. })), "{name}");
        }
        // To the parser of URLs, these are dots as well.
        let ask = asked(json!({ "call": "DELETE /users/{{ name }}" }), json!("%2e%2E")).unwrap();
        assert_eq!(ask.url.path(), "/api/users/%252e%252E");
        assert!(
            asked(json!({ "call": "GET /a", "headers": { "X": "{{ name }}" } }), json!("a\r\nb")).is_err()
        );
    }
}
