//! One direction of a tunnel. Bytes go through a buffer that all tunnels of a thread share; one keeps bytes of its
//! own only while they cannot be written. An idle tunnel has no buffer.

use super::frames::Frames;
use super::wire::Wire;
use bytes::{Buf, Bytes};
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How much is read at a time, in bytes.
const SCRATCH: usize = 64 * 1024;
/// How often one direction reads before others get their turn.
const ROUNDS: usize = 16;

thread_local! {
    /// Nothing in it is needed from one poll to the next.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into());
}

/// One direction.
pub(super) struct Flow {
    /// How far the receiver has come.
    frames: Frames,
    /// Read, and not written yet.
    held: Bytes,
    state: State,
    moved: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Everything that was written has left.
    Flushed,
    Written,
    /// The sender has said all; the receiver has yet to hear that.
    Ended,
    Over,
}

impl Flow {
    /// A direction that begins with what was `read` already.
    pub(super) fn new(frames: Frames, read: Bytes) -> Self {
        // What is empty may still hold the memory that HTTP was read into.
        let held = if read.is_empty() { Bytes::new() } else { read };
        Self { frames, held, state: State::Flushed, moved: false }
    }

    /// Whether anything was read since this was last asked.
    pub(super) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// How far the receiver has come.
    pub(super) fn frames(&self) -> &Frames {
        &self.frames
    }

    /// Copies until `from` has said all and `to` has heard it.
    pub(super) fn poll_copy(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Wire,
        to: &mut Wire,
    ) -> Poll<io::Result<()>> {
        for _ in 0..ROUNDS {
            while !self.held.is_empty() {
                ready!(self.poll_write_held(context, to, usize::MAX))?;
            }
            match self.state {
                State::Over => return Poll::Ready(Ok(())),
                State::Ended => {
                    ready!(Pin::new(&mut *to).poll_shutdown(context))?;
                    self.state = State::Over;
                    continue;
                }
                State::Flushed | State::Written => {}
            }
            if self
                .poll_read(context, from, |flow, context, bytes| flow.pass(context, to, bytes))?
                .is_pending()
            {
                if self.state == State::Written {
                    ready!(Pin::new(to).poll_flush(context))?;
                    self.state = State::Flushed;
                }
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Goes on until no frame is under way for `to`. Without `from`, only with what was read before.
    ///
    /// # Errors
    /// When that cannot be: the frame was not sent whole, or what passes is no WebSocket.
    pub(super) fn poll_finish_frame(
        &mut self,
        context: &mut Context<'_>,
        mut from: Option<&mut Wire>,
        to: &mut Wire,
    ) -> Poll<io::Result<()>> {
        while !self.frames.is_between() {
            if self.frames.is_lost() {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            if !self.held.is_empty() {
                let frame = { self.frames }.step(&self.held);
                ready!(self.poll_write_held(context, to, frame))?;
                continue;
            }
            let (Some(from), State::Flushed | State::Written) = (from.as_deref_mut(), self.state) else {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            };
            ready!(self.poll_read(context, from, |flow, _, bytes| {
                flow.held = Bytes::copy_from_slice(bytes);
                Ok(())
            }))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what still comes, for nobody, until `from` has said Close or nothing more comes.
    pub(super) fn poll_drain(&mut self, context: &mut Context<'_>, from: &mut Wire) -> Poll<io::Result<()>> {
        self.frames.follow(&std::mem::take(&mut self.held));
        while !self.frames.is_closed() && matches!(self.state, State::Flushed | State::Written) {
            ready!(self.poll_read(context, from, |flow, _, bytes| {
                flow.frames.follow(bytes);
                Ok(())
            }))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once, and does `with` the bytes what is to be done with them.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        from: &mut Wire,
        with: impl FnOnce(&mut Self, &mut Context<'_>, &[u8]) -> io::Result<()>,
    ) -> Poll<io::Result<()>> {
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(from).poll_read(context, &mut buffer))?;
            self.moved = true;
            if buffer.filled().is_empty() {
                self.state = State::Ended;
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(with(self, context, buffer.filled()))
        })
    }

    /// Writes `bytes`, and keeps what cannot be written now.
    fn pass(&mut self, context: &mut Context<'_>, to: &mut Wire, mut bytes: &[u8]) -> io::Result<()> {
        self.state = State::Written;
        while !bytes.is_empty() {
            match Pin::new(&mut *to).poll_write(context, bytes)? {
                Poll::Ready(count) => {
                    self.wrote(&bytes[..count])?;
                    bytes = &bytes[count..];
                }
                Poll::Pending => {
                    self.held = Bytes::copy_from_slice(bytes);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Writes at most `most` bytes of those that are held, which are some.
    fn poll_write_held(
        &mut self,
        context: &mut Context<'_>,
        to: &mut Wire,
        most: usize,
    ) -> Poll<io::Result<()>> {
        let bytes = &self.held[..self.held.len().min(most)];
        let count = ready!(Pin::new(to).poll_write(context, bytes))?;
        self.wrote(&self.held.slice(..count))?;
        self.held.advance(count);
        if self.held.is_empty() {
            self.held = Bytes::new();
        }
        if self.state == State::Flushed {
            self.state = State::Written;
        }
        Poll::Ready(Ok(()))
    }

    fn wrote(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.frames.follow(bytes);
        Ok(())
    }
}
