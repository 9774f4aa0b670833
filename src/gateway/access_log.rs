//! One line of JSON for each request: who, what, and what became of it. Written by a thread of its own, so that a slow
//! disk holds up nobody; where lines come faster than they can be written they are counted, and the count is told.

use super::authorize::{Overlooked, Permit};
use crate::clock::Clock;
use crate::names::AppName;
use http::{HeaderValue, Method, Response, Uri};
use jiff::Timestamp;
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// How many lines may wait to be written.
const WAITING: usize = 65_536;

/// Where lines go. Cheap to clone.
#[derive(Clone)]
pub struct AccessLog {
    lines: SyncSender<String>,
    lost: Arc<AtomicU64>,
}

impl AccessLog {
    /// Lines go to standard output.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn to_stdout() -> io::Result<Self> {
        Self::to(io::stdout())
    }

    /// Lines go to the end of the file at `path`.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn to_file(path: &Path) -> io::Result<Self> {
        Self::to(File::options().create(true).append(true).open(path)?)
    }

    fn to(output: impl Write + Send + 'static) -> io::Result<Self> {
        let (lines, waiting) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let told = lost.clone();
        std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || write(&waiting, output, &told))?;
        Ok(Self { lines, lost })
    }

    pub(super) fn write(&self, line: &Line<'_>) {
        let Ok(mut text) = serde_json::to_string(line) else { return };
        text.push('\n');
        if let Err(TrySendError::Full(_)) = self.lines.try_send(text) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Writes what waits, and flushes whenever nothing does.
fn write(waiting: &Receiver<String>, output: impl Write, lost: &AtomicU64) {
    let mut output = BufWriter::new(output);
    while let Ok(first) = waiting.recv() {
        let mut lines = std::iter::once(first).chain(waiting.try_iter());
        let written = lines.try_for_each(|line| output.write_all(line.as_bytes()));
        if let Err(error) = written.and_then(|()| output.flush()) {
            tracing::error!(%error, "the access log cannot be written: {error}");
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(
                lost,
                "{lost} lines of the access log were lost: they came faster than they are written"
            );
        }
    }
}

/// What is remembered of a request until its answer begins.
pub(super) struct Asked {
    pub(super) at: Timestamp,
    pub(super) id: HeaderValue,
    pub(super) client: IpAddr,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) host: Option<HeaderValue>,
    pub(super) traceparent: Option<HeaderValue>,
}

/// What became of a request, left in the extensions of its answer.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// It went on to an app.
    Permitted(Permit),
    /// A page of the gate.
    Refused { reason: &'static str, reference: String, app: Option<AppName>, person: Option<String> },
}

impl Outcome {
    /// What was decided, and why, in a word each.
    pub(super) fn decision(&self) -> (&'static str, &'static str) {
        match self {
            Self::Permitted(permit) => match permit.overlooked() {
                None => ("permitted", permit.rule().word()),
                Some(Overlooked { reason, .. }) => ("observed", *reason),
            },
            Self::Refused { reason, .. } => ("refused", *reason),
        }
    }

    /// For which app it was.
    pub(super) fn app(&self) -> Option<&AppName> {
        match self {
            Self::Permitted(permit) => Some(&permit.app().name),
            Self::Refused { app, .. } => app.as_ref(),
        }
    }
}

/// One line. Paths are without their query, which may hold secrets.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    at: Timestamp,
    request_id: &'a str,
    client: IpAddr,
    method: &'a str,
    host: &'a str,
    path: &'a str,
    status: u16,
    decision: &'static str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
    /// Until the answer began, in microseconds.
    took_us: i64,
}

impl Asked {
    /// The line for this request with its answer.
    pub(super) fn line<'a, B>(&'a self, response: &'a Response<B>, clock: &Clock) -> Line<'a> {
        let text = |value: &'a HeaderValue| value.to_str().ok();
        let mut line = Line {
            at: self.at,
            request_id: text(&self.id).unwrap_or_default(),
            client: self.client.to_canonical(),
            method: self.method.as_str(),
            host: self.host.as_ref().and_then(text).or(self.uri.host()).unwrap_or_default(),
            path: self.uri.path(),
            status: response.status().as_u16(),
            decision: "ours",
            reason: "ours",
            app: None,
            person: None,
            session: None,
            reference: None,
            traceparent: self.traceparent.as_ref().and_then(text),
            took_us: i64::try_from(clock.now().duration_since(self.at).as_micros()).unwrap_or(i64::MAX),
        };
        match response.extensions().get() {
            Some(outcome @ Outcome::Permitted(permit)) => {
                (line.decision, line.reason) = outcome.decision();
                line.app = Some(permit.app().name.as_str());
                let looked_at = || permit.overlooked()?.session.as_ref();
                let session = permit.guest().map(|guest| guest.session()).or_else(looked_at);
                line.person = session.map(|session| session.person.to_string());
                line.session = session.map(|session| session.sign_in.to_string());
            }
            Some(outcome @ Outcome::Refused { reference, app, person, .. }) => {
                (line.decision, line.reason) = outcome.decision();
                line.reference = Some(reference);
                line.app = app.as_ref().map(AppName::as_str);
                line.person.clone_from(person);
            }
            None => {}
        }
        line
    }
}
