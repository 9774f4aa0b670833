//! From settings to endpoints, and what a reload keeps.

use super::app::named;
use super::*;
use crate::gateway::settings::{Mistake, Settings};
use crate::gateway::upstream::{Endpoint, Loader, Upstream};
use std::path::Path;

pub(super) fn load(registry: &Registry, folder: &Path, upstream: Value) -> Result<Upstream, Vec<Mistake>> {
    let settings = serde_json::from_value(upstream).unwrap();
    Loader { folder, lanes: 2, registry }.load(&settings)
}

/// The app `wiki`, open to everybody.
pub(super) fn app(registry: &Registry, upstream: Value) -> Arc<App> {
    let settings = json!({ "host": HOST, "upstream": upstream, "routes": { "/": "public" } });
    let settings: Settings<()> = serde_json::from_value(settings).unwrap();
    let loader = Loader { folder: Path::new("."), lanes: 2, registry };
    Arc::new(settings.check("wiki".parse().unwrap(), loader).unwrap())
}

fn endpoint(app: &App) -> &Arc<Endpoint> {
    &app.route("/").common.upstream.as_ref().unwrap().endpoints[0]
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("text"), "no certificate").unwrap();
    let told = |upstream: Value| {
        let wrong = load(&Registry::default(), folder.path(), upstream).unwrap_err();
        wrong.into_iter().map(|Mistake { at, message }| (at.join(" "), message)).collect::<Vec<_>>()
    };
    let places = |upstream: Value| told(upstream).into_iter().map(|(place, _)| place).collect::<Vec<_>>();
    assert_eq!(places(json!("wiki")), [""]);
    assert_eq!(places(json!([])), [""]);
    assert_eq!(places(json!(["http://a", "b", "http://a"])), ["1", "2"]);
    assert_eq!(places(json!({ "at": "b" })), ["at"]);
    assert_eq!(
        places(json!({ "at": ["b", "https://a", "c"], "ca": "nowhere", "key": "text" })),
        ["at 0", "at 2", "ca", "key"]
    );
    assert_eq!(places(json!({ "at": "http://a", "ca": "text", "server-name": "b" })), ["ca", "server-name"]);
    assert_eq!(places(json!({ "at": "h2c://a", "protocol": "http1" })), ["protocol"]);
    assert_eq!(places(json!({ "at": "https://a", "server-name": "not a name" })), ["server-name"]);
    let wrong = told(json!({ "at": "https://a", "ca": "text", "certificate": "text" }));
    assert_eq!(wrong[0].0, "certificate");
    let wrong = told(json!({ "at": "https://a", "ca": "text" }));
    assert_eq!(wrong, [("ca".to_owned(), "the file holds no certificate in PEM".to_owned())]);
}

#[test]
fn settings_say_what_they_may_be() {
    let wrong =
        |upstream: Value| serde_json::from_value::<super::super::Settings>(upstream).unwrap_err().to_string();
    assert!(wrong(json!(7)).contains("expected an address, a list of them, or `{ at: [..], .. }`"));
    assert!(wrong(json!({ "at": 7 })).contains("expected an address or a list of them"));
    assert!(wrong(json!({ "at": "http://a", "sni": "b" })).starts_with("unknown field `sni`"));
    assert!(wrong(json!({ "at": "http://a", "protocol": "h3" })).starts_with("unknown variant `h3`"));
    let health = |health: Value| wrong(json!({ "at": "http://a", "health": health }));
    assert!(health(json!({ "path": "healthz" })).starts_with("\"healthz\" is not a path"));
    assert!(health(json!({ "path": "/", "status": 100 })).starts_with("100 is not the status of an answer"));
    assert!(health(json!({ "every": "1s" })).starts_with("missing field `path`"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_keeps_what_did_not_change() {
    let served = named("one").await;
    let registry = Registry::default();
    let first = app(&registry, json!(served.url()));
    let ask = |app: Arc<App>| async {
        let way = Way::into(TERMS, app).await;
        assert_eq!(way.status("/").await, 200);
        way.stop.cancel();
    };
    ask(first.clone()).await;
    let second = app(&registry, json!([served.url(), "http://127.0.0.1:1"]));
    assert!(Arc::ptr_eq(endpoint(&first), endpoint(&second)));
    assert_eq!(registry.states().len(), 2);
    drop((first, second));
    until("what nobody uses is gone", || registry.states().is_empty()).await;

    let again = app(&registry, json!(served.url()));
    ask(again.clone()).await;
    assert_eq!(served.connections(), 2, "connections go with their endpoint");
    let same = app(&registry, json!({ "at": [served.url()] }));
    drop(again);
    ask(same.clone()).await;
    assert_eq!(served.connections(), 2, "and stay with it");
    let health = json!({ "path": "/healthz" });
    let other = app(&registry, json!({ "at": served.url(), "health": health }));
    assert!(!Arc::ptr_eq(endpoint(&same), endpoint(&other)));
}
