//! The real gRPC as client and as app, by the Python that `scripts/test` sets up, or the one in `GRPC_PYTHON`.

use super::*;
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/grpc.py");
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/e2e/venv/bin/python");

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_every_kind_pass_with_their_status() {
    let python = std::env::var("GRPC_PYTHON").unwrap_or_else(|_| PYTHON.to_owned());
    let has_grpc = Command::new(&python).args(["-c", "import grpc"]).stderr(Stdio::null()).status().await;
    if !has_grpc.is_ok_and(|status| status.success()) {
        eprintln!("skipped: {python} has no grpcio");
        return;
    }
    let mut app = Command::new(&python)
        .args([SCRIPT, "serve"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(app.stdout.take().unwrap()).lines();
    let port = timeout(SOON, said.next_line()).await.unwrap().unwrap().unwrap();
    let way = Way::to(json!(format!("h2c://127.0.0.1:{port}"))).await;
    let address = way.address.to_string();
    let call = Command::new(&python).args([SCRIPT, "call", &address, HOST]).kill_on_drop(true).output();
    let called = timeout(SOON * 3, call).await.unwrap().unwrap();
    assert!(called.status.success(), "{}", String::from_utf8_lossy(&called.stderr));
}
