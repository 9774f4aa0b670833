//! A real OpenLDAP server with a directory of its own that goes with the test.

use super::super::{Ldap, Settings};
use crate::provision::connectors::counterpart::{certificates, left_out, reserve};
use crate::provision::pace::Pace;
use ldap3::{LdapConnAsync, Mod, Scope, SearchEntry};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpSocket;

pub(super) const PASSWORD: &str = "s3cret";
const SCHEMA: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/src/provision/connectors/ldap/tests/active_directory.schema");

/// People and groups, and who manages them: `cn=guestpass` may write, `cn=reader` may not.
const ENTRIES: &str = "dn: dc=example,dc=com
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=com
objectClass: organizationalUnit
ou: groups

dn: cn=guestpass,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: guestpass
userPassword: s3cret

dn: cn=reader,dc=example,dc=com
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: s3cret

dn: cn=policy,dc=example,dc=com
objectClass: device
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdLockout: TRUE

dn: cn=readers,ou=groups,dc=example,dc=com
objectClass: groupOfNames
cn: readers
member: uid=other,ou=people,dc=example,dc=com

dn: cn=writers,ou=groups,dc=example,dc=com
objectClass: groupOfUniqueNames
cn: writers
uniqueMember: uid=other,ou=people,dc=example,dc=com

dn: cn=shell,ou=groups,dc=example,dc=com
objectClass: posixGroup
cn: shell
gidNumber: 100

dn: cn=windows,ou=groups,dc=example,dc=com
objectClass: group
cn: windows

";

pub(super) struct Slapd {
    folder: TempDir,
    port: u16,
    secure_port: u16,
    child: Child,
    _reserved: [TcpSocket; 2],
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A program, where Debian keeps it or on the path.
fn program(name: &str) -> PathBuf {
    let debian = Path::new("/usr/sbin").join(name);
    if debian.exists() { debian } else { name.into() }
}

impl Slapd {
    /// A server that has `further` entries besides; none where it is not installed.
    pub(super) async fn start(further: &str) -> Option<Self> {
        Self::start_for("dc=example,dc=com", further).await
    }

    /// The same, of which `cn=guestpass` may see groups and what is below `people` alone.
    pub(super) async fn start_for(people: &str, further: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path());
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("db")).unwrap();
        std::fs::write(at("slapd.conf"), configuration(folder.path(), people)).unwrap();
        std::fs::write(at("entries.ldif"), format!("{ENTRIES}{further}")).unwrap();
        let conf = at("slapd.conf").display().to_string();
        let entries = at("entries.ldif").display().to_string();
        let loaded = Command::new(program("slapadd")).args(["-q", "-f", &conf, "-l", &entries]).output();
        match loaded {
            Err(error) => {
                left_out(&format!("slapd cannot be started: {error}"));
                return None;
            }
            Ok(loaded) => assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr)),
        }
        let ((first, port), (second, secure_port)) = (reserve(), reserve());
        let at = format!("ldap://127.0.0.1:{port}/ ldaps://127.0.0.1:{secure_port}/");
        let mut slapd = Command::new(program("slapd"));
        slapd.args(["-d", "0", "-f", &conf, "-h", &at]).stdin(Stdio::null()).stderr(Stdio::null());
        let child = slapd.spawn().unwrap();
        let server = Self { folder, port, secure_port, child, _reserved: [first, second] };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(server);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("slapd does not listen");
    }

    fn settings(&self, further: Value) -> Settings {
        let mut settings = json!({
            "ldap": format!("ldap://127.0.0.1:{}", self.port),
            "bind": "cn=guestpass,dc=example,dc=com",
            "password": PASSWORD,
            "people": "ou=people,dc=example,dc=com",
            "base": "dc=example,dc=com",
        });
        settings.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        serde_json::from_value(settings).unwrap()
    }

    pub(super) fn client(&self, further: Value) -> Ldap {
        Ldap::new(&self.settings(further), Pace::default())
    }

    pub(super) fn secure(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.secure_port)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// A connection of who may do everything.
    async fn root(&self) -> ldap3::Ldap {
        let (connection, mut ldap) =
            LdapConnAsync::new(&format!("ldap://127.0.0.1:{}", self.port)).await.unwrap();
        ldap3::drive!(connection);
        ldap.simple_bind("cn=root,dc=example,dc=com", PASSWORD).await.unwrap().success().unwrap();
        ldap
    }

    pub(super) async fn modify(&self, dn: &str, changes: Vec<Mod<&str>>) {
        self.root().await.modify(dn, changes).await.unwrap().success().unwrap();
    }

    pub(super) async fn delete(&self, dn: &str) {
        self.root().await.delete(dn).await.unwrap().success().unwrap();
    }

    /// What an attribute of an entry holds.
    pub(super) async fn values(&self, dn: &str, attribute: &str) -> Vec<String> {
        let found = self.root().await.search(dn, Scope::Base, "(objectClass=*)", [attribute]).await.unwrap();
        let (mut found, _) = found.success().unwrap();
        let mut values = SearchEntry::construct(found.remove(0)).attrs.remove(attribute).unwrap_or_default();
        values.sort();
        values
    }

    /// Signs in as the person would, whose password somebody has set; what the server answers.
    pub(super) async fn sign_in(&self, dn: &str) -> u32 {
        let (connection, mut ldap) =
            LdapConnAsync::new(&format!("ldap://127.0.0.1:{}", self.port)).await.unwrap();
        ldap3::drive!(connection);
        ldap.simple_bind(dn, "pw").await.unwrap().rc
    }
}

fn configuration(folder: &Path, people: &str) -> String {
    let folder = folder.display();
    let mut text = String::new();
    for schema in ["core", "cosine", "inetorgperson", "nis"] {
        writeln!(text, "include /etc/ldap/schema/{schema}.schema").unwrap();
    }
    writeln!(text, "include {SCHEMA}").unwrap();
    if Path::new("/usr/lib/ldap").exists() {
        writeln!(text, "modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload ppolicy").unwrap();
    }
    writeln!(
        text,
        "referral ldap://other.example.com
TLSCACertificateFile {folder}/ca.pem
TLSCertificateFile {folder}/server.pem
TLSCertificateKeyFile {folder}/server.key
database mdb
suffix dc=example,dc=com
rootdn cn=root,dc=example,dc=com
rootpw {PASSWORD}
directory {folder}/db
overlay ppolicy
ppolicy_default cn=policy,dc=example,dc=com
limits dn.exact=cn=guestpass,dc=example,dc=com size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree={people} by dn.exact=cn=guestpass,dc=example,dc=com write by dn.exact=cn=reader,dc=example,dc=com read by * none
access to dn.subtree=ou=groups,dc=example,dc=com by dn.exact=cn=guestpass,dc=example,dc=com write by * none"
    )
    .unwrap();
    text
}
