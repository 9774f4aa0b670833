//! Health checks: a small request, again and again, to each endpoint whose configuration asks for it.

use super::address::Address;
use super::connect::Fresh;
use super::endpoint::Endpoint;
use super::failure::Failure;
use super::message::to_http2;
use super::registry::Registry;
use super::settings::Checks;
use crate::gateway::upload::FromClient;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use std::sync::{Arc, Weak};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// So many checks in a row must fail before an endpoint is taken for ill. One that succeeds makes it well.
const IN_A_ROW: u32 = 2;

/// Checks every endpoint that wants it, also those that come with a reload, until `stop`.
pub async fn run(registry: Registry, stop: CancellationToken) {
    let running = TaskTracker::new();
    let begin = async {
        loop {
            for endpoint in registry.all() {
                if let Some(checks) = endpoint.checks.clone().filter(|_| endpoint.begin_checks()) {
                    let checking = check(Arc::downgrade(&endpoint), checks);
                    running.spawn(stop.clone().run_until_cancelled_owned(checking));
                }
            }
            registry.changed().await;
        }
    };
    stop.run_until_cancelled(begin).await;
    running.close();
    running.wait().await;
}

/// Checks one endpoint for as long as it is in use.
async fn check(endpoint: Weak<Endpoint>, checks: Checks) {
    let mut failed = 0;
    while let Some(endpoint) = endpoint.upgrade() {
        let found = match timeout(checks.timeout, ask(&endpoint, &checks)).await {
            Ok(Ok(status)) if status == checks.status => Ok(()),
            Ok(Ok(status)) => Err(format!("it answers {status}")),
            Ok(Err(failure)) => Err(failure.to_string()),
            Err(_) => Err(format!("no answer within {:?}", checks.timeout)),
        };
        let name = endpoint.peer.address.to_string();
        match found {
            Ok(()) => {
                failed = 0;
                if endpoint.health.check(true) {
                    tracing::info!(endpoint = name, "{name} passes its check again");
                }
            }
            Err(why) => {
                failed += 1;
                if failed >= IN_A_ROW && endpoint.health.check(false) {
                    tracing::warn!(endpoint = name, why, "{name} fails its check: {why}");
                }
            }
        }
        drop(endpoint);
        sleep(checks.every).await;
    }
}

/// The status of an answer on a connection of its own: what is kept for people's requests says nothing of
/// whether a new one can be made.
async fn ask(endpoint: &Endpoint, checks: &Checks) -> Result<StatusCode, Failure> {
    let peer = &endpoint.peer;
    let mut request = Request::new(FromClient::Nothing);
    *request.uri_mut() = checks.path.clone().into();
    let host = match &peer.address {
        Address::Tcp { .. } => {
            HeaderValue::try_from(peer.address.to_string()).map_err(std::io::Error::other)?
        }
        Address::Unix(_) => HeaderValue::from_static("localhost"),
    };
    request.headers_mut().insert(header::HOST, host);
    request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static("guestpass"));
    let answer: Response<Incoming> = match peer.connect(false).await? {
        Fresh::One(mut sender) => sender.send_request(request).await?,
        Fresh::Many(mut sender, _) => {
            to_http2(&mut request, peer.tls.is_some(), false);
            sender.send_request(request).await?
        }
    };
    Ok(answer.status())
}
