//! Traces through everything that a first request sets off, as a collector gets them, and that nobody waits for one.

use crate::harness::{CARLA, Counterpart, Hand, House, Site, soon};
use axum::Router;
use axum::body::Bytes;
use guestpass::clock::Clock;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use serde_json::Value;
use std::sync::{Arc, Mutex};

const CONFIG: &str = "guestpass.yaml";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// What a collector of ours has heard, which is a fake.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Bytes>>>);

impl Heard {
    fn spans(&self) -> Vec<Span> {
        let told = self.0.lock().unwrap().clone();
        let told = told.into_iter().map(|body| ExportTraceServiceRequest::decode(body).unwrap());
        let scopes = told.flat_map(|told| told.resource_spans).flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    async fn one(&self, so: impl Fn(&Span) -> bool) -> Span {
        soon(|| async { self.spans().into_iter().find(|span| so(span)) }).await
    }
}

/// A collector, and a site that tells it of everything.
async fn site() -> (Counterpart, Heard, Site) {
    let (collector, heard) = (Counterpart::new(), Heard::default());
    let hear = heard.clone();
    collector.becomes(Router::new().fallback(async move |body: Bytes| hear.0.lock().unwrap().push(body)));
    collector.up();
    let site = Site::new(Clock::turned("2026-03-02T09:00:00Z".parse().unwrap())).await;
    let traces =
        format!("traces: {{ endpoint: \"http://{}\", sample: 100% }}\noperations:", collector.address);
    site.change(CONFIG, "operations:", &traces);
    (collector, heard, site)
}

fn text(span: &Span, name: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Any::StringValue(text)) => text,
        Some(Any::IntValue(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// What the echo was told under `name`.
fn told(seen: &Value, name: &str) -> Option<String> {
    let headers = seen["headers"].as_array().unwrap().iter();
    let mut told = headers.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap().to_owned());
    let first = told.next();
    assert_eq!(told.next(), None);
    first
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_trace_goes_through_app_provider_and_target_and_names_nobody() {
    let (_collector, heard, site) = site().await;
    let house = House::of(site).await;
    let carla = house.guest(CARLA).await;
    house.settled().await;
    carla.get(&format!("{}/hush?qwertz=1", house.echo_url)).await.unwrap();
    let page = carla.xhr(&format!("{}/page", house.echo_url)).await.unwrap();
    let seen: Value = serde_json::from_str(&page.text).unwrap();
    let carried = told(&seen, "traceparent").unwrap();

    let call = heard.one(|span| carried.contains(&hex(&span.span_id))).await;
    assert_eq!((call.kind(), &*call.name), (SpanKind::Client, "GET"));
    assert!(carried.contains(&hex(&call.trace_id)) && carried.ends_with("-01"), "{carried}");
    assert_eq!(text(&call, "server.address"), house.echo.address.to_string());
    let asked = heard.one(|span| span.span_id == call.parent_span_id).await;
    assert_eq!((asked.kind(), text(&asked, "guestpass.app")), (SpanKind::Server, "echo".to_owned()));
    assert_eq!(
        (text(&asked, "guestpass.decision"), text(&asked, "guestpass.reason")),
        ("permitted".into(), "role".into())
    );
    assert_eq!(text(&asked, "http.response.status_code"), "200");
    assert_eq!(text(&asked, "guestpass.request_id"), told(&seen, "x-request-id").unwrap());
    let log = std::fs::read_to_string(house.folder().join("access.log")).unwrap();
    assert!(log.contains(&hex(&asked.span_id)), "the access log names it, too: {log}");

    // The provider, asked on the way back from it; the target, for the sake of nobody who waits.
    let provider: u16 = house.provider.address.port();
    let token =
        heard.one(|span| span.name == "POST" && text(span, "server.port") == provider.to_string()).await;
    let callback = heard.one(|span| span.span_id == token.parent_span_id).await;
    assert_eq!(
        (callback.kind(), text(&callback, "guestpass.decision")),
        (SpanKind::Server, "ours".to_owned())
    );
    let work = heard.one(|span| span.name == "provision").await;
    assert_eq!((work.kind(), text(&work, "guestpass.target")), (SpanKind::Internal, "notes".to_owned()));
    heard
        .one(|span| {
            span.trace_id == work.trace_id
                && text(span, "server.port") == house.scim.address.port().to_string()
        })
        .await;

    let all = format!("{:?}", heard.spans());
    for hidden in [CARLA, "carla", "hush", "qwertz", &house.client_secret, &house.scim_token, "Carla"] {
        assert!(!all.contains(hidden), "{hidden} in {all}");
    }
    house.finish().await;
}

#[tokio::test]
async fn a_trace_begins_with_whom_we_trust_or_with_us() {
    let (_collector, _heard, site) = site().await;
    let mut house = House::of(site).await;
    let mut hand = Hand::new();
    hand.say("traceparent", PARENT);
    hand.say("tracestate", "theirs=1");
    let asks = async |house: &House, hand: &mut Hand| -> Value {
        serde_json::from_str(&hand.get(&format!("{}/public", house.echo_url)).await.text).unwrap()
    };
    let seen = asks(&house, &mut hand).await;
    assert!(!told(&seen, "traceparent").unwrap().contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{seen}");
    assert_eq!(told(&seen, "tracestate"), None);
    house.change(CONFIG, "operations:", "trusted-proxies: [127.0.0.1/32]\noperations:");
    house.restart().await;
    let seen = asks(&house, &mut hand).await;
    let carried = told(&seen, "traceparent").unwrap();
    assert!(carried.contains("4bf92f3577b34da6a3ce929d0e0e4736") && carried != PARENT, "{seen}");
    assert_eq!(told(&seen, "tracestate").as_deref(), Some("theirs=1"));
    house.finish().await;
}

#[tokio::test]
async fn a_collector_that_is_away_keeps_nobody_waiting() {
    let (collector, heard, site) = site().await;
    collector.down().await;
    let house = House::of(site).await;
    let carla = house.guest(CARLA).await;
    assert_eq!(house.knock(&carla).await.0, 200);
    collector.up();
    heard.one(|span| span.kind() == SpanKind::Server).await;
    house.finish().await;
}
