//! The command line, through the real binary.

use crate::harness::{CARLA, Hand, Mood, OTTO, Process, Site, guestpass, soon};
use guestpass::clock::Clock;
use guestpass::demo::browser::Browser;
use serde_json::Value;

fn path(site: &tempfile::TempDir, name: &str) -> String {
    site.path().join(name).display().to_string()
}

/// The lines of `text` as JSON.
fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_command_says_what_it_is_for() {
    let commands = [
        ("", "just-in-time"),
        ("demo", "on this machine"),
        ("init", "configuration to start from"),
        ("check", "every mistake"),
        ("doctor", "what to do"),
        ("serve", "Run"),
        ("reload", "as they are now"),
        ("policy test", "examples"),
        ("policy explain", "condition by condition"),
        ("policy diff", "who would gain, lose"),
        ("plan", "what a reload"),
        ("policy fmt", "one way to write"),
        ("policy schema", "JSON Schema"),
        ("accounts", "Accounts"),
        ("accounts retry", "now"),
        ("grants", "until when"),
        ("grants end", "End a grant"),
        ("grants extend", "another end"),
        ("sessions", "signed in"),
        ("sessions revoke", "every host"),
        ("people", "let in"),
        ("people revoke", "accounts are disabled"),
        ("people restore", "in again"),
        ("audit", "What happened"),
        ("tokens", "admin API"),
        ("tokens new", "nobody can show it again"),
        ("tokens revoke", "End a token"),
    ];
    for (command, words) in commands {
        let said = guestpass(&[command.split_whitespace().collect(), vec!["--help"]].concat()).await;
        assert_eq!((said.code, &*said.err), (0, ""), "{command}");
        assert!(said.out.contains(words), "{command}: {}", said.out);
    }
    assert_eq!(guestpass(&["enter"]).await.code, 2);
}

#[tokio::test]
async fn what_init_writes_is_right_but_for_the_secrets_that_only_others_know() {
    let folder = tempfile::tempdir().unwrap();
    let (here, config) = (folder.path().to_str().unwrap(), path(&folder, "guestpass.yaml"));
    assert_eq!(guestpass(&["init", here]).await.code, 0);
    let said = guestpass(&["check", "--config", &config]).await;
    assert_eq!(said.code, 1);
    for words in ["the client secret is empty", "the token is empty", "2 errors. Nothing was changed."] {
        assert!(said.err.contains(words), "{}", said.err);
    }
    std::fs::write(folder.path().join("secrets/oidc"), "s3cr3t-of-ours").unwrap();
    std::fs::write(folder.path().join("secrets/wiki"), "t0ken-of-theirs").unwrap();
    let said = guestpass(&["check", "--config", &config]).await;
    assert_eq!((said.code, &*said.err), (0, ""), "{said:?}");
    assert!(!said.out.contains("s3cr3t-of-ours") && !said.out.contains("t0ken-of-theirs"));
    assert_eq!(guestpass(&["policy", "test", "--config", &config]).await.code, 0);

    let key = std::fs::read(folder.path().join("secrets/key")).unwrap();
    let again = guestpass(&["init", here]).await;
    assert!(again.code == 1 && again.err.contains("is there already"), "{again:?}");
    assert_eq!(std::fs::read(folder.path().join("secrets/key")).unwrap(), key);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_keeps_everything_shut() {
    let folder = tempfile::tempdir().unwrap();
    let (here, config) = (folder.path().to_str().unwrap(), path(&folder, "guestpass.yaml"));
    assert_eq!(guestpass(&["init", here]).await.code, 0);
    std::fs::write(folder.path().join("secrets/wiki"), "t0ken-of-theirs").unwrap();
    std::fs::remove_file(folder.path().join("secrets/oidc")).unwrap();
    for command in ["check", "serve"] {
        let said = guestpass(&[command, "--config", &config]).await;
        assert_eq!(said.code, 1, "{command}: {said:?}");
        assert!(said.err.contains("secrets/oidc cannot be read"), "{command}: {}", said.err);
        assert!(said.err.contains("1 error. Nothing was changed."), "{command}: {}", said.err);
    }
}

#[tokio::test]
async fn five_mistakes_are_five_messages_with_place_and_hint() {
    let folder = tempfile::tempdir().unwrap();
    let config = path(&folder, "guestpass.yaml");
    let text = "url: http://access.example.com
store: mysql:x
key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
providers:
  staff: { issuer: https://login.example.com, client: { id: guestpass, secret: changeme } }
apps:
  wiki: { host: wiki.example.com, upstream: http://127.0.0.1:1, colour: red }
policies: policies/
";
    std::fs::write(&config, text).unwrap();
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    let policy = "version: 1\nroles:\n  reader: { who: { provider: staff }, gets: { wikki: {} } }\n";
    std::fs::write(folder.path().join("policies/readers.yaml"), policy).unwrap();

    let said = guestpass(&["check", "--config", &config]).await;
    assert_eq!(said.code, 1, "{said:?}");
    let mistakes = [
        ("guestpass.yaml:1:6", "is not encrypted", "use https"),
        ("guestpass.yaml:2:8", "mysql:x", "sqlite:"),
        ("guestpass.yaml:5:80", "client secret", "registered"),
        ("guestpass.yaml:7:65", "unknown key \"colour\"", "host, upstream"),
        ("policies/readers.yaml:3:47", "unknown app \"wikki\"", "did you mean \"wiki\"?"),
    ];
    assert_eq!(said.err.matches("error: ").count(), mistakes.len(), "{}", said.err);
    let told = said.err.split("\n\n").zip(mistakes);
    for (told, (place, message, hint)) in told {
        assert!(told.contains(place) && told.contains(message) && told.contains(hint), "{told}");
    }
    let json = guestpass(&["check", "--json", "--config", &config]).await;
    assert_eq!(json.code, 1);
    let json = rows(&json.out);
    assert_eq!(json.len(), mistakes.len());
    assert_eq!(
        (&json[3]["line"], &json[3]["column"], &json[3]["severity"]),
        (&7.into(), &65.into(), &"error".into())
    );
    assert_eq!(guestpass(&["serve", "--config", &config]).await.code, 1);
}

#[tokio::test]
async fn what_opens_a_collector_is_said_to_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let (here, config) = (folder.path().to_str().unwrap(), path(&folder, "guestpass.yaml"));
    guestpass(&["init", here]).await;
    let text = std::fs::read_to_string(&config).unwrap();
    for (traces, told) in [
        ("endpoint: \"grpc://otel:4317\"", "\"grpc\" is neither https nor http"),
        ("endpoint: \"http://otel:4318\", headers: { Authorization: \"Bearer t\" }", "is not encrypted"),
        ("endpoint: \"http://u:p@otel:4318\"", "holds no name or password"),
        ("endpoint: \"https://otel\", headers: { \"X Key\": \"t\" }", "is not the name of a header"),
        ("endpoint: \"https://otel\", headers: { X-Key: changeme }", "empty or a placeholder"),
        ("endpoint: \"https://otel\", sample: 101%", "is not a share"),
        ("endpoint: \"https://otel\", protocol: grpc", "unknown key \"protocol\""),
    ] {
        std::fs::write(&config, format!("{text}\ntraces: {{ {traces} }}\n")).unwrap();
        let said = guestpass(&["check", "--config", &config]).await;
        assert!(said.code == 1 && said.err.contains(told), "{traces}: {}", said.err);
    }
    for traces in ["endpoint: \"http://otel:4318\"", "endpoint: \"https://otel\", headers: { X-Key: t }"] {
        std::fs::write(&config, format!("{text}\ntraces: {{ {traces} }}\n")).unwrap();
        let said = guestpass(&["check", "--config", &config]).await;
        assert!(!said.err.contains("traces"), "{traces}: {}", said.err);
    }
}

#[tokio::test]
async fn examples_that_do_not_hold_are_told_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let (here, config) = (folder.path().to_str().unwrap(), path(&folder, "guestpass.yaml"));
    guestpass(&["init", here]).await;
    let policy = folder.path().join("policies/contractors.yaml");
    let text = std::fs::read_to_string(&policy).unwrap();
    std::fs::write(&policy, text.replace("groups: [readers], because", "groups: [writers], because"))
        .unwrap();
    let said = guestpass(&["policy", "test", "--config", &config]).await;
    assert_eq!(said.code, 1);
    for words in ["FAIL", "contractors.yaml:14", "writers", "1 passed, 1 failed"] {
        assert!(said.err.contains(words), "{said:?}");
    }
}

#[tokio::test]
async fn operators_see_and_change_what_the_running_gateway_has() {
    let site = Site::new(Clock::system()).await;
    let config = site.config().display().to_string();
    let run = async |words: &str| {
        let words: Vec<&str> = words.split_whitespace().chain(["--config", &config]).collect();
        guestpass(&words).await
    };
    let alone = run("accounts").await;
    assert!(alone.code == 1 && alone.err.contains("is `guestpass serve` running?"), "{alone:?}");

    let process = Process::serve(&site).await;
    assert!(run("accounts").await.out.contains("No accounts yet."));
    let browser = Browser::new(Clock::system()).unwrap();
    for person in [OTTO, CARLA] {
        let asked = browser.get(&site.notes_url).await.unwrap();
        browser.post_form(asked.url.as_str(), &[("person", person)]).await.unwrap();
    }
    soon(|| async { run("accounts").await.out.contains("active").then_some(()) }).await;
    for (list, words) in [
        ("accounts", vec!["PERSON", "c-17@demo", "notes", "active"]),
        ("grants", vec!["ROLE", "c-17@demo", "guest", "in 29 days", "ttl 30d"]),
        ("sessions", vec!["HOSTS", "c-17@demo", "notes.localhost"]),
        ("people", vec!["E-MAIL", "c-17@demo", "carla@example.com"]),
        ("audit", vec!["EVENT", "sign_in_refused", "no_role", "signed_in", "account_changed"]),
    ] {
        let table = run(list).await;
        assert_eq!((table.code, &*table.err), (0, ""), "{list}");
        assert!(words.iter().all(|word| table.out.contains(word)), "{list}: {}", table.out);
        assert!(!rows(&run(&format!("{list} --json")).await.out).is_empty(), "{list}");
    }
    let grant = rows(&run("grants --json").await.out)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(run(&format!("grants extend {grant} --by 60d --why longer")).await.code, 0);
    assert!(run("grants").await.out.contains("in 59 days"));
    assert_eq!(run(&format!("grants end {grant}")).await.code, 0);
    assert!(run("grants").await.out.contains("ended"));
    assert_eq!(run(&format!("grants end {grant}")).await.code, 1);
    let session = rows(&run("sessions --json").await.out)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(run(&format!("sessions revoke {session}")).await.code, 0);
    assert_eq!(run("people revoke c-17@demo").await.code, 0);
    assert!(run("people revoke nobody@demo").await.err.contains("there is no person nobody@demo"));
    soon(|| async { run("accounts").await.out.contains("disabled").then_some(()) }).await;
    assert_eq!(run("people restore c-17@demo").await.code, 0);
    let account = rows(&run("accounts --json").await.out)[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(run(&format!("accounts retry {account}")).await.code, 0);
    let audit = rows(&run("audit --json").await.out);
    let extended = audit.iter().find(|row| row["leaf"]["what"]["event"] == "grant_extended").unwrap();
    assert_eq!(
        (&extended["leaf"]["actor"], &extended["sealed"]["cause"]),
        (&"operator".into(), &"longer".into())
    );

    let second = run("serve").await;
    assert_eq!(second.code, 1, "{second:?}");
    soon(|| async { process.log().contains("guestpass is up").then_some(()) }).await;
    assert_eq!(process.stop().await, 0);
}

#[tokio::test]
async fn a_second_gateway_on_the_same_file_refuses() {
    let site = Site::new(Clock::system()).await;
    if site.database.file().is_none() {
        return;
    }
    let process = Process::serve(&site).await;
    let config = std::fs::read_to_string(site.config()).unwrap();
    site.write("other.yaml", &config.replace(&format!("listen: {}", site.front), "listen: 127.0.0.1:0"));
    let other = site.folder().join("other.yaml").display().to_string();
    let said = guestpass(&["serve", "--config", &other]).await;
    assert!(said.code == 1 && said.err.contains("is in use by another guestpass"), "{said:?}");
    let config = site.config().display().to_string();
    assert_eq!(guestpass(&["people", "--config", &config]).await.code, 0, "the first still has its socket");
    process.kill().await;
}

#[tokio::test]
async fn no_secret_is_ever_said_however_much_is_logged() {
    let site = Site::new(Clock::system()).await;
    let process = Process::serve_with(&site, "trace").await;
    let mut carla = Hand::new();
    let mut secrets = vec![site.client_secret.clone(), site.scim_token.clone()];
    secrets.push(std::fs::read_to_string(site.folder().join("key")).unwrap());
    let mut follow = site.notes_url.clone();
    site.scim.is(Mood::Answers(500));
    for _ in 0..20 {
        let reply = carla.get(&follow).await;
        let Some(mut next) = reply.next else { break };
        if next.starts_with(&site.provider_url) {
            next = carla.choose(&next, CARLA).await;
        }
        let url = url::Url::parse(&next).unwrap();
        secrets
            .extend(url.query_pairs().filter(|(name, _)| name == "code").map(|(_, code)| code.into_owned()));
        follow = next;
        secrets.extend(carla.secrets());
    }
    site.scim.is(Mood::Well);
    carla.follow(&site.echo_url, "nowhere").await;
    carla.post(&format!("{}/sign-out", site.access_url), &[]).await;
    soon(|| async { process.log().contains("account created").then_some(()) }).await;
    let mut said = process.log();
    let config = site.config().display().to_string();
    for list in ["accounts", "grants", "sessions", "people", "audit"] {
        let words = guestpass(&[list, "--json", "--config", &config]).await;
        said += &(words.out + &words.err);
    }
    assert!(said.contains("TRACE"), "nothing was traced");
    secrets.sort();
    secrets.dedup();
    assert!(secrets.len() >= 8, "{secrets:?}");
    // The beginning of every JSON Web Token: ID tokens and assertions.
    secrets.push("eyJ".to_owned());
    for secret in secrets {
        let line = said.lines().find(|line| line.contains(&secret));
        assert!(line.is_none(), "{secret} is said: {line:?}");
    }
    process.kill().await;
}
