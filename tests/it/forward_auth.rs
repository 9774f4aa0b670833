//! Another proxy carries the requests and asks about each: the real nginx and the real Caddy, by the very files in
//! `docs/forward-auth`; for Envoy and Traefik the questions that they ask.

mod proxy;

use crate::harness::{ADA, CARLA, Hand, Wire};
use jiff::SignedDuration;
use proxy::{Carried, each};
use serde_json::Value;

/// What the app was told, by the names in `told`, whatever stands between their letters.
fn all<'a>(told: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = told["headers"].as_array().unwrap().iter();
    let named = headers.filter(|pair| pair[0].as_str().unwrap().replace(['_', '.'], "-") == name);
    named.map(|pair| pair[1].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_login_through_the_proxy_makes_an_account_before_the_first_page() {
    each(async |carried: &Carried| {
        let browser = carried.house.browser();
        let url = format!("{}/?from=mail", carried.notes_url);
        let page = carried.house.sign_in(&browser, &url, CARLA).await;
        assert_eq!((page.status.as_u16(), page.url.as_str()), (200, url.as_str()), "{}", page.text);
        let account = carried.house.account().await;
        assert!(account.active && account.groups == ["readers"]);
        // Notes believes the assertion alone.
        let seen = browser.xhr(&format!("{}/hook/whoami", carried.notes_url)).await.unwrap();
        assert!(seen.text.contains(&account.id), "{}", seen.text);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_is_told_by_us_alone() {
    each(async |carried: &Carried| {
        let mut hand = carried.guest(CARLA).await;
        for name in ["guestpass-assertion", "guestpass_assertion", "Guestpass.Assertion", "x-request-id"] {
            hand.say(name, "forged");
            hand.say(name, "forged again");
        }
        let token = hand.cookies_at(&carried.echo_url)["guestpass"].clone();
        for (more, left) in [
            (vec![], None),
            (vec![("a", "1")], Some("a=1")),
            (vec![("z", "1")], Some("z=1")),
            (vec![("a", "1"), ("z", "guestpass=2")], Some("a=1; z=guestpass=2")),
            (vec![("a", "1"), ("guestpass-nonce", &token), ("z", "1")], Some("a=1; z=1")),
            (vec![("__Host-guestpass", &token), ("guestpassport", "1")], Some("guestpassport=1")),
        ] {
            let cookies = hand.cookies_at(&carried.echo_url);
            cookies.retain(|name, _| name == "guestpass");
            cookies.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            let reply = hand.get(&format!("{}/page?q=/..//%41", carried.echo_url)).await;
            let told: Value = serde_json::from_str(&reply.text).unwrap_or_else(|_| panic!("{}", reply.text));
            assert_eq!(told["path"], "/page?q=/..//%41");
            let said = all(&told, "guestpass-assertion");
            assert!(said.len() == 1 && said[0].starts_with("ey"), "{told}");
            assert!(all(&told, "x-request-id").iter().all(|id| !id.contains("forged")), "{told}");
            let cookies: Vec<&str> =
                all(&told, "cookie").into_iter().filter(|line| !line.is_empty()).collect();
            assert_eq!(cookies, Vec::from_iter(left), "{told}");
        }
        // The first of ours counts, and none of any number is for the app.
        let many =
            format!("cookie: guestpass={token}; guestpass=2; a=1; __Host-guestpass=3; guestpass-nonce=4\r\n");
        let (status, text) = carried.raw("GET /page", &many).await;
        assert!(status == 200 && !text.contains(&token) && !text.contains("guestpass="), "{text}");
        // Nor can a client have the word taken off on the way (RFC 9110, section 7.6.1).
        let takes_off =
            format!("cookie: guestpass={token}\r\nconnection: guestpass-assertion, x-request-id\r\n");
        let (status, text) = carried.raw("GET /page", &takes_off).await;
        assert!(status == 400 || text.contains("ey"), "{status} {text}");
        let (status, text) = carried.raw("GET /public", "guestpass-assertion: forged\r\n").await;
        assert!(status == 200 && !text.contains("forged"), "{text}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_pass_gets_our_answer_with_the_reason() {
    each(async |carried: &Carried| {
        let (status, text) = carried.raw("GET /page", "accept: application/json\r\n").await;
        assert!(status == 401 && text.contains("\"reason\":\"sign_in_needed\""), "{text}");
        assert!(text.contains("application/problem+json") && text.contains("www-authenticate"), "{text}");
        let (status, text) = carried.raw("POST /page", "content-length: 4\r\n").await;
        assert!(status == 401 && text.contains("sign_in_needed"), "{text}");
        let mut carla = carried.guest(CARLA).await;
        let page = carla.get(&format!("{}/staff", carried.echo_url)).await;
        assert!(page.status == 403 && page.text.contains("no_role"), "{} {}", page.status, page.text);
        let mut ada = carried.guest(ADA).await;
        assert_eq!(ada.get(&format!("{}/staff", carried.echo_url)).await.status, 200);

        carried.house.turn(SignedDuration::from_hours(30 * 24));
        let seen = carried.house.echo.seen().len();
        let page = carla.get(&format!("{}/page", carried.echo_url)).await;
        assert!(page.status == 403 && page.text.contains("It was given for 30 days."), "{}", page.text);
        assert_eq!(carried.house.echo.seen().len(), seen);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_path_and_no_other_host_leads_past_the_rule() {
    each(async |carried: &Carried| {
        let mut carla = carried.guest(CARLA).await;
        let cookie = format!("cookie: guestpass={}\r\n", carla.cookies_at(&carried.echo_url)["guestpass"]);
        let seen = carried.house.echo.seen().len();
        for target in [
            "/staff",
            "/staff/",
            "/public/../staff",
            "/public/..%2fstaff",
            "/public/%2e%2e/staff",
            "//staff",
            "/./staff",
            "/%73taff",
            "/staff%2f..",
            "/staff;x",
            "/public\\..\\staff",
            "/.guestpass/../staff",
            "/.guestpass/auth/../../staff",
            "/staff?x-forwarded-uri=/public",
            "/public#/../staff",
            "/public#",
        ] {
            let forged =
                "x-forwarded-uri: /public\r\nx-forwarded-method: OPTIONS\r\nx-original-url: /public\r\n";
            let (status, text) = carried.raw(&format!("GET {target}"), &format!("{cookie}{forged}")).await;
            assert!((300..500).contains(&status), "{target}: {text}");
        }
        // A session for another app is none here, whatever the request says of its host.
        let mut notes = Hand::new();
        carried.sign_in(&mut notes, &carried.notes_url, CARLA).await;
        let cookie = notes.cookies_at(&carried.notes_url)["guestpass"].clone();
        let (at_notes, at_echo) = (carried.host(&carried.notes_url), carried.host(&carried.echo_url));
        for (target, host) in [("/page".to_owned(), at_notes), (format!("http://{at_echo}/page"), at_notes)] {
            let mut wire = Wire::to(carried.echo_at).await;
            let head = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\ncookie: guestpass={cookie}\r\n\r\n");
            wire.send(head).await;
            wire.told().await;
        }
        assert_eq!(carried.house.echo.seen().len(), seen, "{:?}", carried.house.echo.seen());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_questions_of_envoy_and_traefik_are_answered_for_trusted_proxies() {
    let mut carried = Carried::by_nobody().await;
    let mut carla = Hand::new();
    let (_, status) = carried.sign_in(&mut carla, &carried.echo_url, CARLA).await;
    assert_eq!(status, 503, "there is no proxy to carry it");
    let cookie = format!("cookie: guestpass={}\r\n", carla.cookies_at(&carried.echo_url)["guestpass"]);
    let host = carried.host(&carried.echo_url).to_owned();
    let ask = async |carried: &Carried, line: &str, host: &str, more: &str| {
        let mut wire = Wire::to(carried.ask).await;
        wire.send(format!("{line} HTTP/1.1\r\nhost: {host}\r\n{more}\r\n")).await;
        wire.told().await.unwrap()
    };
    // Envoy: the target below a path of ours, the method and the host those of the request.
    for (target, expected) in
        [("/page", 200), ("/staff", 403), ("/public", 200), ("/public/../staff", 400), ("/%73taff", 400)]
    {
        let told = ask(&carried, &format!("GET /.guestpass/auth{target}"), &host, &cookie).await;
        assert_eq!(told.status, expected, "{target}: {}", told.head);
        let is_told = told.header("guestpass-assertion").is_some_and(|word| word.starts_with("ey"));
        assert_eq!(is_told, target == "/page", "{}", told.head);
    }
    assert_eq!(ask(&carried, "GET /.guestpass/auth/page", &host, "").await.status, 401);
    // Traefik: all of it in headers.
    let traefik = |method: &str, uri: &str| {
        format!(
            "x-forwarded-method: {method}\r\nx-forwarded-proto: http\r\nx-forwarded-host: {host}\r\n\
             x-forwarded-uri: {uri}\r\nx-forwarded-for: 192.0.2.7\r\n{cookie}"
        )
    };
    for (method, uri, expected) in [("GET", "/page", 200), ("DELETE", "/page", 200), ("GET", "/staff", 403)] {
        let told = ask(&carried, "GET /.guestpass/auth", "127.0.0.1", &traefik(method, uri)).await;
        assert_eq!(told.status, expected, "{method} {uri}: {}", told.head);
    }
    carried.house.change("guestpass.yaml", "127.0.0.1/32", "192.0.2.1/32");
    carried.house.restart().await;
    let told = ask(&carried, "GET /.guestpass/auth", "127.0.0.1", &traefik("GET", "/page")).await;
    assert_eq!((told.status, told.reason().as_str()), (403, "not_asked"));
    assert_eq!(told.header("guestpass-assertion"), None);
    assert_eq!(carried.house.echo.seen(), [], "a question reached the app");
    carried.house.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_observed_is_always_a_yes_and_names_nobody_whom_it_would_refuse() {
    let mut carried = Carried::by_nobody().await;
    let at = carried.host(&carried.echo_url).to_owned();
    let host = format!("    host: \"{at}\"\n");
    carried.house.change("guestpass.yaml", &host, &format!("{host}    enforce: false\n"));
    carried.house.restart().await;
    let mut carla = Hand::new();
    carried.sign_in(&mut carla, &format!("{}/.guestpass/start?to=/", carried.echo_url), CARLA).await;
    let cookie = format!("cookie: guestpass={}\r\n", carla.cookies_at(&carried.echo_url)["guestpass"]);
    for (target, more, named) in [
        ("/page", "", false),
        ("/page", &*cookie, true),
        ("/staff", &*cookie, false),
        ("/public/../staff", &*cookie, false),
    ] {
        let mut wire = Wire::to(carried.ask).await;
        let forged = "guestpass-assertion: forged\r\naccept: text/html\r\n";
        wire.send(format!("GET /.guestpass/auth{target} HTTP/1.1\r\nhost: {at}\r\n{forged}{more}\r\n")).await;
        let told = wire.told().await.unwrap();
        assert_eq!(told.status, 200, "{target}: {}", told.head);
        // Empty where nobody is named, so that it is written over.
        let word = told.header("guestpass-assertion").unwrap();
        assert_eq!((word.starts_with("ey"), word.is_empty()), (named, !named), "{target}: {}", told.head);
    }
    carried.house.finish().await;
}
