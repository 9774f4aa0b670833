//! Spans as OTLP has them, in the messages that OpenTelemetry makes of its own files.

use super::span::{Finished, Kind, Value};
use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span, status};
use prost::Message;

/// The media type of what [`request`] makes.
pub(super) const MEDIA_TYPE: &str = "application/x-protobuf";

/// The body of a request that tells `spans`; `instance` tells this process from others.
pub(super) fn request(spans: Vec<Finished>, instance: &str) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let about =
        [("service.name", "guestpass"), ("service.version", version), ("service.instance.id", instance)];
    let attributes = about.map(|(name, value)| attribute(name, Value::Text(value.to_owned()))).into();
    let scope = InstrumentationScope {
        name: "guestpass".to_owned(),
        version: version.to_owned(),
        ..InstrumentationScope::default()
    };
    let spans = spans.into_iter().map(written).collect();
    let told = ResourceSpans {
        resource: Some(Resource { attributes, ..Resource::default() }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![told] }.encode_to_vec()
}

fn written(finished: Finished) -> Span {
    let failed = || Status { code: status::StatusCode::Error.into(), ..Status::default() };
    let kind = match finished.kind {
        Kind::Internal => span::SpanKind::Internal,
        Kind::Server => span::SpanKind::Server,
        Kind::Client => span::SpanKind::Client,
    };
    Span {
        trace_id: finished.context.trace.into(),
        span_id: finished.context.span.into(),
        parent_span_id: finished.parent.map(Vec::from).unwrap_or_default(),
        name: finished.name.to_owned(),
        kind: kind.into(),
        start_time_unix_nano: nanoseconds(finished.begin),
        end_time_unix_nano: nanoseconds(finished.end),
        attributes: finished.attributes.into_iter().map(|(name, value)| attribute(name, value)).collect(),
        status: finished.failed.then(failed),
        ..Span::default()
    }
}

fn attribute(name: &str, value: Value) -> KeyValue {
    let value = match value {
        Value::Text(text) => any_value::Value::StringValue(text),
        Value::Number(number) => any_value::Value::IntValue(number),
    };
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn nanoseconds(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_nanosecond()).unwrap_or_default()
}
