//! A target in which nothing of ours can be written: who does not know the id of an account does not find it.

use super::*;
use crate::account::Seen;
use crate::provision::connector::Refusal;
use crate::store::Verdict;
use std::collections::hash_map::Entry as Place;

const ID: &str = "712020:7";

/// What befalls the creation of an account there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// It is answered, and the next look is too fast.
    Look,
    /// It is not answered.
    Answer,
    /// It is refused.
    All,
}

impl Moody {
    pub(super) fn make(
        &self,
        accounts: &mut HashMap<String, Actual>,
        key: &Key,
        profile: &Profile,
        lost: &Lost,
    ) -> Result<Option<String>, Fault> {
        if *lost == Lost::All {
            return Err(Fault::refused(Refusal::Capacity, "there is no seat left"));
        }
        let Place::Vacant(place) = accounts.entry(key.external_id.clone()) else {
            return Err(Fault::refused(Refusal::Conflict, "there is one already"));
        };
        if let Actual::Present(seen) = Actual::Absent.after(&Step::Create(profile.clone())) {
            place.insert(Actual::Present(Seen { native_id: ID.to_owned(), ..seen }));
        }
        match lost {
            Lost::Look => {
                *self.throttles.lock().unwrap() = Some(RetryAfter::In(SignedDuration::from_secs(60)));
                Ok(Some(ID.to_owned()))
            }
            _ => Err(Fault::Unknown("reset".into())),
        }
    }

    fn is_open(&self) -> bool {
        let accounts = self.accounts.lock().unwrap();
        accounts.values().any(|actual| matches!(actual, Actual::Present(seen) if seen.active))
    }
}

impl Bench {
    /// Wants an account, and after the first try that it is closed.
    async fn want_for_a_moment(lost: Lost) -> (Self, Arc<Moody>, UserId) {
        let wiki = Arc::new(Moody { only_by_id: Some(lost), ..Moody::default() });
        let bench = Self::new(&[("wiki", &wiki)]).await;
        let user = bench.want("wiki").await;
        bench.told(|words| words.is_some()).await;
        bench.disable(user).await;
        bench.clock.advance(SignedDuration::from_secs(62));
        (bench, wiki, user)
    }

    /// Waits until the one account has failed in words like this, or in none.
    async fn told(&self, so: impl Fn(Option<&str>) -> bool) {
        for _ in 0..10_000 {
            let row = self.store.account_rows(None, None, 1).await.unwrap().remove(0);
            if so(row.failure.as_deref()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        panic!("not told within twenty seconds");
    }

    async fn decide(&self, verdict: &Verdict) {
        let row = self.store.account_rows(None, None, 1).await.unwrap().remove(0);
        let mut tx = self.store.begin(self.clock.now()).await.unwrap();
        tx.decide(row.id, verdict).await.unwrap();
        tx.commit(&Entry::for_tests()).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_made_is_closed_although_no_look_ever_saw_it_open() {
    let (bench, wiki, _) = Bench::want_for_a_moment(Lost::Look).await;
    bench.quiet("wiki").await;
    assert!(has(&wiki, 1) && !wiki.is_open());
}

#[tokio::test]
async fn what_may_have_been_made_is_not_called_closed_until_somebody_says_which_it_is() {
    for (verdict, open) in [(Verdict::Adopt(ID.to_owned()), false), (Verdict::Create, true)] {
        let (bench, wiki, _) = Bench::want_for_a_moment(Lost::Answer).await;
        bench.told(|words| words.is_some_and(|words| words.contains("nobody knows what came of it"))).await;
        assert!(wiki.is_open());
        bench.decide(&verdict).await;
        bench.quiet("wiki").await;
        assert_eq!(wiki.is_open(), open);
    }
}

#[tokio::test]
async fn what_was_refused_was_not_made() {
    let (bench, wiki, _) = Bench::want_for_a_moment(Lost::All).await;
    bench.quiet("wiki").await;
    assert!(has(&wiki, 0));
}
