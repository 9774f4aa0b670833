//! How many connections there may be: what the descriptor limit allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are not for clients and apps: the store's, the providers', the targets', our own.
const OURS: usize = 256;
/// What a client may hold: its own connection, and one to an app.
const EACH: usize = 2;

/// Raises the soft limit of open descriptors to the hard one, and says what it then is. The soft limit is low for
/// programs that use select(2), which we do not.
pub fn descriptors() -> usize {
    let before = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: before.maximum, maximum: before.maximum };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(error) => {
            tracing::warn!(%error, "the descriptor limit cannot be raised: {error}");
            before.current
        }
    };
    // None is no limit.
    limit.and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX)
}

/// How many connections of clients so many descriptors allow.
pub fn most_connections(descriptors: usize) -> usize {
    (descriptors.saturating_sub(OURS) / EACH).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_may_need_two_descriptors() {
        assert!(most_connections(20_000) >= 9_000);
        assert_eq!(most_connections(1_024), 384);
        assert_eq!(most_connections(16), 1);
        let raised = descriptors();
        assert_eq!(getrlimit(Resource::Nofile).current.map(|limit| limit as usize), Some(raised));
    }
}
