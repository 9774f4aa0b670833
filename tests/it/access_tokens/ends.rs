//! How a token ends: by its own time, by the role's, or by somebody's word, which is at once.

use super::{fails, passes, program, stage, takes_tokens};
use crate::harness::{AUDIENCE, Hostile, Process, Site};
use axum::Router;
use axum::body::{Body, Bytes};
use futures_util::{StreamExt, stream};
use guestpass::clock::Clock;
use jiff::SignedDuration;
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn a_token_ends_by_itself_on_the_very_connection_on_which_it_was_good() {
    let stage = stage().await;
    let mut program = program(&stage.provider.access_token(json!({})));
    assert_eq!(program.get(&stage.house.echo_url).await.status, 200);
    stage.house.turn(SignedDuration::from_secs(3599));
    assert_eq!(program.get(&stage.house.echo_url).await.status, 200);
    stage.house.turn(SignedDuration::from_secs(1));
    let reply = program.get(&stage.house.echo_url).await;
    assert!(reply.status == 401 && reply.text.contains("token_ended"), "{}", reply.text);
    passes(&stage, "the next one", &stage.provider.access_token(json!({}))).await;
    stage.close().await;
}

#[tokio::test]
async fn whoever_is_shut_out_is_out_at_once_with_every_token() {
    let stage = stage().await;
    let (one, other) = (stage.provider.access_token(json!({})), stage.provider.opaque(json!({})));
    passes(&stage, "one", &one).await;
    passes(&stage, "other", &other).await;
    stage.house.operator().orders("/people/ci@demo/revoke", json!({})).await;
    fails(&stage, "one", &one, 401, "invalid_token", "token_ended").await;
    fails(&stage, "other", &other, 401, "invalid_token", "token_ended").await;
    let fresh = stage.provider.access_token(json!({}));
    fails(&stage, "a new one", &fresh, 401, "invalid_token", "revoked").await;
    stage.house.operator().orders("/people/ci@demo/restore", json!({})).await;
    passes(&stage, "restored", &stage.provider.access_token(json!({}))).await;
    stage.house.turn(SignedDuration::from_secs(11));
    fails(&stage, "what was ended stays so", &one, 401, "invalid_token", "token_ended").await;
    stage.close().await;
}

#[tokio::test]
async fn a_sign_in_that_is_ended_takes_its_token_with_it_and_no_other() {
    let mut stage = stage().await;
    let (one, other) = (stage.provider.access_token(json!({})), stage.provider.access_token(json!({})));
    passes(&stage, "one", &one).await;
    let sessions = stage.house.operator().asks("/sessions").await;
    let id = sessions[0]["id"].as_str().unwrap().to_owned();
    passes(&stage, "other", &other).await;
    stage.house.operator().orders(&format!("/sessions/{id}/revoke"), json!({})).await;
    fails(&stage, "one", &one, 401, "invalid_token", "token_ended").await;
    passes(&stage, "other", &other).await;
    // A restart forgets neither.
    stage.house.restart().await;
    fails(&stage, "one", &one, 401, "invalid_token", "token_ended").await;
    passes(&stage, "other", &other).await;
    assert_eq!(stage.house.record().await.iter().filter(|event| event.starts_with("signed_in")).count(), 2);
    stage.close().await;
}

#[tokio::test]
async fn what_was_made_before_the_store_was_put_back_may_have_been_ended_since() {
    let stage = stage().await;
    let token = stage.provider.access_token(json!({}));
    let restored = "UPDATE instance SET restored = high_water + 10000000";
    stage.house.database.suffers(crate::harness::Deed::both(restored)).await;
    fails(&stage, "of before", &token, 401, "invalid_token", "token_ended").await;
    stage.house.turn(SignedDuration::from_secs(11));
    passes(&stage, "of after", &stage.provider.access_token(json!({}))).await;
    stage.close().await;
}

#[tokio::test]
async fn another_policy_and_other_terms_hold_for_tokens_that_were_let_in_before() {
    let stage = stage().await;
    let token = stage.provider.access_token(json!({}));
    passes(&stage, "before", &token).await;
    stage.house.change("guestpass.yaml", "scopes: [read]", "scopes: [admin]");
    stage.house.operator().orders("/reload", json!({})).await;
    fails(&stage, "other terms", &token, 403, "insufficient_scope", "insufficient_scope").await;
    stage.house.change("guestpass.yaml", "scopes: [admin]", "scopes: [read]");
    stage.house.change("policies/notes.yaml", "client_id: ci ", "client_id: other ");
    stage.house.operator().orders("/reload", json!({})).await;
    crate::harness::soon(|| async {
        (program(&token).get(&stage.house.echo_url).await.status == 403).then_some(())
    })
    .await;
    stage.close().await;
}

#[tokio::test]
async fn a_stream_that_a_token_opened_ends_when_it_is_taken_no_longer_or_by_other_terms() {
    let whole = format!("access-tokens: {{ audience: \"{AUDIENCE}\", scopes: [read] }}\n    ");
    for (from, to) in [(&*whole, ""), ("scopes: [read]", "scopes: [read, write]")] {
        let stage = stage().await;
        let endless = || async {
            let once = stream::iter([Ok::<_, Infallible>(Bytes::from("begins"))]);
            Body::from_stream(once.chain(stream::pending()))
        };
        stage.house.echo.becomes(Router::new().fallback(endless));
        let host = stage.house.echo_url.strip_prefix("http://").unwrap();
        let token = stage.provider.access_token(json!({}));
        let ask = format!("GET / HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n");
        let mut line = TcpStream::connect(stage.house.front).await.unwrap();
        line.write_all(ask.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"begins\r\n") {
            assert!(line.read_buf(&mut read).await.unwrap() > 0, "{}", String::from_utf8_lossy(&read));
        }
        let reload = async || stage.house.operator().orders("/reload", json!({})).await;
        stage.house.change("guestpass.yaml", "title: Notes", "title: Notebook");
        reload().await;
        let more = timeout(Duration::from_millis(300), line.read(&mut [0])).await;
        assert!(more.is_err(), "the same terms, and it ends");
        stage.house.change("guestpass.yaml", from, to);
        reload().await;
        let ends = timeout(Duration::from_secs(10), line.read_to_end(&mut read)).await;
        assert!(ends.is_ok(), "it goes on with {to:?}");
        stage.close().await;
    }
}

#[tokio::test]
async fn no_token_is_in_any_log_or_store() {
    let site = Site::new(Clock::system()).await;
    let provider = Hostile::new(&site.provider_url, &site.client_secret, Clock::system());
    site.provider.becomes(provider.router());
    takes_tokens(&site, "{ introspect: true }", "");
    let process = Process::serve_with(&site, "trace").await;
    let tokens = [
        provider.access_token(json!({})),
        provider.opaque(json!({})),
        provider.access_token(json!({ "aud": "other" })),
        "opaque-and-unknown-0123456789".to_owned(),
    ];
    for (token, status) in tokens.iter().zip([200, 200, 401, 401]) {
        assert_eq!(program(token).get(&site.echo_url).await.status, status);
    }
    let told = process.log();
    assert!(told.contains("TRACE"), "nothing was traced");
    assert_eq!(process.stop().await, 0);
    let read = |name: &str| {
        String::from_utf8_lossy(&std::fs::read(site.folder().join(name)).unwrap_or_default()).into_owned()
    };
    let kept = ["access.log", "guestpass.db", "guestpass.db-wal"].map(read).concat();
    assert!(kept.contains("ci@demo"), "nothing was kept");
    for token in &tokens {
        // Also not a part of it: signature, or the whole of what is opaque.
        let part = token.rsplit('.').next().unwrap();
        assert!(!told.contains(part), "in the log: {part}");
        assert!(!kept.contains(part), "kept: {part}");
    }
}
