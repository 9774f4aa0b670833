//! The lines of an export: written and read one at a time, with a sum over all that came before.

use super::MoveError;
use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, Read, Write};

/// What a line may have at the most, in bytes: far more than any that is written.
const LONGEST: u64 = 64 << 20;

/// Writes lines.
pub(super) struct Written<W> {
    to: W,
    sum: Context,
}

impl<W: Write> Written<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, sum: Context::new(&SHA256) }
    }

    pub(super) fn line(&mut self, value: &impl Serialize) -> Result<(), MoveError> {
        let mut line = serde_json::to_vec(value).map_err(std::io::Error::from)?;
        line.push(b'\n');
        self.sum.update(&line);
        Ok(self.to.write_all(&line)?)
    }

    /// The sum over all lines so far.
    pub(super) fn sum(&self) -> String {
        text(&self.sum)
    }

    pub(super) fn finish(mut self) -> Result<(), MoveError> {
        Ok(self.to.flush()?)
    }
}

/// Reads lines.
pub(super) struct Lines<R> {
    from: R,
    sum: Context,
    /// The sum over the lines before the last one.
    before: Context,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        let sum = Context::new(&SHA256);
        Self { from, before: sum.clone(), sum, number: 0 }
    }

    /// The next one.
    ///
    /// # Errors
    /// [`MoveError::Line`] where it is not what was expected there, also where the file is over.
    pub(super) fn next<T: DeserializeOwned>(&mut self, expected: &'static str) -> Result<T, MoveError> {
        let mut line = Vec::new();
        self.from.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
        self.number += 1;
        if line.last() != Some(&b'\n') {
            return Err(self.wrong("the file breaks off; nothing was imported"));
        }
        self.before = self.sum.clone();
        self.sum.update(&line);
        serde_json::from_slice(&line).map_err(|_| self.wrong(expected))
    }

    /// The sum over all lines before the last one.
    pub(super) fn sum_before(&self) -> String {
        text(&self.before)
    }

    /// What is wrong with the last line.
    pub(super) fn wrong(&self, what: impl Into<String>) -> MoveError {
        MoveError::Line { line: self.number, what: what.into() }
    }
}

fn text(sum: &Context) -> String {
    URL_SAFE_NO_PAD.encode(sum.clone().finish())
}
