//! How roles lead to others that they include.

use std::collections::BTreeSet;

/// A way from a role to one that comes with it; every role is a way to itself. A role is a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Way {
    /// Where it leads.
    pub(super) role: usize,
    /// The roles on it, both ends among them, whose conditions all apply.
    pub(super) through: BTreeSet<usize>,
}

/// The ways from each role, where `includes` says which roles each includes, and `counts` whether anything of a role
/// applies to what it leads to. Of two ways where one adds nothing but conditions, the other is enough.
pub(super) fn ways(includes: &[BTreeSet<usize>], counts: impl Fn(usize) -> bool) -> Vec<Vec<Way>> {
    let from = |start: usize| {
        let mut found: BTreeSet<Way> = BTreeSet::new();
        let mut open = vec![(start, BTreeSet::new())];
        while let Some((role, mut through)) = open.pop() {
            if counts(role) {
                through.insert(role);
            }
            let way = Way { role, through };
            let spared = |known: &Way| known.role == way.role && known.through.is_subset(&way.through);
            if found.iter().any(spared) {
                continue;
            }
            found.retain(|known| known.role != way.role || !way.through.is_subset(&known.through));
            open.extend(includes[role].iter().map(|&next| (next, way.through.clone())));
            found.insert(way);
        }
        found.into_iter().collect()
    };
    (0..includes.len()).map(from).collect()
}

/// A role that includes itself, by however many others, if there is one.
pub(super) fn circle(includes: &[BTreeSet<usize>]) -> Option<usize> {
    let reaches_itself = |start: usize| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
        while let Some(role) = open.pop() {
            for &next in &includes[role] {
                if next == start {
                    return true;
                }
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    };
    (0..includes.len()).find(|&role| reaches_itself(role))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(includes: &[&[usize]]) -> Vec<BTreeSet<usize>> {
        includes.iter().map(|roles| roles.iter().copied().collect()).collect()
    }

    #[test]
    fn conditions_on_the_way_apply_and_the_freest_ways_are_kept() {
        // 0 leads to 3 by 1, which has conditions, and by 2, which has none.
        let includes = graph(&[&[1, 2], &[3], &[3], &[]]);
        let found = ways(&includes, |role| role == 1 || role == 3);
        let to = |start: usize, role| {
            let ways = found[start].iter().filter(|way| way.role == role);
            ways.map(|way| way.through.iter().copied().collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        assert_eq!(to(0, 0), [Vec::<usize>::new()]);
        assert_eq!(to(0, 1), [vec![1]]);
        assert_eq!(to(0, 3), [vec![3]]);
        assert_eq!(to(1, 3), [vec![1, 3]]);
        // Two ways of which neither is freer are both kept.
        let both = ways(&graph(&[&[1, 2], &[3], &[3], &[]]), |role| role == 1 || role == 2);
        assert_eq!(both[0].iter().filter(|way| way.role == 3).count(), 2);
    }

    #[test]
    fn circles_are_found_and_end() {
        assert_eq!(circle(&graph(&[&[1], &[2], &[1]])), Some(1));
        assert_eq!(circle(&graph(&[&[1, 2], &[2], &[]])), None);
        assert_eq!(ways(&graph(&[&[1], &[0]]), |_| true)[0].len(), 2);
    }
}
