//! One part of a trace: from when to when, and what it was. The words are those of OpenTelemetry's semantic conventions.

use super::Traces;
use super::context::Context;
use http::HeaderValue;
use jiff::Timestamp;

/// On which side of a call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Neither.
    Internal,
    /// We are asked.
    Server,
    /// We ask.
    Client,
}

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

/// One that has begun. It ends when it is dropped, so that what was given up is told as well.
pub struct Span {
    traces: Traces,
    /// In a box, since whoever waits for an answer keeps it meanwhile, and mostly there is none.
    finished: Option<Box<Finished>>,
}

/// One that has ended.
pub(super) struct Finished {
    pub(super) context: Context,
    /// The span above it, if any.
    pub(super) parent: Option<[u8; 8]>,
    pub(super) kind: Kind,
    pub(super) name: &'static str,
    pub(super) begin: Timestamp,
    pub(super) end: Timestamp,
    pub(super) attributes: Vec<(&'static str, Value)>,
    pub(super) failed: bool,
}

impl Span {
    pub(super) fn new(
        traces: Traces,
        name: &'static str,
        kind: Kind,
        parent: Option<Context>,
        now: Timestamp,
    ) -> Self {
        let finished = Finished {
            context: Context::below(parent.as_ref()),
            parent: parent.map(|parent| parent.span),
            kind,
            name,
            begin: now,
            end: now,
            attributes: Vec::new(),
            failed: false,
        };
        Self { traces, finished: Some(Box::new(finished)) }
    }

    /// A text that is neither secret nor anybody's.
    pub fn text(&mut self, name: &'static str, value: impl Into<String>) {
        self.set(name, Value::Text(value.into()));
    }

    /// A number.
    pub fn number(&mut self, name: &'static str, value: impl Into<i64>) {
        self.set(name, Value::Number(value.into()));
    }

    /// That it failed, and how, in a word.
    pub fn failed(&mut self, how: impl Into<String>) {
        self.text("error.type", how);
        if let Some(finished) = &mut self.finished {
            finished.failed = true;
        }
    }

    /// The status of the answer. What a server answers with less than 500 is no failure of its.
    pub fn status(&mut self, status: http::StatusCode) {
        self.number("http.response.status_code", status.as_u16());
        let is_client = self.finished.as_ref().is_some_and(|finished| finished.kind == Kind::Client);
        if status.is_server_error() || (is_client && status.is_client_error()) {
            self.failed(status.as_str());
        }
    }

    /// The header by which whoever is asked goes on with it.
    pub fn header(&self) -> HeaderValue {
        self.finished.as_ref().map_or(HeaderValue::from_static("-"), |finished| finished.context.header())
    }

    /// What it is below, for spans that are begun elsewhere.
    pub(super) fn below(&self) -> Option<(Traces, Context)> {
        self.finished.as_ref().map(|finished| (self.traces.clone(), finished.context))
    }

    fn set(&mut self, name: &'static str, value: Value) {
        if let Some(finished) = &mut self.finished {
            finished.attributes.push((name, value));
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(mut finished) = self.finished.take() {
            finished.end = self.traces.0.clock.now();
            self.traces.hand_over(*finished);
        }
    }
}
