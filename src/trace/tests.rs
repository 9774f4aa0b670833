//! Spans as a collector gets them.

use super::*;
use crate::metrics::Metrics;
use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use http::{HeaderValue, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1 as otlp;
use prost::Message;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// A collector in this process, which is a fake: it reads what it is told, and answers as it is told to.
#[derive(Clone, Default)]
struct Collector {
    heard: Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>,
    answers: Arc<Mutex<Vec<StatusCode>>>,
}

impl Collector {
    async fn open() -> (Self, SocketAddr) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, heard) = (listener.local_addr().unwrap(), collector.clone());
        let hear = async move |headers: HeaderMap, body: Bytes| {
            let told = ExportTraceServiceRequest::decode(body).unwrap();
            heard.heard.lock().unwrap().push((headers, told));
            heard.answers.lock().unwrap().pop().unwrap_or(StatusCode::OK)
        };
        let router = Router::new().route("/v1/traces", post(hear));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, address)
    }

    fn spans(&self) -> Vec<otlp::Span> {
        let heard = self.heard.lock().unwrap();
        let resources = heard.iter().flat_map(|(_, told)| told.resource_spans.clone());
        resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
    }

    async fn hears(&self, spans: usize) -> Vec<otlp::Span> {
        let wait = async {
            while self.spans().len() < spans {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(20), wait).await.expect("the spans did not come");
        self.spans()
    }
}

fn traces(endpoint: &str, sample: &str) -> (Traces, Exporter, Metrics) {
    let headers = json!({ "x-api-key": "open sesame" });
    let settings = json!({ "endpoint": endpoint, "sample": sample, "headers": headers });
    let (settings, metrics) = (serde_json::from_value(settings).unwrap(), Metrics::new());
    let clock = Clock::turned("2026-03-02T09:00:00Z".parse().unwrap());
    let (traces, exporter) = Traces::new(&settings, &metrics, clock).unwrap();
    (traces, exporter, metrics)
}

fn attribute(span: &otlp::Span, name: &str) -> Option<Value> {
    let found = span.attributes.iter().find(|attribute| attribute.key == name)?;
    found.value.clone()?.value
}

fn asked(traces: &Traces) -> Option<Span> {
    traces.asked(&Method::GET, &HeaderMap::new(), false)
}

#[tokio::test]
async fn a_collector_reads_what_it_is_told() {
    let (collector, address) = Collector::open().await;
    let (traces, exporter, metrics) = traces(&format!("http://{address}"), "100%");
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(exporter, stop.clone()));

    let mut parent = asked(&traces).unwrap();
    parent.text("guestpass.app", "wiki");
    let called = format!("http://name:password@{address}/users/carla?token=1");
    let reply = parent.holds(send(reqwest::Client::new().get(called))).await.unwrap();
    assert_eq!(reply.status(), 404);
    traces.0.clock.advance(jiff::SignedDuration::from_millis(1500));
    parent.status(StatusCode::OK);
    drop(parent);

    let spans = collector.hears(2).await;
    let (child, parent) = (&spans[0], &spans[1]);
    assert_eq!((child.kind(), parent.kind()), (otlp::span::SpanKind::Client, otlp::span::SpanKind::Server));
    assert_eq!((&child.trace_id, &child.parent_span_id), (&parent.trace_id, &parent.span_id));
    assert_eq!((parent.trace_id.len(), parent.span_id.len(), parent.parent_span_id.len()), (16, 8, 0));
    assert_eq!(
        (&*parent.name, attribute(parent, "guestpass.app")),
        ("GET", Some(Value::StringValue("wiki".into())))
    );
    assert_eq!(attribute(parent, "http.response.status_code"), Some(Value::IntValue(200)));
    assert_eq!(parent.end_time_unix_nano - parent.start_time_unix_nano, 1_500_000_000);
    assert_eq!(parent.status, None);
    assert_eq!(child.status.as_ref().unwrap().code(), otlp::status::StatusCode::Error);
    assert_eq!(attribute(child, "server.address"), Some(Value::StringValue("127.0.0.1".into())));
    let heard = collector.heard.lock().unwrap()[0].clone();
    assert_eq!(heard.0["x-api-key"], "open sesame");
    let told = format!("{:?}", heard.1);
    for hidden in ["carla", "token", "password"] {
        assert!(!told.contains(hidden), "{told}");
    }
    assert!(told.contains("service.name"), "{told}");
    soon(|| metrics.text().contains("guestpass_spans_total{outcome=\"sent\"} 2")).await;
    stop.cancel();
    running.await.unwrap();
}

async fn soon(so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), wait).await.expect("it did not become so");
}

#[tokio::test]
async fn who_is_trusted_says_whether_and_to_what_a_request_belongs() {
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let sent = |line: &str| HeaderMap::from_iter([(TRACEPARENT, HeaderValue::from_str(line).unwrap())]);
    let asked = |traces: &Traces, line: &str, trusted| traces.asked(&Method::GET, &sent(line), trusted);
    let (none, _kept, _) = traces("http://127.0.0.1:1", "0%");
    let theirs = asked(&none, parent, true).unwrap().header();
    assert!(theirs.to_str().unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert_ne!(theirs, parent);
    assert!(asked(&none, parent, false).is_none());
    let (all, _kept, _) = traces("http://127.0.0.1:1", "100%");
    assert!(asked(&all, &parent.replace("-01", "-00"), true).is_none());
    let ours = asked(&all, parent, false).unwrap().header();
    assert!(!ours.to_str().unwrap().contains("4bf92f3577b34da6a3ce929d0e0e4736"));
}

#[tokio::test]
async fn about_the_share_that_was_said_is_sampled() {
    let (tenth, _kept, _) = traces("http://127.0.0.1:1", "10%");
    let sampled = (0..10_000).filter(|_| tenth.draw()).count();
    assert!((800..1_200).contains(&sampled), "{sampled}");
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_counted_and_nobody_waits() {
    // Nothing takes them away.
    let (traces, _exporter, metrics) = traces("http://127.0.0.1:1", "100%");
    for _ in 0..8_200 {
        drop(asked(&traces));
    }
    assert!(metrics.text().contains("guestpass_spans_total{outcome=\"dropped\"} 8"), "{}", metrics.text());
}

#[tokio::test]
async fn a_collector_that_has_to_wait_is_told_again_and_one_that_refuses_is_not() {
    let (collector, address) = Collector::open().await;
    collector.answers.lock().unwrap().extend([StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE]);
    let (traces, exporter, metrics) = traces(&format!("http://{address}/v1/traces"), "100%");
    tokio::spawn(run(exporter, CancellationToken::new()));
    drop(asked(&traces));
    let twice = collector.hears(2).await;
    assert_eq!(twice[0], twice[1]);
    soon(|| metrics.text().contains("guestpass_spans_total{outcome=\"sent\"} 1")).await;
    collector.answers.lock().unwrap().push(StatusCode::BAD_REQUEST);
    drop(asked(&traces));
    soon(|| metrics.text().contains("guestpass_spans_total{outcome=\"dropped\"} 1")).await;
    assert_eq!(collector.spans().len(), 3);
}

#[tokio::test]
async fn the_last_spans_go_when_we_stop() {
    let (collector, address) = Collector::open().await;
    let (traces, exporter, _) = traces(&format!("http://{address}"), "100%");
    let stop = CancellationToken::new();
    for _ in 0..600 {
        drop(traces.work("provision"));
    }
    stop.cancel();
    run(exporter, stop).await;
    assert_eq!(collector.spans().len(), 600);
}
