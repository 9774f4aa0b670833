//! Which request is judged: the one that goes on. A target that an app could read in another way is refused, and
//! nothing beside the request line and `Host` decides.

use super::Front;
use crate::harness::Told;

/// Ways to write `/staff` to somebody who tidies, and others to write what leaves its place.
const DISGUISES: [&str; 66] = [
    "/public/../staff",
    "/public/./../staff",
    "/public/%2e%2e/staff",
    "/public/%2E%2e/staff",
    "/public/.%2e/staff",
    "/public/%2e./staff",
    "/public/..%2fstaff",
    "/public%2f..%2fstaff",
    "/public%2F%2E%2E%2Fstaff",
    "/public/..;/staff",
    "/public/..;x=1/staff",
    "/public;/../staff",
    "/public/;/../staff",
    "/public/..%3b/staff",
    "/public/..%00/staff",
    "/public/..%0d/staff",
    "/public/..%5cstaff",
    "/public\\..\\staff",
    "/public/..\\staff",
    "/public%5c..%5cstaff",
    "/./staff",
    "/../staff",
    "/x/../staff",
    "/%2e/staff",
    "/.%2fstaff",
    "//staff",
    "///staff",
    "/public//../staff",
    "/x//staff",
    "/%2fstaff",
    "/%2Fstaff",
    "/\\staff",
    "/%5cstaff",
    "\\staff",
    "/%73taff",
    "/s%74aff",
    "/staf%66",
    "/%53taff",
    "/%73%74%61%66%66",
    "/staff;",
    "/staff;x",
    "/staff;x=1/y",
    "/;x/staff",
    "/staff%3b",
    "/staff%3Bx=1",
    "/%c0%afstaff",
    "/%c1%b3taff",
    "/%e0%80%afstaff",
    "/%f0%80%80%afstaff",
    "/public/%c0%ae%c0%ae/staff",
    "/public/%c0%2e%c0%2e/staff",
    "/%u0073taff",
    "/%u002e%u002e/staff",
    "/staff%00",
    "/staff%00.png",
    "/staff%0a",
    "/staff%0d%0a",
    "/staff%09",
    "/staff%7f",
    "/staff%23",
    "/staff%",
    "/staff%2",
    "/staff%zz",
    "/public%23/../../staff",
    "/public?/../staff%23#",
    "/public%",
];

/// What may be sent on, as it is.
const PLAIN: [&str; 14] = [
    "/",
    "/a",
    "/a/b/",
    "/a%20b",
    "/%c3%a4/%E2%82%AC",
    "/a%25b",
    "/...",
    "/..a/.b",
    "/@me:x,y=1+2!$&'()*",
    "/a?x=/../staff",
    "/a?/staff;//%2e%2e%2f%00",
    "/public?next=http://evil.example/%23",
    "/staffroom",
    "/a/staff",
];

#[tokio::test]
async fn no_disguise_of_a_path_reaches_an_app() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for target in DISGUISES {
        for lines in [carla.as_str(), ""] {
            let told = front.get(target, lines).await;
            let sent = front.app.sent();
            // Where it is sent on, it is what was judged: a public place, without a second reading.
            let harmless = target.starts_with("/public?")
                && told.status == 200
                && sent[0].target() == "/public?/../staff%23";
            assert!(harmless || (told.status == 400 && sent.is_empty()), "{target}: {told:?} {sent:?}");
            front.app.forget();
        }
    }
    front.house.finish().await;
}

/// Many apps take `/Staff` for `/staff` (Express, ASP.NET Core): a rule must not be got around by that.
#[tokio::test]
async fn other_letters_are_no_way_around_a_rule() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for target in ["/Staff", "/STAFF/x", "/stafF"] {
        let told = front.get(target, &carla).await;
        assert!(matches!(told.status, 400 | 403), "{target}: {told:?}");
    }
    assert_eq!(front.app.sent(), []);
    front.house.finish().await;
}

#[tokio::test]
async fn bytes_that_make_no_target_reach_no_app() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let mut targets: Vec<Vec<u8>> = Vec::new();
    for byte in (0..=0x20).chain(0x7f..=0xff) {
        targets.push([b"/public", &[byte][..], b"/../staff"].concat());
        targets.push([b"/public/x", &[byte][..]].concat());
    }
    for target in [&b"public"[..], b"?x", b"", b"*", b"*/staff", b"localhost:80", b"staff/../x"] {
        targets.push(target.to_vec());
    }
    for target in targets {
        let rest = format!(" HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{carla}\r\n", front.host);
        let mut wire = front.wire().await;
        wire.send([b"GET ", &target[..], rest.as_bytes()].concat()).await;
        let (told, _) = wire.all().await;
        let shown = String::from_utf8_lossy(&target);
        assert!(told.iter().all(|told| told.status == 400) && told.len() <= 1, "{shown:?}: {told:?}");
        assert_eq!(front.app.sent(), [], "{shown:?}");
    }
    front.house.finish().await;
}

#[tokio::test]
async fn what_has_one_reading_goes_on_as_it_came() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for target in PLAIN {
        assert_eq!(front.get(target, &carla).await.status, 200, "{target}");
        let [sent] = &front.app.sent()[..] else { panic!("{target}: {:?}", front.app.sent()) };
        assert_eq!(sent.line, format!("GET {target} HTTP/1.1"));
        front.app.forget();
    }
    front.house.finish().await;
}

/// hyper's URI type drops a fragment before anybody sees it. So it neither decides nor goes on: what is judged is
/// what the app is sent. (`%23`, which an app could decode to one, is refused.)
#[tokio::test]
async fn a_fragment_neither_decides_nor_goes_on() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for (target, left) in [
        ("/public#/../staff", "/public"),
        ("/public/x#", "/public/x"),
        ("/public?x#/staff", "/public?x"),
        ("/public?#?y", "/public?"),
    ] {
        let told = front.get(target, "").await;
        assert_eq!(told.status, 200, "{target}: {told:?}");
        assert_eq!(front.app.sent()[0].line, format!("GET {left} HTTP/1.1"));
        front.app.forget();
    }
    for target in ["/staff#/../public", "/staff?#/public", "/staff/#", "/%73taff#"] {
        let told = front.get(target, &carla).await;
        assert!(matches!(told.status, 400 | 403), "{target}: {told:?}");
    }
    assert_eq!(front.app.sent(), []);
    // Where nothing is left of a path, the app is still asked for one.
    for (behind, left) in [("", "/"), ("#", "/"), ("#/public", "/"), ("?x", "/?x"), ("?x#/public", "/?x")] {
        let target = format!("http://{}{behind}", front.host);
        assert_eq!(front.get(&target, "").await.status, 401, "{target}");
        assert_eq!(front.get(&target, &carla).await.status, 200, "{target}");
        assert_eq!(front.app.sent()[0].line, format!("GET {left} HTTP/1.1"), "{target}");
        front.app.forget();
    }
    front.house.finish().await;
}

#[tokio::test]
async fn a_place_is_protected_whatever_is_in_the_query() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for query in
        ["x=/public", "/public", "/../public", "%2f..%2fpublic", "x=1&y=/public/", "?/public", ";/public"]
    {
        assert_eq!(front.get(&format!("/staff?{query}"), &carla).await.status, 403, "{query}");
        assert_eq!(front.get(&format!("/a?{query}"), "").await.status, 401, "{query}");
    }
    assert_eq!(front.app.sent(), []);
    front.house.finish().await;
}

#[tokio::test]
async fn nothing_but_request_line_and_host_says_what_is_asked_for() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let path = [
        "X-Forwarded-Uri",
        "X-Forwarded-Path",
        "X-Forwarded-Prefix",
        "X-Original-URL",
        "X-Original-URI",
        "X-Rewrite-URL",
        "X_Original_URL",
        "x-forwarded-uri",
    ];
    let host = ["X-Forwarded-Host", "X-Host", "X-Original-Host", "X_Forwarded_Host", "Forwarded"];
    let other = [
        "X-Forwarded-Method",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "X-Forwarded-For",
        "X-Real-IP",
        "User-Agent",
    ];
    for name in path.into_iter().chain(host).chain(other) {
        for value in [
            "/public",
            "http://evil.example/public",
            "host=evil.example;proto=https",
            "GoogleHC/1.0",
            "kube-probe/1.30",
        ] {
            let lines = format!("{name}: {value}\r\n");
            assert_eq!(front.get("/a", &lines).await.status, 401, "{lines}");
            assert_eq!(front.get("/staff", &format!("{lines}{carla}")).await.status, 403, "{lines}");
            assert_eq!(front.app.sent(), [], "{lines}");
            assert_eq!(front.get("/public", &lines).await.status, 200, "{lines}");
            let [sent] = &front.app.sent()[..] else { panic!("{:?}", front.app.sent()) };
            let known = ["user-agent"].contains(&&*name.to_ascii_lowercase());
            assert!(known || sent.headers.iter().all(|(_, said)| said != value), "{lines}: {sent:?}");
            assert_eq!(
                (sent.all("x-forwarded-host"), sent.all("x-forwarded-proto")),
                (vec![&*front.host], vec!["http"])
            );
            front.app.forget();
        }
    }
    // Where a person is sent is on the host that was asked for, or on ours.
    for lines in [
        "X-Forwarded-Host: evil.example\r\n",
        "Forwarded: host=evil.example\r\n",
        "X-Forwarded-Proto: ftp\r\n",
    ] {
        let told = front.get("/a", &format!("accept: text/html\r\n{lines}")).await;
        let to = told.header("location").unwrap_or_default();
        assert!(to.starts_with(&front.house.access_url) && !told.head.contains("evil"), "{told:?}");
    }
    front.house.finish().await;
}

/// One request with exactly these `Host` lines, and a target in whatever form.
async fn at(front: &Front, target: &str, hosts: &[&str], lines: &str) -> Told {
    let hosts: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
    front.tell(format!("GET {target} HTTP/1.1\r\n{hosts}{lines}\r\n")).await
}

#[tokio::test]
async fn a_host_has_one_spelling_where_it_is_judged_and_where_it_goes() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let port = front.house.front.port();
    for host in ["echo.localhost", "ECHO.localhost", "Echo.LocalHost", "echo.localhost."] {
        let canonical = format!("echo.localhost:{port}");
        let told = at(&front, "/a", &[&format!("{host}:{port}")], &carla).await;
        assert_eq!(told.status, 200, "{host}: {told:?}");
        let told = at(&front, "/staff", &[&format!("{host}:{port}")], &carla).await;
        assert_eq!(told.status, 403, "{host}: {told:?}");
        let [sent] = &front.app.sent()[..] else { panic!("{:?}", front.app.sent()) };
        assert_eq!((sent.all("host"), sent.all("x-forwarded-host")), (vec![&*canonical], vec![&*canonical]));
        front.app.forget();
    }
    let named = format!("echo.localhost:{port}");
    let named = named.as_str();
    let none: [(&str, &[&str], u16); 27] = [
        ("/public", &[], 400),
        ("/public", &[""], 400),
        ("/public", &[named, named], 400),
        ("/public", &[named, "notes.localhost"], 400),
        ("/public", &["notes.localhost", named], 400),
        ("/public", &["echo.localhost,notes.localhost"], 400),
        ("/public", &["echo.localhost notes.localhost"], 400),
        ("/public", &["echo.localhost/public"], 400),
        ("/public", &["echo.localhost?x"], 400),
        ("/public", &["echo.localhost#x"], 400),
        ("/public", &["notes.localhost@echo.localhost"], 400),
        ("/public", &["echo.localhost:"], 400),
        ("/public", &["echo.localhost:x"], 400),
        ("/public", &["echo.localhost:+80"], 400),
        ("/public", &["echo.localhost:80:80"], 400),
        ("/public", &["echo.localhost:99999"], 400),
        ("/public", &["echo..localhost"], 400),
        ("/public", &["echo.localhost.."], 400),
        ("/public", &[".echo.localhost"], 400),
        ("/public", &["echo\\.localhost"], 400),
        ("/public", &["%65cho.localhost"], 400),
        ("/public", &["\u{ff45}cho.localhost"], 400),
        ("/public", &["xn--echo.localhost"], 421),
        ("/public", &["echo.localhost.evil.example"], 421),
        ("/public", &["127.0.0.1"], 421),
        ("/public", &["[::1]"], 421),
        ("/public", &["echo.localhost:80\tx"], 400),
    ];
    for (target, hosts, status) in none {
        let told = at(&front, target, hosts, &carla).await;
        assert_eq!((told.status, front.app.sent()), (status, vec![]), "{hosts:?}: {told:?}");
    }
    front.house.finish().await;
}

#[tokio::test]
async fn a_target_that_names_a_host_names_the_one_of_the_request() {
    let front = Front::open().await;
    let carla = front.carla().await;
    let host = front.host.as_str();
    for target in [format!("http://{host}/a?x"), format!("http://{}/a?x", host.to_uppercase())] {
        let told = at(&front, &target, &[host], &carla).await;
        assert_eq!(
            (told.status, &*front.app.sent()[0].line),
            (200, "GET /a?x HTTP/1.1"),
            "{target}: {told:?}"
        );
        front.app.forget();
    }
    assert_eq!(at(&front, &format!("http://{host}/staff"), &[host], &carla).await.status, 403);
    let mut refused: Vec<String> =
        ["ftp", "file", "ws", "javascript"].map(|scheme| format!("{scheme}://{host}/a")).to_vec();
    for other in ["notes.localhost", "127.0.0.1", "evil.example", "x@y"] {
        refused.push(format!("http://{other}/a"));
        refused.push(format!("http://{other}@{host}/a"));
    }
    refused.extend([
        format!("//{host}/a"),
        format!("http:/{host}/a"),
        format!("http:{host}/a"),
        format!("http:///{host}/a"),
    ]);
    refused.push(host.to_owned());
    for target in refused {
        let told = at(&front, &target, &[host], &carla).await;
        assert_eq!(told.status, 400, "{target}: {told:?}");
        assert_eq!(front.app.sent(), [], "{target}");
    }
    front.house.finish().await;
}
