//! What is short goes out in one piece. Handing the kernel one piece costs less than a list of them, by more than it costs to
//! put a head and a small body together.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncWrite, ReadBuf};

/// How many bytes are put together; more are written from where they are.
const SHORT: usize = 4096;

/// Writes `slices` to `stream`, as [`AsyncWrite::poll_write_vectored`] does.
pub(super) fn poll_write<T: AsyncWrite + Unpin>(
    stream: &mut T,
    context: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    if let [only] = slices {
        return stream.poll_write(context, only);
    }
    if length(slices) > SHORT {
        return stream.poll_write_vectored(context, slices);
    }
    let mut room = [const { MaybeUninit::uninit() }; SHORT];
    let mut piece = ReadBuf::uninit(&mut room);
    slices.iter().for_each(|slice| piece.put_slice(slice));
    stream.poll_write(context, piece.filled())
}

/// How many bytes there are in all.
pub(super) fn length(slices: &[IoSlice<'_>]) -> usize {
    slices.iter().map(|slice| slice.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::future::poll_fn;
    use tokio::io::AsyncReadExt;

    proptest! {
        #[test]
        fn every_byte_arrives_in_order_however_it_is_cut(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..6),
            room in 1..9000usize,
        ) {
            let whole = pieces.concat();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let (mut ours, mut theirs) = tokio::io::duplex(room);
            let arrived = runtime.block_on(async move {
                let sends = async move {
                    let mut written = 0;
                    let slices: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
                    let (mut rest, total) = (&mut slices.clone()[..], length(&slices));
                    while written < total {
                        let count = poll_fn(|context| poll_write(&mut ours, context, rest)).await.unwrap();
                        assert!(count > 0, "nothing is written");
                        written += count;
                        IoSlice::advance_slices(&mut rest, count);
                    }
                };
                let mut arrived = Vec::new();
                let (_, read) = tokio::join!(sends, theirs.read_to_end(&mut arrived));
                read.unwrap();
                arrived
            });
            prop_assert_eq!(arrived, whole);
        }
    }
}
