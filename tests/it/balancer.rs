//! Two gateways behind the real HAProxy, restarted in turn under load: nobody notices.

use crate::harness::{House, Site, soon};
use axum::Router;
use axum::routing::get;
use guestpass::clock::Clock;
use guestpass::gateway::listen::Drain;
use http::StatusCode;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::process::{Child, Command};

/// How many clients ask, each on a connection of its own, one request after the other.
const CLIENTS: usize = 8;

/// A readiness check that outlives the gateway that it is about.
struct Check {
    address: SocketAddr,
    drain: Arc<Mutex<Option<Drain>>>,
}

impl Check {
    fn open() -> Self {
        let drain = Arc::<Mutex<Option<Drain>>>::default();
        let asked = drain.clone();
        let ready = move || async move {
            let is_ready = asked.lock().unwrap().as_ref().is_some_and(Drain::is_ready);
            if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let router = Router::new().route("/readyz", get(ready));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, drain }
    }

    fn is_of(&self, house: &House) {
        *self.drain.lock().unwrap() = Some(house.drain());
    }
}

/// HAProxy in front of both, without a second try for what failed.
async fn haproxy(folder: &std::path::Path, servers: [(&House, &Check); 2]) -> Option<(Child, SocketAddr)> {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    let mut configuration = format!(
        "defaults\n mode http\n retries 0\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n timeout check 10s\n\
         listen front\n bind {address}\n option httpchk GET /readyz\n http-reuse always\n"
    );
    for (number, (house, check)) in servers.into_iter().enumerate() {
        let (at, check) = (house.front, check.address.port());
        configuration += &format!(" server s{number} {at} check port {check} inter 100ms fall 1 rise 1\n");
    }
    let path = folder.join("haproxy.cfg");
    std::fs::write(&path, configuration).unwrap();
    drop(free);
    match Command::new("haproxy").arg("-db").arg("-f").arg(&path).kill_on_drop(true).spawn() {
        Ok(child) => Some((child, address)),
        Err(error) => {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "haproxy cannot be started: {error}");
            eprintln!("NOT TESTED: haproxy cannot be started: {error}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_restarted_in_turn_under_load_lose_no_request() {
    let mut houses = Vec::new();
    for _ in 0..2 {
        let site = Site::new(Clock::system()).await;
        site.change("guestpass.yaml", "announce: 0s", "announce: 2s");
        houses.push((House::of(site).await, Check::open()));
    }
    for (house, check) in &houses {
        check.is_of(house);
    }
    let folder = tempfile::tempdir().unwrap();
    let servers = [&houses[0], &houses[1]].map(|(house, check)| (house, check));
    if let Some((_haproxy, front)) = haproxy(folder.path(), servers).await {
        let (answered, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let over = Arc::new(AtomicBool::new(false));
        let url = format!("http://{front}/public");
        let ask = async |client: &reqwest::Client| {
            client.get(&url).header("host", "echo.localhost").send().await?.error_for_status()?.bytes().await
        };
        let client = reqwest::Client::new();
        soon(|| async { ask(&client).await.ok() }).await;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (answered, failed, over) = (answered.clone(), failed.clone(), over.clone());
                let url = url.clone();
                tokio::spawn(async move {
                    let client = reqwest::Client::builder().pool_max_idle_per_host(1).build().unwrap();
                    while !over.load(Ordering::Relaxed) {
                        let sent = client.get(&url).header("host", "echo.localhost").send().await;
                        let read = match sent.and_then(reqwest::Response::error_for_status) {
                            Ok(response) => response.bytes().await.map(drop),
                            Err(error) => Err(error),
                        };
                        match read {
                            Ok(()) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                            Err(error) => failed.lock().unwrap().push(error.to_string()),
                        }
                    }
                })
            })
            .collect();
        for _ in 0..2 {
            for (house, check) in &mut houses {
                house.leave().await;
                house.start().await;
                check.is_of(house);
                // It is not the other's turn before the balancer has come back to it.
                let seen = house.echo.seen().len();
                soon(|| async { (house.echo.seen().len() > seen).then_some(()) }).await;
            }
        }
        over.store(true, Ordering::Relaxed);
        for client in clients {
            client.await.unwrap();
        }
        let (answered, failed) = (answered.load(Ordering::Relaxed), failed.lock().unwrap());
        assert!(failed.is_empty(), "{} of {answered} failed: {:?}", failed.len(), failed.first());
        println!("{answered} requests answered, none lost");
    }
    for (house, _) in houses {
        house.finish().await;
    }
}
