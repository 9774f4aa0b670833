//! The span that a task works for, so that what it asks of others goes on with it.

use super::Traces;
use super::context::Context;
use super::span::{Kind, Span};
use http::Method;
use tokio::task_local;

task_local! {
    static CURRENT: Current;
}

/// What spans of this task are below.
#[derive(Clone)]
pub struct Current {
    traces: Traces,
    context: Context,
}

impl Current {
    /// A request to somebody else.
    pub fn call(&self, method: &Method) -> Span {
        self.traces.call(method, Kind::Client, Some(self.context))
    }
}

impl Span {
    /// Does `work` for this span.
    pub async fn holds<T>(&self, work: impl Future<Output = T>) -> T {
        match self.below() {
            Some((traces, context)) => CURRENT.scope(Current { traces, context }, work).await,
            None => work.await,
        }
    }
}

/// What this task works for; `None` where that is not sampled.
pub fn current() -> Option<Current> {
    CURRENT.try_with(Clone::clone).ok()
}

/// `work`, for a task of its own that works for what this one does.
pub fn carry<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let current = current();
    async move {
        match current {
            Some(current) => CURRENT.scope(current, work).await,
            None => work.await,
        }
    }
}
