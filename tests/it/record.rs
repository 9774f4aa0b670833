//! The record proves itself: `guestpass audit verify`.

use crate::harness::{CARLA, Deed, House, guestpass};

/// What `guestpass audit verify` says, and whether it is content.
async fn verified(house: &House, noted: Option<&str>) -> (bool, String) {
    let config = house.config();
    let mut words = vec!["audit", "verify", "--config", config.to_str().unwrap()];
    words.extend(noted.into_iter().flat_map(|noted| ["--noted", noted]));
    let said = guestpass(&words).await;
    (said.code == 0, if said.code == 0 { said.out.trim().to_owned() } else { said.err })
}

#[tokio::test]
async fn whoever_changes_the_record_is_found_out() {
    let mut house = House::open().await;
    let browser = house.guest(CARLA).await;
    house.settled().await;
    let (proved, early) = verified(&house, None).await;
    assert!(proved, "{early}");
    browser.get(&house.echo_url).await.unwrap();
    let (proved, noted) = verified(&house, Some(&early)).await;
    assert!(proved && noted != early, "{noted}");
    house.end().await;

    let other = "are not those that were there";
    let deeds = [
        (
            Deed::both("UPDATE events SET at = at + 1 WHERE seq = 1"),
            "event 1 was changed: it stands at another time",
        ),
        (Deed::both("UPDATE events SET at = at - 1 WHERE seq = 1"), ""),
        (Deed::both("UPDATE events SET vault = NULL WHERE seq = 1"), "with another person"),
        (Deed::both("UPDATE events SET vault = (SELECT vault FROM users) WHERE seq = 1"), ""),
        (Deed::both("UPDATE events SET leaf = replace(leaf, '\"first\":true', '\"first\":false')"), other),
        (Deed::both("UPDATE events SET leaf = replace(leaf, '\"first\":false', '\"first\":true')"), ""),
        (Deed::both("DELETE FROM events WHERE seq > 1"), "the last ones are missing"),
        (Deed::both("UPDATE events SET opening = (SELECT lookup FROM vaults)"), "what is sealed beside it"),
    ];
    for (deed, wrong) in deeds {
        house.database.suffers(deed).await;
        let (proved, said) = verified(&house, Some(&noted)).await;
        assert!(proved == wrong.is_empty() && said.contains(wrong), "{wrong}: {said}");
    }
}
