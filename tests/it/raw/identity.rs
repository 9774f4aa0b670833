//! What an app hears of its guest comes from us alone, however a client spells it, lists it or repeats it.

use super::Front;
use crate::harness::{CARLA, Sent};
use guestpass::demo::provider::Person;

/// Whether a server that turns everything but letters and digits into `_` takes `name` for `of`.
fn is(name: &str, of: &str) -> bool {
    let plain =
        |text: &str| text.to_ascii_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "_");
    plain(name) == plain(of)
}

/// All that `sent` says under a name that could be taken for `name`.
fn said(sent: &Sent, name: &str) -> Vec<String> {
    let alike = sent.headers.iter().filter(|(found, _)| is(found, name));
    alike.map(|(_, value)| value.clone()).collect()
}

fn spellings(name: &str) -> Vec<String> {
    let title: String = name
        .split('-')
        .map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]))
        .collect::<Vec<_>>()
        .join("-");
    let mut all = vec![name.to_owned(), name.to_uppercase(), title];
    for other in ["_", ".", "~", "!", "'"] {
        all.push(name.replace('-', other));
        all.push(name.to_uppercase().replacen('-', other, 1));
    }
    all
}

const OURS: [&str; 6] =
    ["guestpass-assertion", "x-user", "x-roles", "x-mail", "x-forwarded-for", "x-request-id"];

#[tokio::test]
async fn no_spelling_of_our_headers_reaches_an_app_not_even_in_trailers() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for name in OURS {
        for spelled in spellings(name) {
            let forged = format!("{spelled}: forged\r\n{spelled}: forged\r\n");
            let head = front.head(
                "POST /a",
                &format!(
                    "{forged}{carla}trailer: {spelled}\r\ntransfer-encoding: chunked\r\nte: trailers\r\n"
                ),
            );
            let told = front.tell(format!("{head}2\r\nhi\r\n0\r\n{forged}\r\n")).await;
            assert_eq!(told.status, 200, "{spelled}: {told:?}");
            let [sent] = &front.app.sent()[..] else { panic!("{spelled}: {:?}", front.app.sent()) };
            assert_eq!((&sent.body[..], sent.whole), (&b"hi"[..], true));
            assert_eq!(said(sent, name).len(), 1, "{spelled}: {sent:?}");
            let bytes = front.app.bytes().concat();
            assert!(!String::from_utf8_lossy(&bytes).contains("forged"), "{spelled}: {sent:?}");
            front.app.forget();
        }
    }
    front.house.finish().await;
}

#[tokio::test]
async fn what_is_not_known_of_a_guest_is_not_believed_from_them_either() {
    let front = Front::open().await;
    // A public place: nobody is known, so nothing is said.
    let forged: String =
        OURS[..4].iter().flat_map(|name| spellings(name)).map(|name| format!("{name}: x\r\n")).collect();
    assert_eq!(front.get("/public", &forged).await.status, 200);
    let sent = front.app.sent();
    for name in &OURS[..4] {
        assert_eq!(said(&sent[0], name), [""; 0], "{sent:?}");
    }
    front.house.finish().await;
}

/// Her address is not verified, so an app is not told it: by her neither.
#[tokio::test]
async fn what_a_guest_does_not_have_is_not_taken_from_what_they_send() {
    let front = Front::open().await;
    let mut people = Person::cast();
    people.iter_mut().for_each(|person| person.email_verified = false);
    front.house.people(people);
    let carla = front.carla().await;
    for spelled in spellings("x-mail") {
        let forged = format!("{spelled}: chief@example.com\r\n{carla}{spelled}: chief@example.com\r\n");
        assert_eq!(front.get("/a", &forged).await.status, 200, "{spelled}");
        let [sent] = &front.app.sent()[..] else { panic!("{:?}", front.app.sent()) };
        assert_eq!(
            (said(sent, "x-mail"), said(sent, "x-user")),
            (vec![], vec![CARLA.to_owned()]),
            "{spelled}"
        );
        assert!(
            !String::from_utf8_lossy(&front.app.bytes().concat()).contains("chief"),
            "{spelled}: {sent:?}"
        );
        front.app.forget();
    }
    front.house.finish().await;
}

#[tokio::test]
async fn what_connection_lists_takes_nothing_of_ours_away() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for connection in ["Connection", "connection", "CONNECTION"] {
        let listed = "Guestpass-Assertion, x-user, X-ROLES, host, content-length, x-forwarded-for, x-mine";
        let lines = format!(
            "{connection}: close, {listed}\r\n{connection}: X-Mail\r\nx-mine: 1\r\ncontent-length: 2\r\n"
        );
        let told = front.tell(format!("{}hi", front.head("POST /a", &format!("{carla}{lines}")))).await;
        assert_eq!(told.status, 200, "{told:?}");
        let [sent] = &front.app.sent()[..] else { panic!("{:?}", front.app.sent()) };
        for name in OURS {
            assert_eq!(said(sent, name).len(), 1, "{name}: {sent:?}");
        }
        assert_eq!((sent.all("host"), sent.all("content-length")), (vec![&*front.host], vec!["2"]));
        assert_eq!(
            (sent.all("x-mine"), sent.all("connection"), &sent.body[..]),
            (vec![], vec![], &b"hi"[..])
        );
        front.app.forget();
    }
    front.house.finish().await;
}

#[tokio::test]
async fn the_case_of_a_header_decides_nothing() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for (name, other) in
        [("cookie", "Authorization"), ("COOKIE", "AUTHORIZATION"), ("cOoKiE", "authorization")]
    {
        let lines = format!("{}{other}: Bearer theirs\r\n", carla.replacen("cookie", name, 1));
        assert_eq!(front.get("/a", &lines).await.status, 200);
        let [sent] = &front.app.sent()[..] else { panic!("{:?}", front.app.sent()) };
        assert_eq!((sent.all("authorization"), sent.all("cookie")), (vec!["Bearer theirs"], vec![]));
        // Writers alone may go there, and a credential that is the app's own opens nothing here.
        assert_eq!(front.get("/staff", &lines).await.status, 403);
        assert_eq!(front.get("/a", &format!("{other}: Bearer theirs\r\n")).await.status, 401);
        assert_eq!(front.app.sent().len(), 1);
        front.app.forget();
    }
    // Nor does it open a tunnel to where its client may not go.
    let rest = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n";
    for upgrade in ["connection: upgrade\r\nupgrade: websocket", "CONNECTION: Upgrade\r\nUPGRADE: WebSocket"]
    {
        let lines = format!("{upgrade}\r\n{rest}");
        assert_eq!(front.get("/staff", &format!("{carla}{lines}")).await.status, 403, "{upgrade}");
        assert_eq!(front.get("/a", &lines).await.status, 401, "{upgrade}");
    }
    assert_eq!(front.app.sent(), []);
    front.house.finish().await;
}

#[tokio::test]
async fn a_length_under_another_name_is_not_passed_on() {
    let front = Front::open().await;
    let carla = front.carla().await;
    for forged in ["Content_Length: 99", "TRANSFER_ENCODING: chunked", "Transfer.Encoding: chunked"] {
        let head = front.head("POST /a", &format!("{carla}content-length: 2\r\n{forged}\r\n"));
        assert_eq!(front.tell(format!("{head}hi")).await.status, 200);
        let [sent] = &front.app.sent()[..] else { panic!("{:?}", front.app.sent()) };
        assert_eq!(said(sent, "content-length"), ["2"], "{sent:?}");
        assert_eq!(said(sent, "transfer-encoding"), [""; 0], "{sent:?}");
        front.app.forget();
    }
    front.house.finish().await;
}
