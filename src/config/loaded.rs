//! One reading of everything, and what `check` says of it.

use super::{Config, Files};
use crate::document::Mistakes;
use crate::gateway::upstream::Registry;
use crate::policy::CaseOutcome;
use jiff::Timestamp;
use std::path::Path;

/// What a reading of the configuration, its policies and their examples came to.
pub struct Loaded {
    /// What was looked at.
    pub files: Files,
    /// What is wrong, and what an operator should know.
    pub mistakes: Mistakes,
    /// How the policies' examples went; none where there is no policy to run them with.
    pub examples: Vec<CaseOutcome>,
    /// The configuration, if nothing is wrong with it and every example holds.
    pub config: Option<Config>,
}

impl Loaded {
    /// Reads the configuration at `path` and all that it names; endpoints of `upstreams` that are still named are kept; `now` is when examples take place that name no time.
    pub fn read(path: &Path, upstreams: &Registry, now: Timestamp) -> Self {
        let (mut files, mut mistakes) = (Files::default(), Mistakes::default());
        let config = Config::read(path, upstreams, &mut files, &mut mistakes);
        let examples = config.as_ref().map(|config| config.run_examples(now)).unwrap_or_default();
        let config = config.filter(|_| examples.iter().all(CaseOutcome::passed));
        Self { files, mistakes, examples, config }
    }

    /// Everything that is wrong, for a person; empty where there is nothing to say.
    pub fn report(&self) -> String {
        report(&self.mistakes) + &failures(&self.examples)
    }

    /// What the configuration holds, in a few words; empty where there is none.
    pub fn summary(&self) -> String {
        let Some(config) = &self.config else { return String::new() };
        let observed = config.apps.iter().filter(|(_, app)| !app.enforce);
        let observed: Vec<&str> = observed.map(|(name, _)| name.as_str()).collect();
        let not = if observed.is_empty() {
            String::new()
        } else {
            format!(" (not enforced: {})", observed.join(", "))
        };
        format!(
            "{}, {}{not}, policy {} with {}",
            count(config.providers.len(), "provider"),
            count(config.apps.len(), "app"),
            config.policy.version(),
            count(self.examples.len(), "example")
        )
    }
}

/// Mistakes for a person, and how many there are; empty without any.
pub fn report(mistakes: &Mistakes) -> String {
    let rendered: String = mistakes.sorted().iter().map(|mistake| mistake.render() + "\n").collect();
    match (mistakes.errors(), mistakes.is_empty()) {
        (0, true) => String::new(),
        (0, false) => format!("{rendered}{}\n", mistakes.summary()),
        _ => format!("{rendered}{} Nothing was changed.\n", mistakes.summary()),
    }
}

/// The examples that do not hold, for a person; empty if all do.
pub fn failures(examples: &[CaseOutcome]) -> String {
    let failed: Vec<_> = examples.iter().filter(|example| !example.passed()).collect();
    if failed.is_empty() {
        return String::new();
    }
    let told: String = failed.iter().map(ToString::to_string).collect();
    format!("{told}{} passed, {} failed.\n", examples.len() - failed.len(), failed.len())
}

/// So many of them: `1 app`, `2 apps`.
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
