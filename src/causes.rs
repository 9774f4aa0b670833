//! An error with all that it came from: a library's own words say little, and its causes what somebody can act on.

use std::error::Error;
use std::fmt;

/// The error's words, and those of its causes. What repeats its cause is not told twice.
pub struct Causes<'a>(pub &'a dyn Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        let mut cause = self.0.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !said.ends_with(&words) {
                said = format!("{said}: {words}");
            }
            cause = error.source();
        }
        f.write_str(&said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Told(&'static str, #[source] Option<Box<Self>>);

    #[test]
    fn each_cause_is_told_once() {
        let refused = Told("connection refused", None);
        let connect = Told("cannot connect", Some(Box::new(refused)));
        assert_eq!(Causes(&connect).to_string(), "cannot connect: connection refused");
        let twice = Told("sent nothing: cannot connect", Some(Box::new(connect)));
        assert_eq!(Causes(&twice).to_string(), "sent nothing: cannot connect: connection refused");
    }
}
