//! The ways in that a configuration opens, through the real binary.

use crate::harness::{Process, Site, guestpass, soon};
use guestpass::clock::Clock;
use tokio::process::Command;

async fn curl(words: &[&str]) -> Option<String> {
    let said = Command::new("curl").args(["-sS", "-i", "--max-time", "20"]).args(words).output().await;
    match said {
        Ok(said) => Some(String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned()),
        Err(error) => {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "curl cannot be started: {error}");
            eprintln!("NOT TESTED: curl cannot be started: {error}");
            None
        }
    }
}

#[tokio::test]
async fn it_speaks_tls_listens_on_a_unix_socket_and_announces_that_it_stops() {
    let site = Site::new(Clock::system()).await;
    let pair = rcgen::generate_simple_self_signed(["echo.localhost".to_owned()]).unwrap();
    site.write("tls.crt", &pair.cert.pem());
    site.write("tls.key", &pair.signing_key.serialize_pem());
    let front = site.front;
    let wanted = format!(
        "listen: [{front}, {{ at: \"unix:http.sock\", tls: false }}]\ntls: {{ certificate: tls.crt, key: tls.key }}\n"
    );
    site.change("guestpass.yaml", &format!("listen: {front}\n"), &wanted);
    site.change("guestpass.yaml", "announce: 0s", "announce: 3s");
    let process = Process::serve(&site).await;

    let (certificate, socket) = (site.folder().join("tls.crt"), site.folder().join("http.sock"));
    let url = format!("https://echo.localhost:{}/public", front.port());
    let by_tls = ["--cacert", certificate.to_str().unwrap(), "--http1.1", &url];
    let Some(said) = curl(&by_tls).await else { return };
    assert!(said.starts_with("HTTP/1.1 200 OK") && !said.contains("connection: close"), "{said}");
    let by_socket = ["--unix-socket", socket.to_str().unwrap(), "http://echo.localhost/public"];
    assert!(curl(&by_socket).await.unwrap().starts_with("HTTP/1.1 200 OK"));

    let stopping = tokio::spawn(process.stop());
    let announced = soon(|| async { curl(&by_tls).await.filter(|said| said.contains("connection: close")) });
    assert!(announced.await.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(stopping.await.unwrap(), 0);
    assert!(curl(&by_tls).await.unwrap().contains("curl: (7)"));
}

#[tokio::test]
async fn what_is_wrong_with_listeners_is_told_at_its_place() {
    let site = Site::new(Clock::system()).await;
    let listen = format!("listen: {}\n", site.front);
    let path = site.config();
    let words = ["check", "--config", path.to_str().unwrap()];
    let mut before = listen;
    for (after, mistake) in [
        ("listen: localhost:80\n", ":2:9\n 2 │ listen: localhost:80"),
        ("listen: [\"[::1]:80\", { at: 80 }]\n", ":2:"),
        ("listen: { at: \"[::1]:80\", tsl: false }\n", "unknown key \"tsl\""),
        (
            "listen: { at: \"[::1]:80\", tls: true }\n",
            "[::1]:80 is to speak TLS, and there are no certificates",
        ),
        ("listen: { at: \"[::1]:80\", proxy-protocol: true }\n", "nobody is trusted to speak PROXY protocol"),
        ("trusted-proxies: [10.0.0.0/33]\n", "\"10.0.0.0/33\" is not a network"),
        ("tls: { certificate: tls.crt }\n", "`certificate` and `key` go together"),
        ("tls: { certificate: no.crt, key: no.key }\n", "no.crt cannot be read"),
        ("connections: { most: 0 }\n", "2:"),
    ] {
        site.change("guestpass.yaml", &before, after);
        let said = guestpass(&words).await;
        assert!(said.code == 1 && said.err.contains(mistake), "{after}: {}", said.err);
        assert!(said.err.contains("1 error, 1 warning. Nothing was changed."), "{after}: {}", said.err);
        before = after.to_owned();
    }
    site.change("guestpass.yaml", "announce: 0s", "announce: soon");
    assert!(guestpass(&words).await.err.contains("\"soon\" is not a length of time"));
    site.change("guestpass.yaml", "announce: soon", "announce: 1m");
    site.change("guestpass.yaml", &before, "trusted-proxies: [0.0.0.0/0, unix]\n");
    let said = guestpass(&words).await;
    assert!(
        said.code == 0 && said.err.contains("everybody is trusted to say who a client is"),
        "{}",
        said.err
    );
}
