//! Against real PostgreSQL servers: each that is installed, the oldest and the newest kind of memberships among them where
//! both are.

mod cluster;

use self::cluster::{Cluster, each};
use super::super::counterpart;
use super::role::LIMIT;
use super::*;
use crate::account::{Entitlement, Expiry, Seen};
use crate::provision::probe::{Wishes, probe};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;

fn key() -> Key {
    Key { external_id: "gp-1".into(), native_id: None }
}

fn end() -> Timestamp {
    "2126-03-02T09:00:00Z".parse().unwrap()
}

fn profile(name: &str, groups: &[&str], withdrawn: &[&str]) -> Profile {
    Profile {
        user_name: name.to_owned(),
        display_name: Some("Ada L".into()),
        email: Some("ada@x.example".into()),
        entitlements: Entitlement::groups(groups),
        withdrawn: Entitlement::groups(withdrawn),
        expires: Some(end()),
        ..Profile::default()
    }
}

/// Looks and steps until no step is left; returns the kinds of steps.
async fn settle(target: &Postgres, desired: &Desired) -> Vec<String> {
    counterpart::settle(target, &key(), desired).await.iter().map(counterpart::kind).collect()
}

async fn seen(target: &Postgres, desired: &Desired) -> Seen {
    counterpart::seen(target, &key(), desired).await
}

#[tokio::test]
async fn it_passes_the_walk_that_every_target_has_to_pass() {
    each(async |cluster: &Cluster| {
        cluster.run("CREATE ROLE readers; CREATE ROLE \"wri\"\"ters\"").await;
        for settings in [cluster.as_superuser(), cluster.as_guestpass().await] {
            let mut failed = Vec::new();
            let entitlements = [Entitlement::Group("readers".into()), Entitlement::Role("wri\"ters".into())];
            let attributes = BTreeMap::from([(LIMIT.to_owned(), "3".to_owned())]);
            let wishes = Wishes { entitlements: entitlements.into(), attributes };
            let now = end() - SignedDuration::from_hours(48);
            let mut tell = |finding: crate::provision::probe::Finding| {
                failed
                    .extend((finding.outcome != crate::provision::probe::Outcome::Works).then_some(finding));
            };
            let good = probe(&Postgres::new(&settings, Pace::default()), &wishes, now, &mut tell).await;
            assert!(good && failed.is_empty(), "{failed:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_role_lives_and_leaves_nothing_behind() {
    each(async |cluster: &Cluster| {
        cluster.run("CREATE DATABASE crm").await;
        cluster.run("CREATE ROLE readers; CREATE ROLE writers; CREATE ROLE theirs").await;
        let target = cluster.client(json!({ "databases": ["postgres", "crm"] }));
        let desired = Desired::Active(profile("Ada.L@x.example", &["readers"], &[]));
        assert_eq!(settle(&target, &desired).await, ["create", "give"]);
        cluster.run("GRANT theirs TO \"ada.l\"").await;
        let ada = seen(&target, &desired).await;
        assert_eq!((ada.active, ada.expires), (true, Expiry::At(end())));
        assert_eq!(ada.entitlements, Entitlement::groups(&["readers", "theirs"]));
        assert_eq!(
            cluster.ask("SELECT rolvaliduntil::text FROM pg_roles WHERE rolname = 'ada.l'").await,
            "2126-03-02 09:00:01+00"
        );

        let changed = Desired::Active(profile("ada.b@x.example", &["writers"], &["readers"]));
        assert_eq!(settle(&target, &changed).await, ["take", "update", "give"]);
        let renamed = seen(&target, &changed).await;
        assert_eq!(renamed.native_id, ada.native_id);
        assert_eq!(renamed.entitlements, Entitlement::groups(&["theirs", "writers"]));
        let forever = Desired::Active(Profile { expires: None, ..profile("ada.b", &[], &[]) });
        assert_eq!(settle(&target, &forever).await, ["update"]);
        assert_eq!(seen(&target, &forever).await.expires, Expiry::Never);

        // What it made in another database goes to the owner.
        cluster.run_in("crm", "CREATE TABLE work (); ALTER TABLE work OWNER TO \"ada.b\"").await;
        cluster.run_in("crm", "CREATE TABLE else_s (); GRANT SELECT ON else_s TO \"ada.b\"").await;
        assert_eq!(settle(&target, &Desired::Absent).await, ["disable", "delete"]);
        assert_eq!(
            cluster.ask_in("crm", "SELECT tableowner::text FROM pg_tables WHERE tablename = 'work'").await,
            "app_owner"
        );
        assert_eq!(cluster.ask("SELECT count(*)::text FROM pg_roles WHERE rolname LIKE 'ada%'").await, "0");
    })
    .await;
}

#[tokio::test]
async fn closing_ends_sessions_and_opening_gives_back_nothing_else() {
    each(async |cluster: &Cluster| {
        let target = cluster.client(json!({}));
        let desired = Desired::Active(profile("ada", &[], &[]));
        settle(&target, &desired).await;
        let mut inside = cluster.sign_in("ada").await.unwrap();
        assert_eq!(settle(&target, &Desired::closed()).await, ["disable"]);
        assert!(sqlx::query("SELECT 1").execute(&mut inside).await.is_err(), "the session goes on");
        let refused = cluster.sign_in("ada").await.err().unwrap().to_string();
        assert!(refused.contains("not permitted to log in"), "{refused}");
        assert_eq!(settle(&target, &desired).await, ["enable"]);
        cluster.sign_in("ada").await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_stands_in_the_way_of_a_deletion_is_said() {
    each(async |cluster: &Cluster| {
        cluster.run("CREATE DATABASE crm").await;
        let target = cluster.client(json!({}));
        settle(&target, &Desired::Active(profile("ada", &[], &[]))).await;
        cluster.run_in("crm", "CREATE TABLE work (); ALTER TABLE work OWNER TO ada").await;
        let ada = seen(&target, &Desired::closed()).await;
        let refused = target.apply(&key(), &Step::Delete { native_id: ada.native_id.clone() }).await;
        let said = refused.as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert!(matches!(refused, Err(Fault::Refused { why: Refusal::Conflict, .. })), "{said}");
        assert!(said.contains("1 object in database crm"), "{said}");
        // Handed over, it can go.
        let all = cluster.client(json!({ "databases": ["crm"] }));
        let heir = Step::HandOver { native_id: ada.native_id.clone(), heir: "app_owner".into() };
        all.apply(&key(), &heir).await.unwrap();
        assert_eq!(settle(&target, &Desired::Absent).await, ["disable", "delete"]);
        // Without an owner, roles are closed and stay.
        let mut settings = cluster.as_superuser();
        settings.owner = None;
        assert!(!Postgres::new(&settings, Pace::default()).abilities().delete);
    })
    .await;
}

#[tokio::test]
async fn whoever_has_the_name_keeps_it_until_somebody_says_that_it_is_theirs() {
    each(async |cluster: &Cluster| {
        cluster.run("CREATE ROLE ada LOGIN; COMMENT ON ROLE ada IS 'of finance'").await;
        let target = cluster.client(json!({}));
        let created = target.apply(&key(), &Step::Create(profile("ada", &[], &[]))).await.unwrap_err();
        assert_eq!(
            created.to_string(),
            "refused: a role \"ada\" exists that does not carry our mark; it is not taken over"
        );
        assert_eq!(target.observe(&key(), &Desired::closed()).await, Ok(Actual::Absent));
        let found = target.matching(&By::UserName("ada@x.example".into())).await.unwrap();
        let [ada] = &found[..] else { panic!("{found:?}") };
        assert_eq!((ada.external_id.as_deref(), ada.active), (None, true));
        target.apply(&key(), &Step::Adopt { native_id: ada.native_id.clone() }).await.unwrap();
        assert_eq!(seen(&target, &Desired::closed()).await.native_id, ada.native_id);
        let comment = "SELECT shobj_description('ada'::regrole, 'pg_authid')";
        assert_eq!(cluster.ask(comment).await, "of finance\nguestpass:gp-1");

        // Taken from us, it is left alone; marked twice, nobody can say which is ours.
        cluster.run("COMMENT ON ROLE ada IS 'of finance'").await;
        let known = Key { native_id: Some(ada.native_id.clone()), ..key() };
        let refused = target.observe(&known, &Desired::closed()).await;
        assert!(matches!(refused, Err(Fault::Refused { why: Refusal::Conflict, .. })), "{refused:?}");
        target.apply(&known, &Step::Disable { native_id: ada.native_id.clone() }).await.unwrap();
        assert_eq!(cluster.ask("SELECT rolcanlogin::text FROM pg_roles WHERE rolname = 'ada'").await, "true");
        cluster.run("CREATE ROLE bob; COMMENT ON ROLE bob IS 'guestpass:gp-1'; COMMENT ON ROLE ada IS 'guestpass:gp-1'").await;
        let refused = target.observe(&known, &Desired::closed()).await;
        assert!(matches!(refused, Err(Fault::Refused { why: Refusal::Conflict, .. })), "{refused:?}");

        let root = target.matching(&By::UserName("postgres".into())).await.unwrap();
        let adopted = target.apply(&key(), &Step::Adopt { native_id: root[0].native_id.clone() }).await;
        assert!(matches!(adopted, Err(Fault::Refused { why: Refusal::Forbidden, .. })), "{adopted:?}");
    })
    .await;
}

#[tokio::test]
async fn many_at_once_make_one_role() {
    each(async |cluster: &Cluster| {
        cluster.run("CREATE ROLE readers").await;
        let target = cluster.client(json!({}));
        let create = Step::Create(profile("ada", &[], &[]));
        let key = key();
        let made = futures_util::future::join_all((0..8).map(|_| target.apply(&key, &create))).await;
        let ids: std::collections::BTreeSet<_> = made.into_iter().map(|id| id.unwrap().unwrap()).collect();
        assert_eq!(ids.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn all_accounts_are_listed_page_by_page() {
    each(async |cluster: &Cluster| {
        cluster.run("DO $$ BEGIN FOR i IN 1..1100 LOOP EXECUTE format('CREATE ROLE u%s LOGIN', i); END LOOP; END $$").await;
        cluster.run("CREATE ROLE no_account; CREATE ROLE shut; COMMENT ON ROLE shut IS E'x\\nguestpass:gp-2'").await;
        let target = cluster.client(json!({}));
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let page = target.list(after.as_deref()).await.unwrap();
            names.extend(page.accounts.into_iter().map(|account| account.user_name));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!((names.len(), distinct.len()), (1_103, 1_103));
        assert!(names.contains(&"shut".to_owned()) && !names.contains(&"no_account".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn each_failure_says_what_it_means() {
    each(async |cluster: &Cluster| {
        let (target, desired) = (cluster.client(json!({})), Desired::Active(profile("ada", &[], &[])));
        settle(&target, &desired).await;
        let native_id = seen(&target, &desired).await.native_id;
        let give = |name: &str| Step::Give {
            native_id: native_id.clone(),
            entitlement: Entitlement::Group(name.into()),
        };
        let refused = |outcome: Result<Option<String>, Fault>| match outcome {
            Err(Fault::Refused { why, .. }) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(target.apply(&key(), &give("nobody")).await), Refusal::Invalid);
        assert_eq!(refused(target.apply(&key(), &give("ada")).await), Refusal::Invalid);
        let long = Step::Create(profile(&"a".repeat(64), &[], &[]));
        assert_eq!(
            refused(target.apply(&Key { external_id: "gp-2".into(), native_id: None }, &long).await),
            Refusal::Invalid
        );
        let little = Postgres::new(&cluster.as_nobody().await, Pace::default());
        assert_eq!(refused(little.apply(&key(), &give("app_owner")).await), Refusal::Forbidden);
        let wrong = cluster.client(json!({ "password": "wrong" }));
        assert!(matches!(wrong.observe(&key(), &Desired::closed()).await, Err(Fault::AuthFailed(_))));
        let absent = cluster.client(json!({ "postgres": "postgres://guestpass@127.0.0.1:1/postgres" }));
        assert!(matches!(absent.observe(&key(), &Desired::closed()).await, Err(Fault::Transient { .. })));
        // Restarted in between: a kept connection is dead, and the next one is not.
        cluster.restart();
        let first = target.observe(&key(), &Desired::closed()).await;
        assert!(matches!(first, Ok(_) | Err(Fault::Transient { .. })), "{first:?}");
        let second = target.observe(&key(), &Desired::closed()).await;
        assert!(second.is_ok(), "{second:?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_quoted_is_read_as_it_was_written() {
    each(async |cluster: &Cluster| {
        for name in ["a\"b", "a'b", "a\\b", "a;DROP ROLE postgres--", "ä ö", "SELECT", "%s"] {
            let key = Key { external_id: format!("gp' {name}"), native_id: None };
            let target = cluster.client(json!({ "name": "{name}" }));
            target.apply(&key, &Step::Create(profile(name, &[], &[]))).await.unwrap();
            let Ok(Actual::Present(seen)) = target.observe(&key, &Desired::closed()).await else {
                panic!("{name}")
            };
            assert_eq!(seen.user_name, name.to_lowercase());
        }
    })
    .await;
}

#[tokio::test]
async fn only_a_server_that_the_authority_vouches_for_is_spoken_to() {
    each(async |cluster: &Cluster| {
        if !cluster.is_secured {
            return;
        }
        let ca = cluster.ca();
        assert_eq!(
            cluster.client(json!({ "ca": ca })).observe(&key(), &Desired::closed()).await,
            Ok(Actual::Absent)
        );
        let encrypted = "SELECT count(*)::text FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
            WHERE ssl AND application_name = 'guestpass'";
        let target = cluster.client(json!({ "ca": ca }));
        target.observe(&key(), &Desired::closed()).await.unwrap();
        assert_ne!(cluster.ask(encrypted).await, "0");
        let strange = cluster.other_ca();
        let refused = cluster.client(json!({ "ca": strange })).observe(&key(), &Desired::closed()).await;
        assert!(
            matches!(&refused, Err(Fault::Transient { words, .. }) if words.contains("certificate")),
            "{refused:?}"
        );
        let none =
            cluster.client(json!({ "ca": "/nowhere/ca.pem" })).observe(&key(), &Desired::closed()).await;
        assert!(matches!(none, Err(Fault::Transient { .. })), "{none:?}");
    })
    .await;
}

#[tokio::test]
async fn its_password_is_never_said_however_much_is_logged() {
    each(async |cluster: &Cluster| {
        cluster.run("CREATE ROLE readers").await;
        let desired = Desired::Active(profile("ada", &["readers"], &[]));
        let said = counterpart::logged(async {
            settle(&cluster.client(json!({})), &desired).await;
            let stranger = cluster.client(json!({ "password": "wr0ng-w0rd" }));
            let refused = stranger.observe(&key(), &desired).await.unwrap_err();
            assert!(matches!(refused, Fault::AuthFailed(_)), "{refused:?}");
            tracing::info!("{refused} {refused:?}");
        })
        .await;
        counterpart::says_nothing_of(&said, &["s3cret", "wr0ng-w0rd"]);
    })
    .await;
}
