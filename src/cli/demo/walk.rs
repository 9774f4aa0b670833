//! The demo's story, played over real sockets: each step says what must hold, and how long it took.

use super::house::House;
use crate::cli::client::Client;
use crate::demo::browser::{Answer, Browser};
use crate::demo::notes::Account;
use anyhow::{Context, ensure};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long background work may take before a step has not held.
const SOON: Duration = Duration::from_secs(5);

/// How often to look while waiting.
const LOOK: Duration = Duration::from_millis(10);

/// Plays the story on `house`. Says whether every step held; the first that does not ends it.
pub(super) async fn walk(house: &House, json: bool) -> anyhow::Result<bool> {
    let mut steps = Steps { json, number: 0 };
    let held = story(house, &mut steps).await.is_some();
    if !json {
        println!("{}", if held { "\nEvery step held." } else { "\nThe walk ends here." });
    }
    Ok(held)
}

struct Steps {
    json: bool,
    number: usize,
}

impl Steps {
    /// Tells how a step went; what it found is for the steps after it.
    async fn step<T>(&mut self, name: &str, work: impl Future<Output = anyhow::Result<T>>) -> Option<T> {
        self.number += 1;
        let began = Instant::now();
        let done = work.await;
        let took_ms = began.elapsed().as_millis();
        let failure = done.as_ref().err().map(|error| format!("{error:#}"));
        if self.json {
            let held = failure.is_none();
            println!(
                "{}",
                json!({ "step": self.number, "name": name, "held": held, "took_ms": took_ms, "failure": failure })
            );
        } else {
            let mark = if failure.is_none() { '✓' } else { '✗' };
            println!("{mark} {took_ms:>6} ms  {name}");
            if let Some(failure) = failure {
                println!("              {failure}");
            }
        }
        done.ok()
    }
}

async fn story(house: &House, steps: &mut Steps) -> Option<()> {
    let play = Play { house };
    let carla = Browser::new(house.clock.clone()).ok()?;
    steps.step("a page without a session leads to the sign-in", play.anonymous_navigation()).await?;
    steps.step("a script without a session gets 401 and a problem", play.anonymous_script()).await?;
    steps.step("the contractor signs in and sees Notes", play.enters(&carla, "c-17")).await?;
    let account =
        steps.step("Notes has her account, with our external id", play.account_of("c-17", true)).await?;
    steps.step("a second browser leads to the same account", play.second_browser(&account)).await?;
    steps.step("the outsider gets 403, a reason and no account", play.outsider()).await?;
    steps.step("at the deadline the next request is refused", play.deadline(&carla)).await?;
    steps.step("the account is disabled in Notes", play.becomes(&account, false)).await?;
    steps
        .step("signing in again says when and why it ended, and starts nothing", play.comes_back(&account))
        .await?;
    steps.step("an operator's extension opens it again", play.extension(&carla)).await?;
    steps.step("the account is enabled in Notes", play.becomes(&account, true)).await?;
    steps.step("the record has every change and every refusal", play.record()).await
}

struct Play<'a> {
    house: &'a House,
}

impl Play<'_> {
    async fn anonymous_navigation(&self) -> anyhow::Result<()> {
        let browser = Browser::new(self.house.clock.clone())?;
        let answer = browser.get(&self.house.notes_url).await?;
        ensure!(answer.url.as_str().starts_with(&self.house.provider_url), "it led to {}", answer.url);
        Ok(())
    }

    async fn anonymous_script(&self) -> anyhow::Result<()> {
        let answer = Browser::new(self.house.clock.clone())?.xhr(&self.house.notes_url).await?;
        ensure!(answer.status == StatusCode::UNAUTHORIZED, "it got {}", answer.status);
        ensure!(answer.header("www-authenticate").is_some(), "the answer does not say how to authenticate");
        let kind = answer.header("content-type").unwrap_or_default();
        ensure!(kind.starts_with("application/problem+json"), "the answer is {kind}");
        Ok(())
    }

    /// Opens Notes and signs in as `person`.
    async fn sign_in(&self, browser: &Browser, person: &str) -> anyhow::Result<Answer> {
        let asked = browser.get(&self.house.notes_url).await?;
        ensure!(
            asked.url.as_str().starts_with(&self.house.provider_url),
            "not asked to sign in, but at {}",
            asked.url
        );
        let mut answer = browser.post_form(asked.url.as_str(), &[("person", person)]).await?;
        // A slow machine may see the page that waits; it asks again by itself.
        let began = Instant::now();
        while answer.status == StatusCode::SERVICE_UNAVAILABLE && began.elapsed() < SOON {
            tokio::time::sleep(LOOK).await;
            answer = browser.get(&self.house.notes_url).await?;
        }
        Ok(answer)
    }

    async fn enters(&self, browser: &Browser, person: &str) -> anyhow::Result<()> {
        let answer = self.sign_in(browser, person).await?;
        ensure!(answer.status == StatusCode::OK, "the page is {}", answer.status);
        ensure!(answer.url.as_str().starts_with(&self.house.notes_url), "it led to {}", answer.url);
        Ok(())
    }

    /// The one account in Notes that carries the external id of `sub`.
    async fn account_of(&self, sub: &str, active: bool) -> anyhow::Result<Account> {
        let ours = self.house.app.store().account_rows(None, None, 1000).await?;
        let ours = ours.into_iter().find(|account| account.person == format!("{sub}@demo"));
        let external_id = ours.context("guestpass knows of no account")?.external_id;
        let theirs = self.house.notes.accounts().await?;
        let mut theirs =
            theirs.into_iter().filter(|account| account.external_id.as_ref() == Some(&external_id));
        let account = theirs.next().context("Notes has no account with our external id")?;
        ensure!(theirs.next().is_none(), "Notes has two accounts with our external id");
        ensure!(
            account.active == active,
            "the account is {}",
            if account.active { "active" } else { "disabled" }
        );
        Ok(account)
    }

    async fn second_browser(&self, account: &Account) -> anyhow::Result<()> {
        let browser = Browser::new(self.house.clock.clone())?;
        self.enters(&browser, "c-17").await?;
        let again = self.account_of("c-17", true).await?;
        ensure!(again.id == account.id, "account {} became {}", account.id, again.id);
        let seen = browser.xhr(&format!("{}/hook/whoami", self.house.notes_url)).await?;
        ensure!(seen.text.contains(&account.id), "Notes shows another account: {}", seen.text);
        Ok(())
    }

    async fn outsider(&self) -> anyhow::Result<()> {
        let before = self.house.notes.accounts().await?.len();
        let answer = self.sign_in(&Browser::new(self.house.clock.clone())?, "x-9").await?;
        ensure!(answer.status == StatusCode::FORBIDDEN, "the page is {}", answer.status);
        ensure!(answer.text.contains("no_role"), "the page does not say no_role");
        ensure!(self.house.notes.accounts().await?.len() == before, "an account was made");
        Ok(())
    }

    /// The end of the contractor's access, as it is recorded.
    async fn until(&self) -> anyhow::Result<(String, Timestamp)> {
        let grants = self.house.app.store().grant_rows(None, 1000).await?;
        let grant =
            grants.into_iter().find(|grant| grant.person == "c-17@demo").context("she holds no grant")?;
        Ok((grant.id.to_string(), grant.until))
    }

    /// Asks again and again until it is over: the last page must come before the deadline, the first refusal after.
    async fn deadline(&self, browser: &Browser) -> anyhow::Result<()> {
        let (_, until) = self.until().await?;
        loop {
            let before = self.house.clock.now();
            let answer = browser.xhr(&self.house.notes_url).await?;
            let after = self.house.clock.now();
            if answer.status == StatusCode::OK {
                ensure!(before < until, "let through {} after the end", late(before, until));
            } else if answer.status == StatusCode::UNAUTHORIZED && before < until && after >= until {
                // It passed the gate in time and came to Notes too late, where the assertion had just expired.
            } else {
                ensure!(answer.status == StatusCode::FORBIDDEN, "refused with {}", answer.status);
                ensure!(answer.text.contains("\"ended\""), "refused without the reason: {}", answer.text);
                ensure!(after >= until, "refused before the end");
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn becomes(&self, account: &Account, active: bool) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            match self.account_of("c-17", active).await {
                Ok(now) => {
                    ensure!(now.id == account.id, "account {} became {}", account.id, now.id);
                    return Ok(());
                }
                Err(error) if began.elapsed() > SOON => return Err(error),
                Err(_) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    async fn comes_back(&self, account: &Account) -> anyhow::Result<()> {
        let (_, before) = self.until().await?;
        let answer = self.sign_in(&Browser::new(self.house.clock.clone())?, "c-17").await?;
        ensure!(answer.status == StatusCode::FORBIDDEN, "the page is {}", answer.status);
        ensure!(answer.text.contains("ended on"), "the page does not say when it ended");
        ensure!(answer.text.contains("It was given for"), "the page does not say why it ended");
        ensure!(self.until().await?.1 == before, "the end has moved");
        self.becomes(account, false).await
    }

    async fn extension(&self, browser: &Browser) -> anyhow::Result<()> {
        let (grant, _) = self.until().await?;
        let words = json!({ "by": SignedDuration::from_mins(5), "why": "the walk goes on" });
        Client::here(&self.house.config)?.post(&format!("/grants/{grant}/extend"), words).await?;
        let began = Instant::now();
        loop {
            let answer = browser.get(&self.house.notes_url).await?;
            match answer.status {
                StatusCode::OK => return Ok(()),
                status => ensure!(began.elapsed() < SOON, "the page is still {status}"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn record(&self) -> anyhow::Result<()> {
        let events: Vec<Value> = Client::here(&self.house.config)?.get("/audit").await?;
        let events: Vec<&Value> = events.iter().map(|event| &event["leaf"]["what"]).collect();
        let count = |wanted: &dyn Fn(&Value) -> bool| events.iter().filter(|event| wanted(event)).count();
        let change = |name: &'static str| {
            move |event: &Value| {
                event["changes"]
                    .as_array()
                    .is_some_and(|all| all.iter().any(|change| change["change"] == name))
            }
        };
        let told = |name: &'static str| move |event: &Value| event["event"] == name;
        let refused = |reason: &'static str| move |event: &Value| event["reason"] == reason;
        for (what, found, wanted) in [
            ("sign-ins", count(&told("signed_in")), 2),
            ("refusals of the outsider", count(&refused("no_role")), 1),
            ("ends of access", count(&told("access_ended")), 1),
            ("refusals after the end", count(&refused("ended")), 1),
            ("extensions", count(&told("grant_extended")), 1),
            ("accounts created", count(&change("created")), 1),
            ("accounts disabled", count(&change("disabled")), 1),
            ("accounts enabled", count(&change("enabled")), 1),
        ] {
            ensure!(found == wanted, "{found} {what} in the record, not {wanted}");
        }
        Ok(())
    }
}

fn late(at: Timestamp, until: Timestamp) -> String {
    format!("{} ms", at.duration_since(until).as_millis())
}
