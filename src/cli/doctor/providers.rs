//! Providers, and how their clocks go.

use super::findings::Findings;
use crate::clock::Clock;
use crate::config::Config;
use crate::identity::LEEWAY;
use crate::issuer::Issuer;
use jiff::SignedDuration;

/// From when on somebody should look at clocks that go apart; tokens are refused from [`LEEWAY`] on.
const NOTED: SignedDuration = SignedDuration::from_secs(5);

/// What is looked at, and what is said where it is as it should be.
const GOOD: [(&str, &str); 4] = [
    ("issuer", "publishes what we need"),
    ("keys", "has keys that we believe"),
    ("client", "knows us"),
    ("redirect", "shows its sign-in page"),
];

pub(super) async fn examine(config: &Config, clock: &Clock, findings: &mut Findings) -> anyhow::Result<()> {
    let callback = config.url.join("/callback")?;
    for (name, settings) in &config.providers {
        let about = format!("{name} at {}", settings.issuer);
        let issuer = Issuer::new(name.clone(), settings.clone(), &callback, clock.clone())?;
        let found = issuer.examine().await;
        for symptom in &found.symptoms {
            let tell = if symptom.grave { Findings::wrong } else { Findings::warning };
            tell(findings, symptom.at, &about, &symptom.what, symptom.mend);
        }
        let is_dead = found.symptoms.iter().any(|symptom| symptom.grave && symptom.at == "issuer");
        for (check, what) in GOOD.iter().filter(|_| !is_dead) {
            if found.symptoms.iter().all(|symptom| symptom.at != *check) {
                findings.ok(check, &about, what);
            }
        }
        if let Some(ahead) = found.ahead {
            tell_clock(&about, ahead, findings);
        }
    }
    Ok(())
}

fn tell_clock(about: &str, ahead: SignedDuration, findings: &mut Findings) {
    let apart = ahead.abs();
    let side = if ahead.is_negative() { "behind" } else { "ahead of" };
    let what = format!("its clock is {} s {side} ours", apart.as_secs());
    let mend = "let both be set by NTP: tokens seem to be over, or not made yet";
    if apart > LEEWAY {
        findings.wrong("clock", about, &what, mend);
    } else if apart > NOTED {
        findings.warning("clock", about, &what, mend);
    } else {
        findings.ok("clock", about, "goes as ours does");
    }
}
