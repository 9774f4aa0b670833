//! The real nginx as an app: TLS with an authority of our own and a client certificate, HTTP/2, a unix socket.

use super::*;
use crate::gateway::upstream::tests::load::load;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// An authority, the app `wiki.internal` and the client that it knows, as files.
pub(super) struct Keys {
    folder: TempDir,
}

impl Keys {
    pub(super) fn new() -> Self {
        let keys = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["ca", "other-ca"] {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
            keys.write(&format!("{name}.crt"), &ca.pem());
            if name == "ca" {
                keys.sign(&ca, "wiki.internal", "server", ExtendedKeyUsagePurpose::ServerAuth);
                keys.sign(&ca, "guestpass", "client", ExtendedKeyUsagePurpose::ClientAuth);
            }
        }
        keys
    }

    fn sign(
        &self,
        ca: &CertifiedIssuer<'_, KeyPair>,
        name: &str,
        file: &str,
        usage: ExtendedKeyUsagePurpose,
    ) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        let certificate = params.signed_by(&key, ca).unwrap();
        self.write(&format!("{file}.crt"), &certificate.pem());
        self.write(&format!("{file}.key"), &key.serialize_pem());
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn ca_file(&self) -> PathBuf {
        self.file("ca.crt")
    }

    /// For an app that prefers HTTP/2.
    pub(super) fn server(&self) -> Arc<ServerConfig> {
        let chain =
            CertificateDer::pem_file_iter(self.file("server.crt")).unwrap().map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_file(self.file("server.key")).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

/// It ends with the test.
struct Nginx {
    keys: Keys,
    child: Child,
    secure: SocketAddr,
    plain_h2: SocketAddr,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Nginx {
    async fn start() -> Option<Self> {
        let (keys, secure, plain_h2) = (Keys::new(), nobody().await, nobody().await);
        let folder = keys.folder.path().display().to_string();
        let said = "return 200 '$server_protocol $ssl_client_verify $http_host $request_uri';";
        let text = format!(
            "daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
            events {{}}
            http {{
              access_log off;
              client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
              uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
              server {{
                listen {secure} ssl http2;
                ssl_certificate {folder}/server.crt; ssl_certificate_key {folder}/server.key;
                ssl_client_certificate {folder}/ca.crt; ssl_verify_client on;
                location / {{ {said} }}
              }}
              server {{ listen {plain_h2} http2; location / {{ {said} }} }}
              server {{ listen unix:{folder}/wiki.sock; location / {{ {said} }} }}
            }}"
        );
        keys.write("nginx.conf", &text);
        let child = Command::new("nginx")
            .args(["-e", "stderr", "-p", &folder, "-c"])
            .arg(keys.file("nginx.conf"))
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            eprintln!("skipped: nginx is not installed");
            return None;
        };
        let nginx = Self { keys, child, secure, plain_h2 };
        until("nginx listens", || std::net::TcpStream::connect(secure).is_ok()).await;
        Some(nginx)
    }

    async fn said(&self, upstream: Value) -> (u16, String) {
        let (status, answer) = Way::to(upstream).await.get("/a%20b?x=1").await;
        (status, body(&answer).to_owned())
    }

    /// `https` with our authority and certificate, and what else is said.
    fn secure(&self, more: Value) -> Value {
        let mut upstream = json!({
            "at": format!("https://{}", self.secure), "server-name": "wiki.internal", "ca": self.keys.ca_file(),
            "certificate": self.keys.file("client.crt"), "key": self.keys.file("client.key"),
        });
        upstream.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        upstream.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        upstream
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_is_spoken_to_in_every_way_that_it_speaks() {
    let Some(nginx) = Nginx::start().await else { return };
    let path = format!("{HOST} /a%20b?x=1");
    for (upstream, said) in [
        (nginx.secure(json!({})), format!("HTTP/2.0 SUCCESS {path}")),
        (nginx.secure(json!({ "protocol": "h2" })), format!("HTTP/2.0 SUCCESS {path}")),
        (nginx.secure(json!({ "protocol": "http1" })), format!("HTTP/1.1 SUCCESS {path}")),
        (json!(format!("h2c://{}", nginx.plain_h2)), format!("HTTP/2.0  {path}")),
        (json!(format!("unix:{}", nginx.keys.file("wiki.sock").display())), format!("HTTP/1.1  {path}")),
    ] {
        assert_eq!(nginx.said(upstream.clone()).await, (200, said), "{upstream}");
    }
    // Without its certificate it is refused by nginx itself, by HTTP.
    let anonymous = nginx.secure(json!({ "certificate": null, "key": null }));
    assert_eq!(nginx.said(anonymous).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_does_not_prove_who_it_is_gets_nothing() {
    let Some(nginx) = Nginx::start().await else { return };
    for wrong in [
        json!({ "ca": nginx.keys.file("other-ca.crt") }),
        json!({ "ca": null }),
        json!({ "server-name": "other.internal" }),
        json!({ "server-name": null }),
    ] {
        assert_eq!(nginx.said(nginx.secure(wrong.clone())).await.0, 502, "{wrong}");
    }
}

#[test]
fn a_certificate_and_a_key_that_do_not_fit_are_told() {
    let keys = Keys::new();
    let upstream = json!({
        "at": "https://wiki", "ca": keys.ca_file(),
        "certificate": keys.file("client.crt"), "key": keys.file("server.key"),
    });
    let wrong = load(&Registry::default(), keys.folder.path(), upstream).unwrap_err();
    assert_eq!(wrong[0].at, ["key"]);
    assert!(wrong[0].message.starts_with("the key does not fit the certificate: "), "{}", wrong[0].message);

    // What a file says may change: then it is another endpoint, though its name is the same.
    let registry = Registry::default();
    let upstream = json!({ "at": "https://wiki", "ca": "mine.crt" });
    let load = || load(&registry, keys.folder.path(), upstream.clone()).unwrap();
    std::fs::copy(keys.ca_file(), keys.file("mine.crt")).unwrap();
    let (first, same) = (load(), load());
    std::fs::copy(keys.file("other-ca.crt"), keys.file("mine.crt")).unwrap();
    let other = load();
    assert!(Arc::ptr_eq(&first.endpoints[0], &same.endpoints[0]));
    assert!(!Arc::ptr_eq(&first.endpoints[0], &other.endpoints[0]));
}
