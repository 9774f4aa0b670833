use super::*;

#[tokio::test]
async fn nothing_answers_without_the_token() {
    let stand = stand().await;
    for token in ["", "t0kenx", "T0ken"] {
        let response = stand.request(Method::GET, "/scim/v2/Users").bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["content-type"], "application/scim+json");
        assert_eq!(response.json::<Value>().await.unwrap()["status"], "401");
    }
    assert_eq!(
        stand.scim(Method::GET, "/ServiceProviderConfig", Value::Null).await.1["patch"]["supported"],
        true
    );
    assert_eq!(stand.scim(Method::GET, "/Nothing", Value::Null).await.0, 404);
    assert_eq!(stand.scim(Method::GET, "/Users/none", Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_user_name_and_an_external_id_exist_once() {
    let stand = stand().await;
    let id = stand.carla().await;
    for (twin, what) in [
        (json!({ "userName": "CARLA", "externalId": "x2" }), "userName"),
        (json!({ "userName": "other", "externalId": "x1" }), "externalId"),
    ] {
        let (status, error) = stand.scim(Method::POST, "/Users", twin).await;
        assert_eq!((status, &error["scimType"]), (409, &json!("uniqueness")));
        assert!(error["detail"].as_str().unwrap().starts_with(what), "{error}");
    }
    for (filter, found) in [
        ("externalId eq \"x1\"", 1),
        ("externalid EQ \"X1\"", 0),
        ("userName eq \"Carla\"", 1),
        ("userName eq \"carla\\\" or 1=1\"", 0),
    ] {
        let path = format!(
            "/Users?{}",
            url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish()
        );
        let (status, list) = stand.scim(Method::GET, &path, Value::Null).await;
        assert_eq!((status, &list["totalResults"]), (200, &json!(found)), "{filter}");
    }
    let (status, error) = stand.scim(Method::GET, "/Users?filter=userName%20co%20%22a%22", Value::Null).await;
    assert_eq!((status, &error["scimType"]), (400, &json!("invalidFilter")));

    assert_eq!(stand.scim(Method::DELETE, &format!("/Users/{id}"), Value::Null).await.0, 204);
    assert_eq!(stand.scim(Method::DELETE, &format!("/Users/{id}"), Value::Null).await.0, 404);
    stand.carla().await;
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_all_or_nothing() {
    let stand = stand().await;
    let path = format!("/Users/{}", stand.carla().await);
    let patch =
        async |operations: Value| stand.scim(Method::PATCH, &path, json!({ "Operations": operations })).await;
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let (status, user) = patch(json!([
        { "op": "Replace", "path": "active", "value": false },
        { "op": "add", "path": "name.givenName", "value": "Carla" },
        { "op": "add", "path": format!("{enterprise}:department"), "value": "Guests" },
        { "op": "add", "path": "emails", "value": [{ "type": "work", "value": "a@example.com" }] },
        { "op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@example.com" },
        { "op": "replace", "value": { "displayname": "Carla R.", "title": "Guest" } },
    ]))
    .await;
    assert_eq!(status, 200, "{user}");
    assert_eq!(user["active"], false);
    assert_eq!(user["name"]["givenName"], "Carla");
    assert_eq!(user[enterprise]["department"], "Guests");
    assert_eq!(user["emails"], json!([{ "type": "work", "value": "b@example.com" }]));
    assert_eq!((&user["displayName"], &user["title"]), (&json!("Carla R."), &json!("Guest")));
    assert_eq!(user["schemas"], json!(["urn:ietf:params:scim:schemas:core:2.0:User", enterprise]));

    stand.clock.advance(jiff::SignedDuration::from_secs(5));
    let same = patch(json!([{ "op": "replace", "path": "active", "value": false }])).await.1;
    assert_eq!(same["meta"]["lastModified"], user["meta"]["lastModified"]);

    for (bad, scim_type) in [
        (json!({ "op": "replace", "path": "active", "value": "False" }), "invalidValue"),
        (json!({ "op": "replace", "path": "userName", "value": "" }), "invalidValue"),
        (json!({ "op": "replace", "path": "id", "value": "x" }), "mutability"),
        (json!({ "op": "replace", "path": "emails[type eq \"home\"].value", "value": "x" }), "noTarget"),
        (json!({ "op": "remove" }), "noTarget"),
        (json!({ "op": "jump", "path": "title" }), "invalidSyntax"),
        (json!({ "op": "remove", "path": "emails[type" }), "invalidPath"),
    ] {
        let (status, error) =
            patch(json!([{ "op": "replace", "path": "title", "value": "Boss" }, bad])).await;
        assert_eq!((status, &error["scimType"]), (400, &json!(scim_type)), "{bad}");
    }
    assert_eq!(stand.scim(Method::GET, &path, Value::Null).await.1["title"], "Guest");
    assert_eq!(patch(json!([{ "op": "remove", "path": "title" }])).await.1.get("title"), None);
    let put = stand.scim(Method::PUT, &path, json!({ "userName": "carla", "externalId": "x1" })).await.1;
    assert_eq!((put.get("displayName"), &put["active"]), (None, &json!(true)));
}

#[tokio::test]
async fn a_group_shows_on_its_members() {
    let stand = stand().await;
    let carla = stand.carla().await;
    let (status, group) = stand.scim(Method::POST, "/Groups", json!({ "displayName": "readers" })).await;
    assert_eq!(status, 201, "{group}");
    assert_eq!(stand.scim(Method::POST, "/Groups", json!({ "displayName": "Readers" })).await.0, 409);
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let patch =
        async |operation: Value| stand.scim(Method::PATCH, &path, json!({ "Operations": [operation] })).await;
    for _ in 0..2 {
        let (status, group) =
            patch(json!({ "op": "add", "path": "members", "value": [{ "value": carla }] })).await;
        assert_eq!((status, group["members"].as_array().unwrap().len()), (200, 1));
    }
    assert_eq!(stand.notes.accounts().await.unwrap()[0].groups, ["readers"]);
    let user = stand.scim(Method::GET, &format!("/Users/{carla}"), Value::Null).await.1;
    assert_eq!(user["groups"][0]["display"], "readers");
    let (status, _) =
        patch(json!({ "op": "add", "path": "members", "value": [{ "value": "nobody" }] })).await;
    assert_eq!(status, 400);
    let found =
        stand.scim(Method::GET, "/Groups?filter=displayName%20eq%20%22readers%22", Value::Null).await.1;
    assert_eq!(found["Resources"][0]["id"], group["id"]);
    assert_eq!(found["Resources"][0]["members"][0]["value"], carla);
    for without in [path.clone(), "/Groups".to_owned()] {
        let path = format!("{without}?excludedAttributes=externalId,%20Members");
        let found = stand.scim(Method::GET, &path, Value::Null).await.1;
        let group = found.pointer("/Resources/0").unwrap_or(&found);
        assert_eq!((&group["displayName"], group.get("members")), (&json!("readers"), None), "{path}");
    }
    for _ in 0..2 {
        let (status, group) =
            patch(json!({ "op": "remove", "path": format!("members[value eq \"{carla}\"]") })).await;
        assert_eq!((status, &group["members"]), (200, &json!([])));
    }
}
