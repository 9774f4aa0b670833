//! A SCIM server that others wrote: scim2-server, as `./scripts/test` installs it.

use super::dialects::walked;
use super::*;
use crate::provision::connectors::counterpart::{left_out, reserve};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpSocket;

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
    /// None where it is not installed.
    async fn start() -> Option<Self> {
        let usual = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/e2e/venv/bin/scim2-server"));
        let program = std::env::var_os("SCIM_SERVER").map_or(usual, PathBuf::from);
        let (reserved, port) = reserve();
        let mut command = Command::new(program);
        command.args(["--port", &port.to_string(), "--bearer-token", "s3cret"]);
        let child = match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => child,
            Err(error) => {
                left_out(&format!("scim2-server cannot be started: {error}"));
                return None;
            }
        };
        let real = Self { child, port, _reserved: reserved };
        for _ in 0..400 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(real);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("scim2-server does not listen");
    }

    fn client(&self, capabilities: serde_json::Value) -> Scim {
        let scim = format!("http://127.0.0.1:{}/v2", self.port);
        let settings = json!({ "scim": scim, "token": "s3cret", "capabilities": capabilities });
        Scim::new(&serde_json::from_value(settings).unwrap(), Pace::default()).unwrap()
    }
}

#[tokio::test]
async fn a_server_that_others_wrote_passes_the_walk_in_every_manner() {
    let Some(real) = Real::start().await else { return };
    for capabilities in [
        json!({}),
        json!({ "update": "put" }),
        json!({ "update": "patch-without-path" }),
        json!({ "removal": "replace", "one-at-a-time": true }),
        json!({ "filters": "none", "page": 1 }),
    ] {
        let (failed, cannot) = walked(&real.client(capabilities.clone()), true).await;
        assert!(failed.is_empty(), "{capabilities}: {failed:?}");
        assert_eq!(cannot, ["it keeps an end of its own", "it ends sessions and tokens"], "{capabilities}");
    }
}
