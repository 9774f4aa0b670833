//! Against a real OpenLDAP server. Active Directory's profile is tried on the same server, which then keeps Active
//! Directory's attributes and gives them no meaning: what is written is proved there, and not what a domain makes of it.

mod slapd;

use self::slapd::Slapd;
use super::super::counterpart;
use super::*;
use crate::account::{Expiry, Seen, next_step};
use crate::provision::probe::{Outcome, Wishes, probe};
use jiff::{SignedDuration, Timestamp};
use ldap3::Mod;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const ADA: &str = "uid=ada,ou=people,dc=example,dc=com";
const READERS: &str = "cn=readers,ou=groups,dc=example,dc=com";
const OTHER: &str = "uid=other,ou=people,dc=example,dc=com";

fn key() -> Key {
    Key { external_id: "Gp-1*(".into(), native_id: None }
}

fn end() -> Timestamp {
    "2096-03-02T09:00:00Z".parse().unwrap()
}

fn profile(name: &str, groups: &[&str], withdrawn: &[&str]) -> Profile {
    Profile {
        user_name: name.to_owned(),
        display_name: Some("Ada Lund".into()),
        email: Some("ada@x.example".into()),
        entitlements: Entitlement::groups(groups),
        withdrawn: Entitlement::groups(withdrawn),
        attributes: [("title".to_owned(), "Guest".to_owned())].into(),
        expires: Some(end()),
    }
}

/// Looks and steps until no step is left; returns the kinds of steps.
async fn settle(target: &Ldap, desired: &Desired) -> Vec<String> {
    counterpart::settle(target, &key(), desired).await.iter().map(counterpart::kind).collect()
}

async fn seen(target: &Ldap, desired: &Desired) -> Seen {
    counterpart::seen(target, &key(), desired).await
}

fn is_refused<T: std::fmt::Debug>(outcome: Result<T, Fault>, reason: Refusal) {
    assert!(matches!(&outcome, Err(Fault::Refused { why, .. }) if *why == reason), "{outcome:?}");
}

/// Settings under which the same people are kept in all the ways that there are.
fn ways() -> Vec<Value> {
    let windows = json!({ "directory": "active-directory", "id": "entryUUID" });
    vec![
        json!({ "expiry": "pwdEndTime" }),
        json!({ "lock": "shadowExpire", "expiry": "shadowExpire" }),
        json!({ "lock": "employeeType=closed", "expiry": "shadowExpire", "mark": "employeeNumber" }),
        json!({ "name": "guest-{name}" }),
        windows,
    ]
}

#[tokio::test]
async fn it_passes_the_walk_that_every_target_has_to_pass() {
    for way in ways() {
        let Some(slapd) = Slapd::start("").await else { return };
        let groups =
            ["readers", "writers", "shell", "windows"].map(|name| Entitlement::Group(name.to_owned()));
        let attributes = BTreeMap::from([("title".to_owned(), "Guest".to_owned())]);
        let (wishes, mut failed) = (Wishes { entitlements: groups.into(), attributes }, Vec::new());
        let now = end() - SignedDuration::from_hours(48);
        let mut tell = |found: crate::provision::probe::Finding| {
            failed.extend(matches!(found.outcome, Outcome::Fails(_)).then_some(found));
        };
        let good = probe(&slapd.client(way.clone()), &wishes, now, &mut tell).await;
        assert!(good, "{way}: {failed:?}");
        assert_eq!(slapd.values(READERS, "member").await, [OTHER]);
    }
}

#[tokio::test]
async fn an_entry_lives_and_leaves_nothing_behind() {
    let Some(slapd) = Slapd::start("").await else { return };
    let target = slapd.client(json!({}));
    let desired = Desired::Active(profile("Ada@x.example", &["readers", "shell"], &[]));
    assert_eq!(settle(&target, &desired).await, ["create", "give", "give"]);
    let theirs = vec![Mod::Add("uniqueMember", [ADA].into())];
    slapd.modify("cn=writers,ou=groups,dc=example,dc=com", theirs).await;
    slapd.modify(ADA, vec![Mod::Add("description", ["of finance"].into())]).await;
    let ada = seen(&target, &desired).await;
    assert_eq!(ada.entitlements, Entitlement::groups(&["readers", "shell", "writers"]));
    assert_eq!(
        (slapd.values(ADA, "sn").await, slapd.values(ADA, "cn").await),
        (vec!["Lund".into()], vec!["Ada Lund".into()])
    );

    // The groups hear of another name, also those that are not ours.
    let mut changed = profile("ada.b", &["Readers"], &["shell"]);
    changed.attributes = [("title".to_owned(), String::new()), ("l".to_owned(), "Rom".to_owned())].into();
    let changed = Desired::Active(changed);
    assert_eq!(settle(&target, &changed).await, ["take", "update"]);
    let renamed = seen(&target, &changed).await;
    let dn = "uid=ada.b,ou=people,dc=example,dc=com";
    assert_eq!((&renamed.native_id, renamed.user_name.as_str()), (&ada.native_id, "ada.b"));
    assert_eq!(renamed.entitlements, Entitlement::groups(&["Readers", "writers"]));
    assert_eq!(slapd.values(READERS, "member").await, [dn, OTHER]);
    assert_eq!(slapd.values(dn, "description").await, ["of finance"]);
    assert_eq!((slapd.values(dn, "title").await.len(), slapd.values(dn, "l").await), (0, vec!["Rom".into()]));

    assert_eq!(settle(&target, &Desired::closed()).await, ["disable"]);
    assert_eq!(settle(&target, &Desired::Absent).await, ["delete"]);
    assert_eq!(slapd.values(READERS, "member").await, [OTHER]);
    assert_eq!(target.observe(&key(), &Desired::closed()).await, Ok(Actual::Absent));
}

#[tokio::test]
async fn who_is_shut_out_cannot_sign_in_and_time_shuts_them_out_too() {
    let Some(slapd) = Slapd::start("").await else { return };
    let target = slapd.client(json!({ "expiry": "pwdEndTime" }));
    let desired = Desired::Active(profile("ada", &[], &[]));
    settle(&target, &desired).await;
    slapd.modify(ADA, vec![Mod::Replace("userPassword", ["pw"].into())]).await;
    assert_eq!(slapd.sign_in(ADA).await, 0);
    settle(&target, &Desired::closed()).await;
    assert_eq!(slapd.sign_in(ADA).await, 49);
    assert_eq!(settle(&target, &desired).await, ["enable"]);
    assert_eq!(slapd.sign_in(ADA).await, 0);
    let past = Profile { expires: Some("2020-01-01T00:00:00Z".parse().unwrap()), ..profile("ada", &[], &[]) };
    assert_eq!(settle(&target, &Desired::Active(past)).await, ["update"]);
    assert_eq!(slapd.values(ADA, "pwdEndTime").await, ["20200101000001Z"]);
    assert_eq!(slapd.sign_in(ADA).await, 49);
}

#[tokio::test]
async fn a_day_that_shuts_an_account_and_the_day_it_ends_are_kept_apart() {
    let Some(slapd) = Slapd::start("").await else { return };
    let target = slapd.client(json!({ "lock": "shadowExpire", "expiry": "shadowExpire" }));
    let desired = Desired::Active(profile("ada", &[], &[]));
    assert_eq!(settle(&target, &desired).await, ["create", "update"]);
    // The day on which it ends still counts, and so does one more.
    assert_eq!(slapd.values(ADA, "shadowExpire").await, ["46084"]);
    settle(&target, &Desired::closed()).await;
    assert_eq!(slapd.values(ADA, "shadowExpire").await, ["1"]);
    // Changed while shut, it stays shut until all else is right.
    let changed =
        Desired::Active(Profile { display_name: Some("Ada".into()), ..profile("ada", &["readers"], &[]) });
    assert_eq!(settle(&target, &changed).await, ["update", "give", "enable", "update"]);
    assert_eq!(seen(&target, &changed).await.expires, Expiry::At(end()));
}

#[tokio::test]
async fn the_last_member_of_a_group_makes_room_for_nobody() {
    let Some(slapd) = Slapd::start("").await else { return };
    let target = slapd.client(json!({}));
    settle(&target, &Desired::Active(profile("ada", &["readers", "writers"], &[]))).await;
    for (group, attribute) in [("readers", "member"), ("writers", "uniqueMember")] {
        let dn = format!("cn={group},ou=groups,dc=example,dc=com");
        slapd.modify(&dn, vec![Mod::Delete(attribute, [OTHER].into())]).await;
        let left = Desired::Active(profile("ada", &[], &[group]));
        assert_eq!(settle(&target, &left).await, ["take"]);
        assert_eq!(slapd.values(&dn, attribute).await, ["cn=nobody,ou=people,dc=example,dc=com"]);
        // The next one is beside it.
        assert_eq!(settle(&target, &Desired::Active(profile("ada", &[group], &[]))).await, ["give"]);
        assert_eq!(settle(&target, &left).await, ["take"]);
    }
}

#[tokio::test]
async fn who_gets_a_name_does_not_get_what_another_had_under_it() {
    let Some(slapd) = Slapd::start("").await else { return };
    let shell = "cn=shell,ou=groups,dc=example,dc=com";
    slapd.modify(READERS, vec![Mod::Add("member", [ADA].into())]).await;
    slapd.modify(shell, vec![Mod::Add("memberUid", ["ada"].into())]).await;
    let target = slapd.client(json!({}));
    let desired = Desired::Active(profile("ada", &[], &[]));
    settle(&target, &desired).await;
    assert_eq!(seen(&target, &desired).await.entitlements, BTreeSet::new());
    assert_eq!(slapd.values(shell, "memberUid").await, [""; 0]);
}

#[tokio::test]
async fn who_is_called_the_same_somewhere_else_keeps_what_they_have_by_that_name() {
    let staff = "dn: ou=staff,dc=example,dc=com\nobjectClass: organizationalUnit\nou: staff\n\n\
        dn: uid=ada,ou=staff,dc=example,dc=com\nobjectClass: inetOrgPerson\nuid: ada\ncn: Ada\nsn: L\n\n";
    let Some(slapd) = Slapd::start(staff).await else { return };
    let shell = "cn=shell,ou=groups,dc=example,dc=com";
    let here = json!({ "base": "ou=people,dc=example,dc=com", "groups": "ou=groups,dc=example,dc=com" });
    let target = slapd.client(here);
    let listed = async |names: &[&str]| {
        slapd.modify(shell, vec![Mod::Replace("memberUid", names.iter().copied().collect())]).await;
    };
    listed(&["ada"]).await;
    // Not by being made, nor by another name.
    let create = Step::Create(profile("ada", &[], &[]));
    let refused = target.apply(&key(), &create).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "refused: group \"shell\" has a member \"ada\", who is \"uid=ada,ou=staff,dc=example,dc=com\": \
         it knows people by that alone"
    );
    settle(&target, &Desired::Active(profile("bob", &[], &[]))).await;
    let native_id = seen(&target, &Desired::closed()).await.native_id;
    let update = Step::Update { native_id: native_id.clone(), profile: profile("ada", &[], &[]) };
    is_refused(target.apply(&key(), &update).await, Refusal::Conflict);
    assert_eq!(slapd.values(shell, "memberUid").await, ["ada"]);

    // Where they are in no group, the name is free, and still not to be given what would be both's.
    listed(&[]).await;
    target.apply(&key(), &update).await.unwrap();
    let give = Step::Give { native_id: native_id.clone(), entitlement: Entitlement::Group("shell".into()) };
    is_refused(target.apply(&key(), &give).await, Refusal::Conflict);
    // Nor do groups that they come into later follow a guest, or end with one.
    listed(&["ada"]).await;
    let update = Step::Update { native_id: native_id.clone(), profile: profile("carl", &[], &[]) };
    target.apply(&key(), &update).await.unwrap();
    assert_eq!(slapd.values(shell, "memberUid").await, ["ada"]);
    listed(&[]).await;
    let update = Step::Update { native_id: native_id.clone(), profile: profile("ada", &[], &[]) };
    target.apply(&key(), &update).await.unwrap();
    listed(&["ada"]).await;
    target.apply(&key(), &Step::Delete { native_id }).await.unwrap();
    assert_eq!(target.observe(&key(), &Desired::closed()).await, Ok(Actual::Absent));
    assert_eq!(slapd.values(shell, "memberUid").await, ["ada"]);
}

#[tokio::test]
async fn a_name_in_a_group_is_nobodys_only_where_all_of_the_directory_can_be_seen() {
    let Some(slapd) = Slapd::start_for("ou=people,dc=example,dc=com", "").await else { return };
    let shell = "cn=shell,ou=groups,dc=example,dc=com";
    let here = json!({ "base": "ou=people,dc=example,dc=com", "groups": "ou=groups,dc=example,dc=com" });
    let target = slapd.client(here);
    slapd.modify(shell, vec![Mod::Add("memberUid", ["ada"].into())]).await;
    let desired = Desired::Active(profile("ada", &["shell"], &[]));
    is_refused(target.apply(&key(), &Step::Create(profile("ada", &["shell"], &[]))).await, Refusal::Conflict);
    slapd.modify(shell, vec![Mod::Delete("memberUid", ["ada"].into())]).await;
    // What is in it since then is what we put there.
    assert_eq!(settle(&target, &desired).await, ["create", "give"]);
    settle(&target, &Desired::Absent).await;
    assert_eq!(slapd.values(shell, "memberUid").await, [""; 0]);
}

#[tokio::test]
async fn whoever_has_the_name_keeps_it_until_somebody_says_that_it_is_theirs() {
    let person = "dn: ou=old,dc=example,dc=com\nobjectClass: organizationalUnit\nou: old\n\n\
        dn: uid=ada,ou=old,dc=example,dc=com\nobjectClass: inetOrgPerson\nuid: ada\ncn: Ada\nsn: L\n\
        mail: first@x.example\nmail: Ada@x.example\nlabeledURI: https://ada.example\n\n";
    let Some(slapd) = Slapd::start(person).await else { return };
    let target = slapd.client(json!({}));
    // Somewhere else in the directory, and yet the same name.
    let created = target.apply(&key(), &Step::Create(profile("ada", &[], &[]))).await.unwrap_err();
    assert_eq!(
        created.to_string(),
        "refused: an entry \"ada\" exists that does not carry our mark; it is not taken over"
    );
    let searches = [
        By::UserName("Ada@x.example".into()),
        By::Email("ada@x.example".into()),
        By::Attribute("cn".into(), "ada".into()),
    ];
    let mut native_id = String::new();
    for by in searches {
        let found = target.matching(&by).await.unwrap();
        let [ada] = &found[..] else { panic!("{by:?}: {found:?}") };
        assert_eq!((ada.external_id.as_deref(), ada.active), (None, true));
        native_id.clone_from(&ada.native_id);
    }
    assert_eq!(target.matching(&By::Email("*".into())).await, Ok(vec![]));
    is_refused(target.matching(&By::Attribute("cn=*)(uid".into(), "x".into())).await, Refusal::Invalid);
    target.apply(&key(), &Step::Adopt { native_id: native_id.clone() }).await.unwrap();
    target.apply(&key(), &Step::Adopt { native_id: native_id.clone() }).await.unwrap();
    assert_eq!(seen(&target, &Desired::closed()).await.native_id, native_id);
    let dn = "uid=ada,ou=old,dc=example,dc=com";
    assert_eq!(slapd.values(dn, "labeledURI").await, ["guestpass:Gp-1*(", "https://ada.example"]);

    // Taken from us, it is left alone.
    slapd.modify(dn, vec![Mod::Delete("labeledURI", ["guestpass:Gp-1*("].into())]).await;
    let known = Key { native_id: Some(native_id.clone()), ..key() };
    is_refused(target.observe(&known, &Desired::closed()).await, Refusal::Conflict);
    target.apply(&known, &Step::Disable { native_id: native_id.clone() }).await.unwrap();
    target.apply(&known, &Step::Delete { native_id: native_id.clone() }).await.unwrap();
    assert_eq!(slapd.values(dn, "pwdAccountLockedTime").await, [""; 0]);
    // An attribute with room for one value stays with whose it is.
    slapd.modify(dn, vec![Mod::Replace("employeeNumber", ["7"].into())]).await;
    let other = slapd.client(json!({ "mark": "employeeNumber" }));
    is_refused(other.apply(&key(), &Step::Adopt { native_id }).await, Refusal::Conflict);
    assert_eq!(slapd.values(dn, "employeeNumber").await, ["7"]);
}

#[tokio::test]
async fn many_at_once_make_one_entry() {
    let Some(slapd) = Slapd::start("").await else { return };
    let (target, key, create) = (slapd.client(json!({})), key(), Step::Create(profile("ada", &[], &[])));
    let made = futures_util::future::join_all((0..8).map(|_| target.apply(&key, &create))).await;
    let ids: BTreeSet<_> = made.into_iter().map(|id| id.unwrap().unwrap()).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn all_people_are_listed_page_by_page() {
    let person = |number: usize| {
        let dn = format!("uid=u{number},ou=people,dc=example,dc=com");
        format!("dn: {dn}\nobjectClass: inetOrgPerson\nuid: u{number}\ncn: U\nsn: U\n\n")
    };
    let Some(slapd) = Slapd::start(&(0..1_200).map(person).collect::<String>()).await else { return };
    let target = slapd.client(json!({}));
    let (mut names, mut after, mut pages) = (BTreeSet::new(), None, 0);
    loop {
        let page = target.list(after.as_deref()).await.unwrap();
        (pages, after) = (pages + 1, page.next);
        names.extend(page.accounts.into_iter().map(|account| account.user_name));
        if after.is_none() {
            break;
        }
    }
    assert_eq!((names.len(), pages), (1_200, 3));
    assert!(matches!(target.list(Some("no-page")).await, Err(Fault::Transient { .. })));
}

#[tokio::test]
async fn names_are_read_as_they_were_written() {
    let Some(slapd) = Slapd::start("").await else { return };
    let target = slapd.client(json!({ "name": "{name}" }));
    for name in ["a, \"b\"", "#a+b=c", "a\\b", "a*)(uid=*", "ä <ö>;", " a "] {
        let key = Key { external_id: format!("gp {name}"), native_id: None };
        let named = profile(name, &["readers"], &[]);
        let desired = Desired::Active(named);
        while let Some(step) = next_step(&desired, &target.observe(&key, &desired).await.unwrap()) {
            target.apply(&key, &step).await.unwrap();
        }
        let Ok(Actual::Present(seen)) = target.observe(&key, &Desired::closed()).await else {
            panic!("{name}")
        };
        assert_eq!(seen.user_name.trim(), name.trim().to_lowercase());
    }
}

#[tokio::test]
async fn each_failure_says_what_it_means() {
    let Some(mut slapd) = Slapd::start("").await else { return };
    let target = slapd.client(json!({}));
    let create = Step::Create(profile("ada", &[], &[]));
    let native_id = target.apply(&key(), &create).await.unwrap().unwrap();
    let give = |entitlement| Step::Give { native_id: native_id.clone(), entitlement };
    let absent = target.apply(&key(), &give(Entitlement::Group("nobody".into()))).await;
    is_refused(absent, Refusal::Invalid);
    is_refused(target.apply(&key(), &give(Entitlement::Role("x".into()))).await, Refusal::Invalid);
    let mut odd = profile("bob", &[], &[]);
    odd.attributes.insert("noSuchThing".into(), "x".into());
    let bob = Key { external_id: "gp-2".into(), native_id: None };
    is_refused(target.apply(&bob, &Step::Create(odd)).await, Refusal::Invalid);
    let reader = slapd.client(json!({ "bind": "cn=reader,dc=example,dc=com" }));
    is_refused(
        reader.apply(&key(), &Step::Disable { native_id: native_id.clone() }).await,
        Refusal::Forbidden,
    );
    let wrong = slapd.client(json!({ "password": "wrong" })).observe(&key(), &Desired::closed()).await;
    assert!(matches!(wrong, Err(Fault::AuthFailed(_))), "{wrong:?}");
    let elsewhere = slapd.client(json!({ "base": "dc=elsewhere" })).observe(&key(), &Desired::closed()).await;
    assert!(
        matches!(&elsewhere, Err(Fault::Refused { words, .. }) if words.contains("other.example.com")),
        "{elsewhere:?}"
    );
    // Gone in between: the kept connection is dead, and nobody is there.
    slapd.stop();
    for _ in 0..2 {
        let nobody = target.observe(&key(), &Desired::closed()).await;
        assert!(matches!(nobody, Err(Fault::Transient { .. })), "{nobody:?}");
    }
}

#[tokio::test]
async fn only_a_server_that_the_authority_vouches_for_is_spoken_to() {
    let Some(slapd) = Slapd::start("").await else { return };
    let (ca, other) = (slapd.file("ca.pem"), slapd.file("other.pem"));
    for (ca, is_ours) in [(ca, true), (other, false)] {
        for further in [json!({ "ca": ca }), json!({ "ca": ca, "ldap": slapd.secure() })] {
            let seen = slapd.client(further.clone()).observe(&key(), &Desired::closed()).await;
            let transient = matches!(seen, Err(Fault::Transient { .. }));
            assert!(if is_ours { seen == Ok(Actual::Absent) } else { transient }, "{further}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn accounts_of_active_directory_keep_what_else_their_bits_say() {
    let person = "dn: cn=old,ou=people,dc=example,dc=com\nobjectClass: user\ncn: old\nsAMAccountName: old\n\
        userAccountControl: 66048\naccountExpires: 9223372036854775807\nobjectGUID:: AAECAwQFBgcICQoLDA0O/w==\n\n\
        dn: cn=pc,ou=people,dc=example,dc=com\nobjectClass: computer\ncn: pc\nsAMAccountName: pc$\n\n";
    let Some(slapd) = Slapd::start(person).await else { return };
    let target = slapd.client(json!({ "directory": "active-directory" }));
    let listed = target.list(None).await.unwrap().accounts;
    let [old] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!(old.native_id, "03020100-0504-0706-0809-0a0b0c0d0eff");
    target.apply(&key(), &Step::Adopt { native_id: old.native_id.clone() }).await.unwrap();
    let dn = "cn=old,ou=people,dc=example,dc=com";
    let plain = Profile { attributes: BTreeMap::new(), ..profile("old@x.example", &["windows"], &[]) };
    let desired = Desired::Active(plain);
    assert_eq!(settle(&target, &desired).await, ["update", "give"]);
    // (unix seconds + 11644473600 + 1) * 10^7
    assert_eq!(slapd.values(dn, "accountExpires").await, ["156259908010000000"]);
    assert_eq!(settle(&target, &Desired::closed()).await, ["disable"]);
    assert_eq!(slapd.values(dn, "userAccountControl").await, ["66050"]);
    assert_eq!(settle(&target, &desired).await, ["enable"]);
    assert_eq!(slapd.values(dn, "userAccountControl").await, ["66048"]);
    let forever =
        Desired::Active(Profile { expires: None, ..profile("new.name@x.example", &[], &["windows"]) });
    assert_eq!(settle(&target, &forever).await, ["take", "update"]);
    assert_eq!(slapd.values(dn, "accountExpires").await, ["0"]);
    assert_eq!(slapd.values(dn, "sAMAccountName").await, ["new.name"]);
    assert_eq!(slapd.values(dn, "userPrincipalName").await, ["new.name@x.example"]);
}

#[tokio::test]
async fn an_account_of_active_directory_gets_a_password_over_tls_alone() {
    let Some(slapd) = Slapd::start("").await else { return };
    for (further, passwords) in [(json!({}), 0), (json!({ "ca": slapd.file("ca.pem") }), 1)] {
        let mut settings = json!({ "directory": "active-directory", "id": "entryUUID" });
        settings.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        let target = slapd.client(settings);
        settle(&target, &Desired::Active(profile("ada", &[], &[]))).await;
        let dn = "cn=ada,ou=people,dc=example,dc=com";
        assert_eq!(slapd.values(dn, "userAccountControl").await, ["512"]);
        assert_eq!(slapd.values(dn, "unicodePwd").await.len(), passwords);
        slapd.delete(dn).await;
    }
}

#[tokio::test]
async fn its_password_is_never_said_however_much_is_logged() {
    let Some(slapd) = Slapd::start("").await else { return };
    let desired = Desired::Active(profile("Ada@x.example", &["readers"], &[]));
    let mut said = counterpart::logged(async {
        let over_tls = json!({ "ldap": slapd.secure(), "ca": slapd.file("ca.pem") });
        for way in [json!({}), over_tls] {
            settle(&slapd.client(way), &desired).await;
        }
    })
    .await;
    said += &counterpart::logged(async {
        let stranger = slapd.client(json!({ "password": "wr0ng-w0rd" }));
        let refused = stranger.observe(&key(), &desired).await.unwrap_err();
        assert!(matches!(refused, Fault::AuthFailed(_)), "{refused:?}");
        tracing::info!("{refused} {refused:?}");
    })
    .await;
    counterpart::says_nothing_of(&said, &[slapd::PASSWORD, "wr0ng-w0rd"]);
}
