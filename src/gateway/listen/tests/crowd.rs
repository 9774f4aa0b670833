//! Many clients: spread evenly, and no more than may be.

use super::*;

fn sorted(front: &Front) -> Vec<usize> {
    let mut counts = front.running.connections();
    counts.sort_unstable();
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_long_connections_are_shared_evenly() {
    let front = Front::open().await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        let mut stream = front.connect().await;
        ask(&mut stream).await;
        streams.push(stream);
    }
    assert_eq!(front.running.connections(), [4, 4]);
    // Whoever leaves makes room on the worker that they leave; those who come fill it again.
    for round in 0..4 {
        for gone in 0..3 {
            drop(streams.remove((round + gone) % streams.len()));
        }
        until(|| front.running.connections().iter().sum::<usize>() == 5).await;
        for _ in 0..3 {
            let mut stream = front.connect().await;
            ask(&mut stream).await;
            streams.push(stream);
        }
        assert_eq!(front.running.connections(), [4, 4]);
    }
    for stream in &mut streams {
        assert!(ask(stream).await.starts_with("HTTP/1.1 200 OK"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_one_too_many_is_closed_at_once_and_counted() {
    let front = Front::with(|listener| listener, |entrance| entrance.most = 3).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = front.connect().await;
        ask(&mut stream).await;
        streams.push(stream);
    }
    assert_eq!(sorted(&front), [1, 2]);
    assert_eq!(rest(&mut front.connect().await).await, "");
    assert_eq!((front.running.surplus(), sorted(&front)), (1, vec![1, 2]));
    drop(streams.pop());
    until(|| sorted(&front) == [1, 1]).await;
    assert!(ask(&mut front.connect().await).await.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(front.running.surplus(), 1);
}
