//! Several endpoints: who gets a request, who is set aside, and how they come back.

use super::app::{Served, Speaks, named, text};
use super::*;
use crate::gateway::upstream::check;
use http::StatusCode;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
async fn equals_take_turns_and_whoever_has_least_to_do_comes_first() {
    let gate = Arc::new(Semaphore::new(0));
    let slow = |name: &'static str| {
        let gate = gate.clone();
        Served::by(Speaks::Http1, move |request| {
            let gate = gate.clone();
            async move {
                if request.uri().path() == "/slow" {
                    gate.acquire().await.unwrap().forget();
                }
                Response::new(text(name))
            }
        })
    };
    let apps = [slow("one").await, slow("two").await, slow("three").await];
    let way = Way::to(json!(apps.each_ref().map(Served::url))).await;
    for _ in 0..9 {
        assert_eq!(way.status("/").await, 200);
    }
    assert_eq!(apps.each_ref().map(Served::hits), [3, 3, 3]);

    let busy: Vec<_> = (0..2)
        .map(|_| {
            let way = way.clone();
            tokio::spawn(async move { way.status("/slow").await })
        })
        .collect();
    until("two requests are waiting", || apps.iter().map(Served::hits).sum::<usize>() == 11).await;
    assert_eq!(way.outstanding(), 2);
    let free = apps.iter().position(|app| app.hits() == 3).unwrap();
    for _ in 0..6 {
        assert_eq!(way.status("/").await, 200);
    }
    assert_eq!(apps[free].hits(), 9);
    gate.add_permits(2);
    for slow in busy {
        assert_eq!(slow.await.unwrap(), 200);
    }
    until("all is finished", || way.outstanding() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_reached_is_set_aside_and_comes_back() {
    let (gone, there) = (nobody().await, named("there").await);
    let way = Way::to(json!([format!("http://{gone}"), there.url()])).await;
    for _ in 0..6 {
        assert_eq!(way.status("/").await, 200);
    }
    assert_eq!(way.set_aside(), [gone.to_string()]);

    // POST with a body, too: nothing of it was written.
    let post = format!("POST / HTTP/1.1\r\nhost: {HOST}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi");
    for _ in 0..3 {
        assert_eq!(way.raw(&post).await.0, 200);
    }
    let back = Served::at(gone, Speaks::Http1, |_| async { Response::new(text("back")) }).await;
    let comes_back = async {
        while back.hits() < 3 {
            assert_eq!(way.status("/").await, 200);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, comes_back).await.unwrap();
    assert!(way.set_aside().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_is_well_everybody_is_asked() {
    let (one, two) = (nobody().await, nobody().await);
    let way = Way::to(json!([format!("http://{one}"), format!("http://{two}")])).await;
    let (status, answer) = way.get("/").await;
    assert_eq!(status, 502);
    // What kept us is for the log.
    let port = one.port().to_string();
    assert!(!answer.contains(&port) && !answer.contains("refused"), "{answer}");
    let back = Served::at(two, Speaks::Http1, |_| async { Response::new(text("back")) }).await;
    assert_eq!(way.status("/").await, 200, "both are set aside, and still one of them answers");
    assert_eq!(back.hits(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_breaks_off_three_times_in_a_row_is_set_aside() {
    let hits = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = hits.clone();
    let rude = app::raw(move |mut stream, _| {
        let count = count.clone();
        async move {
            app::head(&mut stream).await;
            count.fetch_add(1, Ordering::SeqCst);
        }
    })
    .await;
    let there = named("there").await;
    let way = Way::to(json!([format!("http://{rude}"), there.url()])).await;
    let mut failed = 0;
    for _ in 0..12 {
        match way.status("/").await {
            200 => {}
            502 => failed += 1,
            other => panic!("{other}"),
        }
    }
    // What was sent once on a new connection is not sent again, so the client hears of it.
    assert_eq!((failed, hits.load(Ordering::SeqCst)), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_fails_its_check_gets_no_request_until_it_passes() {
    let well = Arc::new(AtomicBool::new(true));
    let (says, name) = (well.clone(), "checked");
    let checked = Served::by(Speaks::Http1, move |request| {
        let fails = request.uri() == "/healthz?deep" && !says.load(Ordering::SeqCst);
        async move {
            let status = if fails { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
            Response::builder().status(status).body(text(name)).unwrap()
        }
    })
    .await;
    let other = named("other").await;
    let registry = Registry::default();
    let health = json!({ "path": "/healthz?deep", "every": "1s", "timeout": "5s" });
    let upstream = json!({ "at": [checked.url(), other.url()], "health": health });
    let app = load::app(&registry, upstream);
    let stop = CancellationToken::new();
    let checks = tokio::spawn(check(registry.clone(), stop.clone()));
    let way = Way::into(TERMS, app).await;
    well.store(false, Ordering::SeqCst);
    until("the check fails", || healthy(&registry) == 1).await;
    for _ in 0..4 {
        assert!(way.get("/").await.1.ends_with("other"));
    }
    well.store(true, Ordering::SeqCst);
    until("the check passes", || healthy(&registry) == 2).await;
    let answers = [way.get("/").await.1, way.get("/").await.1];
    assert!(answers.iter().any(|answer| answer.ends_with(name)), "{answers:?}");
    stop.cancel();
    timeout(SOON, checks).await.unwrap().unwrap();
}

fn healthy(registry: &Registry) -> usize {
    registry.states().iter().filter(|state| state.healthy).count()
}
