//! The record as one Merkle tree (RFC 6962, section 2.1). Whoever has noted its root can tell later whether what was
//! there then is still the same, and whether anything of it is missing.
//!
//! A tree is kept by its peaks, the roots of the complete trees that it falls into: one for each bit of its size. More is
//! not needed to go on with it. So leaves may be forgotten, and what comes after them still proves itself.

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::str::FromStr;

/// What stands for a leaf, or for all that is below a node.
type Hash = [u8; 32];

/// A tree that grows by one leaf after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// The largest first.
    peaks: Vec<Hash>,
}

/// How many leaves there are, and the root over all of them. Written as `size:root`, the root in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// A text that is no head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no head of a record: it is written as 1234:qw3…=, a number and 32 bytes in base64")]
pub struct NotAHead(String);

impl Tree {
    /// The tree of `size` leaves that has these peaks, one after the other; `None` where there is no such tree.
    pub fn of(size: u64, peaks: &[u8]) -> Option<Self> {
        let (peaks, rest) = peaks.as_chunks();
        let fits = rest.is_empty() && u32::try_from(peaks.len()) == Ok(size.count_ones());
        fits.then(|| Self { size, peaks: peaks.to_vec() })
    }

    /// Its peaks, one after the other.
    pub fn peaks(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Grows by a leaf.
    pub fn add(&mut self, leaf: &[u8]) {
        let mut hash = hash(&[&[0], leaf]);
        // Two complete trees of one size are one of the next: the carry of the addition.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Its size and its root.
    pub fn head(&self) -> Head {
        let smaller = |right: Hash, left: &Hash| node(left, &right);
        let root = match self.peaks.split_last() {
            Some((last, larger)) => larger.iter().rev().fold(*last, smaller),
            None => hash(&[]),
        };
        Head { size: self.size, root }
    }
}

fn node(left: &Hash, right: &Hash) -> Hash {
    hash(&[&[1], left, right])
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut hash = Hash::default();
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.size, STANDARD.encode(self.root))
    }
}

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Self, NotAHead> {
        let read = || {
            let (size, root) = text.split_once(':')?;
            Some(Self { size: size.parse().ok()?, root: STANDARD.decode(root).ok()?.try_into().ok()? })
        };
        read().ok_or_else(|| NotAHead(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The leaves that implementations of Certificate Transparency test with, and the roots over the first of them.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let mut tree = Tree::default();
        for (size, expected) in ROOTS.iter().enumerate() {
            let Head { size: found, root } = tree.head();
            let hex: String = root.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!((found, hex.as_str()), (size as u64, *expected));
            LEAVES.get(size).into_iter().for_each(|leaf| tree.add(leaf));
        }
    }

    /// The definition, word for word.
    fn by_the_book(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => hash(&[]),
            [leaf] => hash(&[&[0], leaf]),
            _ => {
                let half = leaves.len().next_power_of_two() / 2;
                node(&by_the_book(&leaves[..half]), &by_the_book(&leaves[half..]))
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_forgotten_of_a_tree_changes_nothing_about_what_follows(
            leaves in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..4), 0..70),
            cut in 0_usize..70,
        ) {
            let mut tree = Tree::default();
            let cut = cut.min(leaves.len());
            leaves[..cut].iter().for_each(|leaf| tree.add(leaf));
            let mut kept = Tree::of(tree.size(), &tree.peaks()).unwrap();
            prop_assert_eq!(&kept, &tree);
            leaves[cut..].iter().for_each(|leaf| kept.add(leaf));
            let head = kept.head();
            prop_assert_eq!(head, Head { size: leaves.len() as u64, root: by_the_book(&leaves) });
            prop_assert_eq!(head.to_string().parse(), Ok(head));
        }
    }

    #[test]
    fn what_is_no_tree_and_no_head_is_refused() {
        assert_eq!(Tree::of(2, &[0; 64]), None);
        assert_eq!(Tree::of(1, &[0; 31]), None);
        for text in ["", "7", "7:", "-1:AAAA", "7:AAAA", "x:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
            assert!(text.parse::<Head>().is_err(), "{text}");
        }
    }
}
