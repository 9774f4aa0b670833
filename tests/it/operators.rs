//! What operators revoke is over at once; what keeps an account from being is theirs to see and mend.

use crate::harness::{ADA, CARLA, Deed, House, guestpass, soon};
use guestpass::demo::provider::Person;
use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

#[tokio::test]
async fn a_revoked_session_ends_everywhere_and_no_other() {
    let house = House::open().await;
    let (one, other) = (house.guest(CARLA).await, house.guest(CARLA).await);
    assert_eq!(one.get(&house.echo_url).await.unwrap().status, StatusCode::OK);
    let sessions = house.operator().asks("/sessions").await;
    let of = |hosts: usize| {
        sessions.as_array().unwrap().iter().find(|row| row["hosts"].as_array().unwrap().len() == hosts)
    };
    // Our own host, Notes and Echo.
    let id = of(3).unwrap()["id"].as_str().unwrap();
    house.operator().orders(&format!("/sessions/{id}/revoke"), json!({})).await;
    for url in [&house.notes_url, &house.echo_url] {
        assert_eq!(one.xhr(url).await.unwrap().status, StatusCode::UNAUTHORIZED, "{url}");
    }
    assert!(one.get(&house.access_url).await.unwrap().url.as_str().starts_with(&house.provider_url));
    assert_eq!(house.knock(&other).await.0, 200);
    assert!(house.account().await.active, "a session is not access");
    assert_eq!(house.operator().tries(&format!("/sessions/{id}/revoke"), json!({})).await.0, 404);
    house.finish().await;
}

#[tokio::test]
async fn an_order_about_several_people_of_one_name_is_carried_out_on_none() {
    let house = House::open().await;
    house.guest(CARLA).await;
    let stays = house.guest(ADA).await;
    house.settled().await;
    let (people, operator) = (house.app().store().people(None, 10).await.unwrap(), house.operator());
    // The provider had another issuer once, and calls somebody else the same since.
    let other = "UPDATE identities SET issuer = 'https://of.before', subject = 's-4' WHERE subject = 'c-17'";
    house.database.suffers(Deed::both(other)).await;
    let (status, told) = operator.tries("/people/s-4@demo/revoke", json!({})).await;
    assert_eq!(status, 422, "{told}");
    let told = told.to_string();
    assert!(people.iter().all(|person| told.contains(&person.user.to_string())), "{told}");
    assert_eq!(house.knock(&stays).await.0, 200);
    operator.orders(&format!("/people/{}/revoke", people[1].user), json!({})).await;
    assert_eq!(house.knock(&stays).await, (401, "sign_in_needed".to_owned()));
    house.finish().await;
}

#[tokio::test]
async fn a_revoked_person_is_out_everywhere_until_restored() {
    let house = House::open().await;
    let (one, other) = (house.guest(ADA).await, house.guest(ADA).await);
    house.settled().await;
    house.operator().orders("/people/s-4@demo/revoke", json!({})).await;
    for browser in [&one, &other] {
        assert_eq!(house.knock(browser).await, (401, "sign_in_needed".to_owned()));
    }
    house.account_becomes(|account| !account.active).await;
    let page = house.sign_in(&house.browser(), &house.notes_url, ADA).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.text.contains("revoked"), "{}", page.text);

    house.operator().orders("/people/s-4@demo/restore", json!({})).await;
    assert_eq!(house.knock(&one).await.0, 401, "what was revoked stays so");
    house.guest(ADA).await;
    assert!(house.account().await.active);
    let record = house.record().await;
    let told: Vec<&str> =
        record.iter().map(String::as_str).filter(|event| !event.starts_with("account")).collect();
    let expected = [
        "signed_in first",
        "session_opened notes",
        "signed_in",
        "session_opened notes",
        "person_revoked",
        "sign_in_refused notes revoked",
        "person_restored",
        "signed_in",
        "session_opened notes",
    ];
    assert_eq!(told, expected);
    house.finish().await;
}

#[tokio::test]
async fn an_account_that_is_not_ours_is_never_taken_over() {
    let house = House::open().await;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let users = format!("http://{}/scim/v2/Users", house.scim.address);
    let stranger = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "Carla@Example.com", "active": true });
    let made =
        client.post(&users).bearer_auth(&house.scim_token).body(stranger.to_string()).send().await.unwrap();
    assert_eq!(made.status(), StatusCode::CREATED);
    let theirs = house.account().await;

    let browser = house.browser();
    let page = house.sign_in(&browser, &house.notes_url, CARLA).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    let accounts = soon(|| async {
        let accounts = house.operator().asks("/accounts").await;
        (accounts[0]["state"] == "undecided").then_some(accounts)
    })
    .await;
    assert!(accounts[0]["failure"].as_str().unwrap().contains("say whose these are"), "{accounts}");
    assert_eq!(house.knock(&browser).await, (503, "stuck".to_owned()));
    assert_eq!(house.account().await, theirs);
    assert!(house.record().await.contains(&"account_stuck stuck".to_owned()));
    let config = house.config().display().to_string();
    let stuck = async || guestpass(&["accounts", "--stuck", "--config", &config]).await;
    let said = stuck().await;
    assert!(
        said.code == 1 && said.out.contains("undecided") && said.out.contains("say whose these are"),
        "{said:?}"
    );

    let gone =
        client.delete(format!("{users}/{}", theirs.id)).bearer_auth(&house.scim_token).send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let id = accounts[0]["id"].as_str().unwrap();
    house.operator().orders(&format!("/accounts/{id}/retry"), json!({})).await;
    house.settled().await;
    let said = stuck().await;
    assert!(said.code == 0 && !said.out.contains("c-17@demo"), "{said:?}");
    assert_eq!(house.knock(&browser).await.0, 200);
    assert_eq!(house.account().await.external_id, Some(house.kept().await[0].external_id.clone()));
    house.finish().await;
}

#[tokio::test]
async fn two_people_of_one_address_never_share_an_account() {
    let mut house = House::open().await;
    house.guest(CARLA).await;
    let carlas = house.account().await;
    let mut people = Person::cast();
    people[0].email = "CARLA@example.com".to_owned();
    house.people(people);
    house.turn(SignedDuration::from_secs(10));
    let ada = house.browser();
    let page = house.sign_in(&ada, &house.notes_url, ADA).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    soon(|| async { house.kept().await.iter().any(|account| account.state == "undecided").then_some(()) })
        .await;
    assert_eq!(house.knock(&ada).await, (503, "stuck".to_owned()));
    assert_eq!(house.account().await, carlas);
    house.end().await;
}

#[tokio::test]
async fn every_list_is_read_page_by_page_and_none_of_it_twice() {
    let mut house = House::open().await;
    for person in [ADA, CARLA] {
        house.guest(person).await;
    }
    house.settled().await;
    let operator = house.operator();
    for account in house.accounts().await {
        let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
        let operations = json!([{ "op": "replace", "path": "active", "value": false }]);
        let closed = json!({ "schemas": [schema], "Operations": operations });
        house.by_hand(Method::PATCH, &format!("/Users/{}", account.id), closed).await;
    }
    for (list, least) in [
        ("accounts", 2),
        ("audit", 6),
        ("drift", 2),
        ("grants", 4),
        ("known", 2),
        ("people", 2),
        ("sessions", 2),
    ] {
        let whole = operator.asks(&format!("/{list}")).await;
        assert!(whole.as_array().unwrap().len() >= least, "{list}: {whole}");
        let pages = operator.pages(&format!("/{list}?limit=1")).await;
        assert!(pages.iter().all(|page| page.as_array().unwrap().len() <= 1), "{pages:?}");
        let read: Vec<_> = pages.iter().flat_map(|page| page.as_array().unwrap().clone()).collect();
        assert_eq!(Value::from(read), whole, "{list}");
    }
    assert_eq!(operator.asks("/accounts?app=nots").await, json!([]));
    house.end().await;
}
