//! Whatever opens an application is never said, however much is logged and whatever it answers.

use super::*;
use crate::provision::connectors::counterpart::{logged, says_nothing_of};
use crate::provision::connectors::rest::fake::{Answered, App, Asked, Fake};
use serde_json::json;

/// Gives a token to whoever asks, and answers all else by repeating what it was asked with.
struct Echo {
    status: u16,
}

impl App for Echo {
    fn answer(&mut self, asked: &Asked) -> Answered {
        if asked.path == ["token"] {
            return Answered::new(200, json!({ "access_token": "t-hush", "token_type": "Bearer" }));
        }
        let headers: Vec<_> = asked
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        Answered::new(self.status, json!({ "message": headers.join(", ") }))
    }
}

#[tokio::test]
async fn no_way_to_sign_in_is_said_even_where_it_is_repeated_to_us() {
    for (kind, auth, secrets) in [
        ("bearer", "bearer: b-hush", &["b-hush"][..]),
        ("basic", "basic: { user: gp, password: p-hush }", &["p-hush", "Z3A6cC1odXNo"][..]),
        ("header", "header: { name: X-Key, value: k-hush }", &["k-hush"][..]),
        (
            "oauth",
            "oauth: { token-url: \"URL/token\", client-id: gp, client-secret: c-hush }",
            &["t-hush", "c-hush", "Z3A6Yy1odXNo"][..],
        ),
    ] {
        let mut faults = String::new();
        let mut said = logged(async {
            for status in [401, 403, 500] {
                let fake = Fake::start(Echo { status }).await;
                let auth = auth.replace("URL", &fake.url);
                let accounts = format!("rest: ./x.yaml\nauth: {{ {auth} }}\nurl: {}\n", fake.url);
                let description = scaffold("Echo").replace("[bearer]", &format!("[{kind}]"));
                let settings = connector_with(&accounts, &description).unwrap();
                assert!(!format!("{settings:?}").contains("hush"), "{kind} prints");
                let rest = Rest::new(&settings, Pace::default()).unwrap();
                let fault = rest.observe(&key(), &Desired::closed()).await.unwrap_err();
                faults += &format!("{fault} {fault:?}");
            }
        })
        .await;
        said += &faults;
        says_nothing_of(&said, secrets);
    }
}
