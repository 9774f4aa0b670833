//! The way to the collector: spans wait in a queue and go in batches. Nobody waits for it.

use super::settings::Settings;
use super::span::Finished;
use super::{Shared, Traces, wire};
use crate::causes::Causes;
use crate::clock::Clock;
use crate::loopback::Resolver;
use crate::metrics::Metrics;
use crate::seal::random_text;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use reqwest::Client;
use reqwest::redirect::Policy;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

/// How many spans may wait. Each takes about half a KiB.
const WAITING: usize = 8_192;
/// How many go at a time.
const BATCH: usize = 512;
/// How long the first of a batch waits for others.
const GATHER: Duration = Duration::from_secs(2);
/// How long the collector may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How long to wait before what it could not take is told again, at first and at the most.
const RESTS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How long the last spans may take when we stop.
const GOOD_BYE: Duration = Duration::from_secs(2);

/// What became of spans. A clone counts for the same.
#[derive(Clone, Default)]
pub(super) struct Counts(Family<[(&'static str, &'static str); 1], Counter>);

impl Counts {
    pub(super) fn dropped(&self, spans: usize) {
        self.add("dropped", spans);
    }

    fn add(&self, outcome: &'static str, spans: usize) {
        self.0.get_or_create(&[("outcome", outcome)]).inc_by(spans as u64);
    }
}

/// Takes spans to the collector.
pub struct Exporter {
    client: Client,
    address: Url,
    headers: HeaderMap,
    instance: String,
    queue: Receiver<Finished>,
    counts: Counts,
    /// Whether the last batch was taken.
    well: bool,
}

impl Traces {
    /// Traces as `settings` say, and what takes them to the collector.
    ///
    /// # Errors
    /// Where no HTTP client can be made, or a header is none.
    pub fn new(settings: &Settings, metrics: &Metrics, clock: Clock) -> anyhow::Result<(Self, Exporter)> {
        let client = Client::builder()
            .timeout(ANSWER)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent("guestpass")
            .dns_resolver(Resolver)
            .build()?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(wire::MEDIA_TYPE));
        for (name, value) in &settings.headers {
            let mut value = HeaderValue::from_str(value.expose_secret())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::try_from(name)?, value);
        }
        let counts = Counts::default();
        metrics.register("spans", "Spans of traces by what became of them", counts.0.clone());
        // A series that begins with its first failure shows no increase.
        for outcome in ["sent", "dropped"] {
            counts.add(outcome, 0);
        }
        let (sender, queue) = channel(WAITING);
        let shared =
            Shared { clock, below: settings.sample.of(u64::MAX), queue: sender, counts: counts.clone() };
        let (address, instance) = (settings.address(), random_text());
        let exporter = Exporter { client, address, headers, instance, queue, counts, well: true };
        Ok((Self(Arc::new(shared)), exporter))
    }
}

/// Takes what there is to the collector, until `stop`; then what is left, if that is quick.
pub async fn run(mut exporter: Exporter, stop: CancellationToken) {
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let first = stop.run_until_cancelled(exporter.queue.recv_many(&mut batch, BATCH)).await;
        if first.is_none_or(|spans| spans == 0) {
            break;
        }
        // Those that come soon after go with it.
        let others = async {
            while batch.len() < BATCH {
                let room = BATCH - batch.len();
                if exporter.queue.recv_many(&mut batch, room).await == 0 {
                    break;
                }
            }
        };
        let _ = stop.run_until_cancelled(timeout(GATHER, others)).await;
        let (spans, counts) = (std::mem::take(&mut batch), exporter.counts.clone());
        let count = spans.len();
        if stop.run_until_cancelled(exporter.tell(spans)).await.is_none() {
            counts.dropped(count);
            break;
        }
    }
    let last = async {
        while let Ok(span) = exporter.queue.try_recv() {
            batch.push(span);
            if batch.len() == BATCH {
                exporter.post(wire::request(std::mem::take(&mut batch), &exporter.instance)).await.ok();
            }
        }
        if !batch.is_empty() {
            exporter.post(wire::request(std::mem::take(&mut batch), &exporter.instance)).await.ok();
        }
    };
    let _ = timeout(GOOD_BYE, last).await;
}

impl Exporter {
    /// Tells the collector of `spans`, again and again while it cannot take them; what comes meanwhile waits in the queue.
    async fn tell(&mut self, spans: Vec<Finished>) {
        let count = spans.len();
        let body = wire::request(spans, &self.instance);
        let mut rest = RESTS.0;
        loop {
            match self.post(body.clone()).await {
                Ok(()) => {
                    self.counts.add("sent", count);
                    if !std::mem::replace(&mut self.well, true) {
                        tracing::info!("the collector takes traces again");
                    }
                    return;
                }
                Err(failure) => {
                    if std::mem::replace(&mut self.well, false) {
                        let why = &failure.why;
                        tracing::warn!(endpoint = %self.address, "traces are not taken: {why}");
                    }
                    if !failure.may_pass {
                        return self.counts.dropped(count);
                    }
                }
            }
            sleep(rest).await;
            rest = (rest * 2).min(RESTS.1);
        }
    }

    async fn post(&self, body: Vec<u8>) -> Result<(), Failure> {
        let request = self.client.post(self.address.clone()).headers(self.headers.clone()).body(body);
        let response = request
            .send()
            .await
            .map_err(|error| Failure { why: Causes(&error.without_url()).to_string(), may_pass: true })?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        // OTLP 1, "Failures": those that are worth another try.
        let may_pass = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        );
        Err(Failure { why: format!("it answers {status}"), may_pass })
    }
}

struct Failure {
    why: String,
    /// Whether the same may be taken later.
    may_pass: bool,
}
