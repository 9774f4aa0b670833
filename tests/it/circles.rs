//! Browsers that would go round for ever are stopped, and told why.

use crate::harness::{Answered, Hand, Stage};
use jiff::SignedDuration;

/// Goes to the app as far as the way in; what stands there before it is asked for is `spoilt`. Three times; returns what
/// came of the last.
async fn thrice(stage: &Stage, hand: &mut Hand, mut spoil: impl FnMut(&Stage, &mut Hand)) -> Answered {
    let echo = &stage.house.echo_url;
    for round in 0..3 {
        let (enter, reply) = hand.follow(echo, &format!("{echo}/.guestpass/enter")).await;
        if !enter.contains("/.guestpass/enter") {
            assert_eq!(round, 2, "stopped too soon: {}", reply.text);
            return reply;
        }
        assert_eq!(hand.get(&enter).await.status, 303);
        spoil(stage, hand);
    }
    panic!("it goes round");
}

#[tokio::test]
async fn a_circle_ends_on_the_third_round_with_a_page_that_names_the_cause() {
    let stage = Stage::open().await;
    let echo = stage.house.echo_url.clone();
    let mut hand = Hand::new();
    let lost = thrice(&stage, &mut hand, |_, hand| drop(hand.cookies_at(&echo).remove("guestpass"))).await;
    assert_eq!(lost.status, 400);
    assert!(lost.text.contains("circle_cookie"), "{}", lost.text);
    // Whoever has read it may try again, and where nothing is wrong any more, gets in.
    let (_, reply) = hand.follow(&echo, "nowhere").await;
    assert_eq!(reply.status, 200, "{}", reply.text);

    let unknown = thrice(&stage, &mut Hand::new(), |_, hand| {
        hand.cookies_at(&echo).insert("guestpass".to_owned(), "A".repeat(43));
    })
    .await;
    assert!(unknown.text.contains("circle_store"), "{}", unknown.text);

    let moved = thrice(&stage, &mut Hand::new(), |stage, hand| {
        let own = hand.cookies_at(&stage.house.access_url)["guestpass"].clone();
        hand.cookies_at(&echo).insert("guestpass".to_owned(), own);
    })
    .await;
    assert!(moved.text.contains("circle_host"), "{}", moved.text);

    let over = thrice(&stage, &mut Hand::new(), |stage, _| {
        stage.house.turn(SignedDuration::from_hours(401 * 24));
    })
    .await;
    assert_eq!(over.status, 400);
    assert!(over.text.contains("circle_clock") && over.text.contains("A clock of ours"), "{}", over.text);
    for reply in [&lost, &unknown, &moved, &over] {
        assert!(!reply.text.contains("https"), "nothing here is to be https: {}", reply.text);
    }
    stage.close().await;
}

#[tokio::test]
async fn where_all_is_to_be_https_and_a_part_of_the_way_is_not_the_page_says_so() {
    let access = "https://access.localhost";
    let stage = Stage::after(|site| {
        site.change("guestpass.yaml", &format!("url: {}", site.access_url), &format!("url: {access}"));
    })
    .await;
    let echo = "https://echo.localhost";
    let mut hand = Hand::through(stage.house.front);
    let mut last = None;
    for _ in 0..3 {
        let (enter, reply) = hand.follow(&format!("{echo}/"), &format!("{echo}/.guestpass/enter")).await;
        if !enter.contains("/.guestpass/enter") {
            last = Some(reply);
            break;
        }
        assert_eq!(hand.get(&enter).await.status, 303);
        // What a browser does with a cookie for https alone, where the app was opened by http.
        assert!(hand.cookies_at(echo).remove("__Host-guestpass").is_some());
    }
    let page = last.expect("it goes round");
    assert_eq!(page.status, 400);
    assert!(page.text.contains("circle_cookie"), "{}", page.text);
    assert!(page.text.contains("a part of the way is not https"), "{}", page.text);
    // Where not even the nonce comes back, the first way in is the last.
    let (enter, _) = hand.follow(&format!("{echo}/"), &format!("{echo}/.guestpass/enter")).await;
    hand.cookies_at(echo).clear();
    let page = hand.get(&enter).await;
    assert!(page.text.contains("cookie_missing") && page.text.contains("not https"), "{}", page.text);
    stage.close().await;
}

#[tokio::test]
async fn coming_in_often_without_haste_is_no_circle() {
    let stage = Stage::open().await;
    let mut hand = Hand::new();
    let echo = stage.house.echo_url.clone();
    for _ in 0..4 {
        let (_, reply) = hand.follow(&echo, "nowhere").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        hand.cookies_at(&echo).remove("guestpass");
        // A browser forgets the count after fifteen seconds.
        hand.cookies_at(&echo).remove("guestpass-round");
    }
    stage.close().await;
}

#[tokio::test]
async fn a_browser_that_brings_back_no_cookie_is_told_on_its_first_way_in() {
    let stage = Stage::open().await;
    let mut hand = Hand::new();
    let echo = stage.house.echo_url.clone();
    let (enter, _) = hand.follow(&echo, &format!("{echo}/.guestpass/enter")).await;
    hand.cookies_at(&echo).clear();
    let reply = hand.get(&enter).await;
    assert_eq!(reply.status, 400);
    assert!(reply.text.contains("cookie_missing"), "{}", reply.text);
    stage.close().await;
}

#[tokio::test]
async fn attempts_of_one_browser_are_few_and_small() {
    let stage = Stage::open().await;
    let mut hand = Hand::new();
    let way = format!("{}/{}", stage.house.echo_url, "a".repeat(1_900));
    for _ in 0..12 {
        let (asked, _) = hand.follow(&way, &stage.house.provider_url).await;
        assert!(asked.starts_with(&stage.house.provider_url));
    }
    let cookies = hand.cookies_at(&stage.house.access_url);
    assert_eq!(cookies.len(), 5, "{:?}", cookies.keys());
    let sizes: Vec<usize> = cookies.iter().map(|(name, value)| name.len() + value.len()).collect();
    assert!(sizes.iter().all(|size| *size <= 4_096), "{sizes:?}");
    assert!(sizes.iter().sum::<usize>() <= 20_000, "{sizes:?}");
    // Nothing is kept of them here: the record is empty, and so is the list of people.
    assert_eq!(stage.house.record().await, [""; 0]);
    stage.close().await;
}
