//! SCIM servers that others wrote, as `./scripts/test` installs them: scim2-server, which takes whatever the RFC has;
//! scimmy with its routers; and django-scim2, which knows no filters, makes display names itself, and takes members out by
//! their value alone.

use super::dialects::walked;
use super::*;
use crate::provision::connectors::counterpart::{left_out, reserve};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

struct Real {
    child: Child,
    port: u16,
    _reserved: TcpSocket,
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Real {
    /// `program`, which listens on the port and for the token among what `args` makes. None where it, or what it needs, is
    /// not installed.
    async fn start(program: &str, args: impl Fn(&str) -> Vec<String>) -> Option<Self> {
        let (reserved, port) = reserve();
        let mut command = Command::new(program);
        command
            .args(args(&port.to_string()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                left_out(&format!("{program} cannot be started: {error}"));
                return None;
            }
        };
        let mut real = Self { child, port, _reserved: reserved };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(real);
            }
            if let Ok(Some(status)) = real.child.try_wait() {
                left_out(&format!("{command:?} ends at once: {status}"));
                return None;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{command:?} does not listen");
    }

    /// One that is a library: a script of ours gives it nothing but the place where resources are kept.
    async fn of(program: &str, script: &str) -> Option<Self> {
        let script = in_tree(&format!("tests/e2e/scim/{script}"));
        Self::start(program, |port| vec![script.clone(), port.to_owned(), TOKEN.to_owned()]).await
    }

    fn client(&self, capabilities: &serde_json::Value) -> Scim {
        let scim = format!("http://127.0.0.1:{}/v2", self.port);
        let settings = json!({ "scim": scim, "token": TOKEN, "capabilities": capabilities });
        Scim::new(&serde_json::from_value(settings).unwrap(), Pace::default()).unwrap()
    }

    /// It passes the walk in each of these manners, with an attribute that it keeps.
    async fn passes(&self, manners: &[serde_json::Value], attribute: &str) {
        for capabilities in manners {
            let (failed, cannot) = walked(&self.client(capabilities), true, attribute).await;
            assert!(failed.is_empty(), "{capabilities}: {failed:?}");
            assert_eq!(
                cannot,
                ["it keeps an end of its own", "it ends sessions and tokens"],
                "{capabilities}"
            );
        }
    }
}

const TOKEN: &str = "s3cret";

fn in_tree(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

/// Every manner of a server that does all that the RFC has.
fn manners() -> [serde_json::Value; 5] {
    [
        json!({}),
        json!({ "update": "put" }),
        json!({ "update": "patch-without-path" }),
        json!({ "removal": "replace", "one-at-a-time": true }),
        json!({ "filters": "none", "page": 1 }),
    ]
}

#[tokio::test]
async fn scim2_server_passes_the_walk_in_every_manner() {
    let usual = in_tree("target/e2e/venv/bin/scim2-server");
    let program = std::env::var("SCIM_SERVER").unwrap_or(usual);
    let args = |port: &str| ["--port", port, "--bearer-token", TOKEN].map(str::to_owned).to_vec();
    let Some(real) = Real::start(&program, args).await else { return };
    real.passes(&manners(), "title").await;
}

#[tokio::test]
async fn scimmy_passes_the_walk_in_every_manner() {
    let Some(real) = Real::of("node", "scimmy.mjs").await else { return };
    real.passes(&manners(), "title").await;
}

#[tokio::test]
async fn django_passes_the_walk_when_it_is_told_what_it_does_otherwise() {
    let python = in_tree("target/e2e/venv/bin/python");
    let Some(real) = Real::of(&python, "people.py").await else { return };
    let own = json!({ "removal": "value-list", "display-names": "made", "page": 50 });
    real.passes(&[own], "name.givenName").await;
}
