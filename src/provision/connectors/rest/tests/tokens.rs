//! Client credentials: a token is fetched once, kept, and fetched anew when it ends or is refused.

use super::*;
use crate::provision::connectors::rest::fake::{Answered, App, Asked, Fake, Mishap};
use serde_json::json;

/// An application and its token endpoint in one.
#[derive(Default)]
struct Guarded {
    issued: u32,
    /// The number of the token that is good.
    good: u32,
    lasts: Option<u64>,
}

impl App for Guarded {
    fn answer(&mut self, asked: &Asked) -> Answered {
        match asked.line() {
            ("POST", path) if path == ["token"] => {
                // "a b:c" and "p&ss", each encoded, and then both.
                assert_eq!(asked.headers["authorization"], "Basic YStiJTNBYzpwJTI2c3M=");
                assert_eq!(asked.text, "grant_type=client_credentials&scope=users.write");
                self.issued += 1;
                self.good = self.issued;
                let token = format!("t-{}", self.issued);
                Answered::new(
                    200,
                    json!({ "access_token": token, "token_type": "Bearer", "expires_in": self.lasts }),
                )
            }
            _ if asked
                .headers
                .get("authorization")
                .is_none_or(|token| *token != format!("Bearer t-{}", self.good)) =>
            {
                Answered::new(
                    401,
                    json!({ "message": format!("{:?} is not good", asked.headers.get("authorization")) }),
                )
            }
            _ if asked.path == ["users"] => Answered::new(200, json!({ "users": [] })),
            _ => Answered::new(404, json!({})),
        }
    }
}

async fn start(guarded: Guarded) -> (Fake<Guarded>, Rest) {
    let fake = Fake::start(guarded).await;
    let accounts = format!(
        "rest: ./x.yaml\nauth: {{ oauth: {{ token-url: \"{}/token\", client-id: \"a b:c\", client-secret: \"p&ss\", scope: users.write }} }}\nurl: {}\n",
        fake.url, fake.url
    );
    let settings = connector_with(&accounts, &scaffold("Guarded").replace("[bearer]", "[oauth]")).unwrap();
    (fake, Rest::new(&settings, Pace::default()).unwrap())
}

#[tokio::test]
async fn a_token_serves_many_calls_and_a_refused_one_is_renewed_once() {
    let (fake, rest) = start(Guarded { lasts: Some(3600), ..Guarded::default() }).await;
    let look = async || rest.observe(&knows("7"), &Desired::closed()).await;
    // By its id, and by our mark; neither finds anything.
    assert_eq!(look().await, Ok(Actual::Absent));
    assert_eq!((fake.count("POST /token"), fake.count("GET /users")), (1, 2));
    // Withdrawn before its time: the call is made again with another, and nobody notices.
    fake.app(|guarded| guarded.good = 0);
    assert_eq!(look().await, Ok(Actual::Absent));
    assert_eq!((fake.count("POST /token"), fake.count("GET /users")), (2, 5));
    // One that is refused at once is not fetched for ever, and not shown.
    for _ in 0..2 {
        fake.next("GET /users", Mishap::Answer(401, &[], "{\"message\": \"not t-2, nor t-3\"}"));
    }
    let refused = look().await.unwrap_err();
    assert_eq!(refused, Fault::AuthFailed("answers 401: not t-2, nor [token]".into()));
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let (fake, rest) = start(Guarded { lasts: Some(0), ..Guarded::default() }).await;
    assert_eq!(rest.observe(&key(), &Desired::closed()).await, Ok(Actual::Absent));
    assert_eq!(rest.observe(&key(), &Desired::closed()).await, Ok(Actual::Absent));
    assert_eq!((fake.count("POST /token"), fake.count("GET /users")), (2, 2));
}

#[tokio::test]
async fn what_the_token_endpoint_says_is_told_as_what_it_is() {
    let (fake, rest) = start(Guarded::default()).await;
    let fault = async |status, body| {
        fake.next("POST /token", Mishap::Answer(status, &[("retry-after", "7")], body));
        rest.observe(&key(), &Desired::closed()).await.unwrap_err()
    };
    assert!(matches!(fault(401, "").await, Fault::AuthFailed(_)));
    assert!(matches!(fault(400, "").await, Fault::AuthFailed(_)));
    assert!(matches!(fault(429, "").await, Fault::Throttled(Some(_))));
    assert!(matches!(fault(503, "").await, Fault::Transient { .. }));
    assert!(matches!(fault(200, "<html>").await, Fault::Transient { .. }));
    assert_eq!(fake.count("GET /users"), 0);
}
