//! Where the frames of a WebSocket end (RFC 6455, section 5.2). It follows the bytes that pass and keeps none; what
//! frames say is between client and app.

/// The opcode of a Close frame (RFC 6455, section 5.5.1).
const CLOSE: u8 = 0x8;
/// Set in the first byte of the last frame of a message.
const FIN: u8 = 0x80;
/// Set in the opcodes of control frames.
const CONTROL: u8 = 0x8;
/// Set in the second byte of a frame that is masked.
const MASKED: u8 = 0x80;
/// How long a mask is, and what control frames may carry, in bytes.
const MASK: u8 = 4;
const MOST_CONTROL: u8 = 125;

/// How far one direction of a WebSocket has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frames {
    /// Clients mask their frames, servers must not (RFC 6455, section 5.1).
    masked: bool,
    place: Place,
    is_closed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Header(Header),
    Payload {
        opcode: u8,
        left: u64,
    },
    /// What passed is no WebSocket.
    Lost,
}

/// As much of a header as was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Header {
    seen: u8,
    first: u8,
    /// How many bytes hold the length, where the second byte of the header is too short for it.
    extended: u8,
    length: u64,
}

const BETWEEN: Place = Place::Header(Header { seen: 0, first: 0, extended: 0, length: 0 });

impl Frames {
    /// The frames of a client.
    pub(super) fn of_client() -> Self {
        Self { masked: true, place: BETWEEN, is_closed: false }
    }

    /// The frames of an app.
    pub(super) fn of_app() -> Self {
        Self { masked: false, ..Self::of_client() }
    }

    /// Follows `bytes` until a frame ends, and returns how many that were: all, where none ends in them.
    pub(super) fn step(&mut self, bytes: &[u8]) -> usize {
        let mut count = 0;
        while count < bytes.len() {
            match &mut self.place {
                Place::Lost => return bytes.len(),
                Place::Header(header) => {
                    self.place = header.then(bytes[count], self.masked);
                    count += 1;
                }
                Place::Payload { left, .. } => {
                    let here = (bytes.len() - count) as u64;
                    let passed = here.min(*left);
                    *left -= passed;
                    // Not more than `here`, which was a usize.
                    count += passed as usize;
                }
            }
            if let Place::Payload { opcode, left: 0 } = self.place {
                self.is_closed |= opcode == CLOSE;
                self.place = BETWEEN;
                return count;
            }
        }
        count
    }

    /// Follows all of `bytes`.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = &bytes[self.step(bytes)..];
        }
    }

    /// Whether no frame is under way.
    pub(super) fn is_between(&self) -> bool {
        self.place == BETWEEN
    }

    /// Whether what passed cannot have been a WebSocket: then nobody knows where a frame would end.
    pub(super) fn is_lost(&self) -> bool {
        self.place == Place::Lost
    }

    /// Whether a Close frame has passed, after which there may be nothing (RFC 6455, section 5.5.1).
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }
}

impl Header {
    /// Where one more byte leads.
    fn then(mut self, byte: u8, masked: bool) -> Place {
        match self.seen {
            0 => self.first = byte,
            1 => {
                let length = byte & !MASKED;
                let is_control = self.first & CONTROL != 0;
                if (byte & MASKED != 0) != masked
                    || is_control && (length > MOST_CONTROL || self.first & FIN == 0)
                {
                    return Place::Lost;
                }
                self.extended = match length {
                    126 => 2,
                    127 => 8,
                    _ => 0,
                };
                if self.extended == 0 {
                    self.length = length.into();
                }
            }
            seen if seen < 2 + self.extended => self.length = self.length << 8 | u64::from(byte),
            _ => {} // The mask.
        }
        self.seen += 1;
        if self.seen < 2 + self.extended + if masked { MASK } else { 0 } {
            Place::Header(self)
        } else if self.length > i64::MAX as u64 {
            Place::Lost
        } else {
            Place::Payload { opcode: self.first & 0xf, left: self.length }
        }
    }
}

/// A Close frame with a code of RFC 6455, section 7.4, and a reason of at most 123 bytes; masked if there is a mask.
pub(super) fn close(code: u16, reason: &str, mask: Option<[u8; 4]>) -> Vec<u8> {
    let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
    debug_assert!(payload.len() <= MOST_CONTROL.into());
    let mut frame = vec![FIN | CLOSE, payload.len() as u8];
    match mask {
        None => frame.extend(payload),
        Some(mask) => {
            frame[1] |= MASKED;
            frame.extend(mask);
            frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        }
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    struct Sent {
        opcode: u8,
        length: usize,
    }

    fn write(sent: &Sent, masked: bool) -> Vec<u8> {
        let mut frame = vec![FIN | sent.opcode];
        let mask = if masked { MASKED } else { 0 };
        match sent.length {
            0..=125 => frame.push(mask | sent.length as u8),
            126..=0xffff => {
                frame.push(mask | 126);
                frame.extend((sent.length as u16).to_be_bytes());
            }
            _ => {
                frame.push(mask | 127);
                frame.extend((sent.length as u64).to_be_bytes());
            }
        }
        let mask: &[u8] = if masked { &[1, 2, 3, 4] } else { &[] };
        frame.extend(mask);
        frame.extend(std::iter::repeat_n(0x88, sent.length));
        frame
    }

    /// Where frames end in `pieces`, counted from the first byte.
    fn ends<'a>(frames: &mut Frames, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<usize> {
        let (mut passed, mut ends) = (0, vec![]);
        for mut piece in pieces {
            while !piece.is_empty() {
                let count = frames.step(piece);
                assert!(0 < count && count <= piece.len());
                passed += count;
                piece = &piece[count..];
                if frames.is_between() {
                    ends.push(passed);
                }
            }
        }
        ends
    }

    fn sent() -> impl Strategy<Value = Sent> {
        let length = prop_oneof![
            Just(0_usize),
            1..126_usize,
            Just(126_usize),
            127..700_usize,
            Just(0xffff_usize),
            Just(0x1_0000_usize),
        ];
        let data = (0..3_u8, length).prop_map(|(opcode, length)| Sent { opcode, length });
        let control = (prop_oneof![Just(9_u8), Just(10)], 0..126_usize)
            .prop_map(|(opcode, length)| Sent { opcode, length });
        prop_oneof![3 => data, 1 => control]
    }

    proptest! {
        #[test]
        fn frames_end_where_they_were_written_to_end_however_they_arrive(
            sent in proptest::collection::vec(sent(), 1..8),
            cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
            masked in any::<bool>(),
        ) {
            let (mut bytes, mut written) = (vec![], vec![]);
            for sent in &sent {
                bytes.extend(write(sent, masked));
                written.push(bytes.len());
            }
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let start = if masked { Frames::of_client() } else { Frames::of_app() };
            let mut frames = start;
            let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
            prop_assert_eq!(ends(&mut frames, pieces), written.clone());
            prop_assert!(!frames.is_closed() && !frames.is_lost());
            let mut by_bytes = start;
            prop_assert_eq!(ends(&mut by_bytes, bytes.chunks(1)), written);
            // Who listens to the wrong side hears no WebSocket.
            let mut wrong = if masked { Frames::of_app() } else { Frames::of_client() };
            wrong.follow(&bytes);
            prop_assert!(wrong.is_lost());
        }

        #[test]
        fn no_bytes_are_too_strange_to_follow(
            bytes in proptest::collection::vec(any::<u8>(), 0..400),
            cut in any::<proptest::sample::Index>(),
            masked in any::<bool>(),
        ) {
            let mut whole = if masked { Frames::of_client() } else { Frames::of_app() };
            let mut halves = whole;
            whole.follow(&bytes);
            let (first, second) = bytes.split_at(cut.index(bytes.len() + 1));
            halves.follow(first);
            halves.follow(second);
            prop_assert_eq!((whole.place, whole.is_closed), (halves.place, halves.is_closed));
        }
    }

    #[test]
    fn a_close_frame_of_ours_is_one() {
        assert_eq!(close(1008, "no", None), [0x88, 4, 0x03, 0xf0, b'n', b'o']);
        let masked = close(1001, "", Some([1, 2, 3, 4]));
        assert_eq!(masked, [0x88, 0x82, 1, 2, 3, 4, 0x03 ^ 1, 0xe9 ^ 2]);
        let mut frames = Frames::of_client();
        frames.follow(&masked);
        assert!(frames.is_closed() && frames.is_between());
    }

    #[test]
    fn what_no_websocket_sends_is_told_apart() {
        for bytes in [
            &[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0][..], // A length with its highest bit set.
            &[0x89, 126],                                // A ping that is too long.
            &[0x08, 0],                                  // A close in fragments.
            b"HTTP/1.1 200 OK\r\n\r\n",
        ] {
            let mut frames = Frames::of_app();
            frames.follow(bytes);
            assert!(frames.is_lost(), "{bytes:?}");
        }
    }
}
