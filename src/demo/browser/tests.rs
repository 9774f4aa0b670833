use super::*;
use axum::Router;
use axum::response::Redirect;
use axum::routing::{any, get};
use tokio::net::TcpListener;

/// Tells what it was sent: method, body, and the headers that matter here.
async fn echo(method: Method, headers: HeaderMap, body: String) -> String {
    let header = |name: &str| headers.get(name).map_or("-", |value| value.to_str().unwrap());
    let names = ["cookie", "origin", "sec-fetch-mode", "sec-fetch-site"];
    format!("{method} {body} {}", names.map(header).join(" "))
}

async fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let elsewhere = format!("http://b.localhost:{port}/echo");
    let away = Redirect::to(&elsewhere);
    let again = Redirect::temporary("echo");
    let router = Router::new()
        .route("/echo", any(echo))
        .route("/away", any(async || ([(SET_COOKIE, "who=a; Path=/; Secure; HttpOnly")], away)))
        .route("/again", any(async || again))
        .route("/loop", get(async || Redirect::to("/loop")));
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

#[tokio::test]
async fn it_sends_keeps_and_follows_as_browsers_do() {
    let port = serve().await;
    let url = |path: &str| format!("http://a.localhost:{port}{path}");
    let browser = Browser::new(Clock::system()).unwrap();

    assert_eq!(browser.get(&url("/echo")).await.unwrap().text, "GET  - - navigate none");
    let away = browser.post_form(&url("/away"), &[("x", "1 2")]).await.unwrap();
    assert_eq!(away.text, "GET  - - navigate cross-site");
    assert_eq!(away.hops, [Hop { url: url("/away").parse().unwrap(), status: StatusCode::SEE_OTHER }]);
    assert_eq!(away.url.host_str(), Some("b.localhost"));

    let origin = url("");
    let again = browser.post_form(&url("/again"), &[("x", "1 2")]).await.unwrap();
    assert_eq!(again.text, format!("POST x=1+2 who=a {origin} navigate same-origin"));
    assert_eq!(browser.xhr(&url("/echo")).await.unwrap().text, "GET  who=a - cors same-origin");
    assert!(matches!(browser.get(&url("/loop")).await, Err(BrowserError::Lost(_))));
    assert!(matches!(browser.get("nowhere").await, Err(BrowserError::NotAUrl(_))));
}
