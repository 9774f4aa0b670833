//! What was found, told as it is found.

use serde::Serialize;
use std::process::ExitCode;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// It works, or may, and somebody should look at it.
    Warning,
    /// Something does not work, or is open that should not be.
    Wrong,
}

#[derive(Serialize)]
struct Finding<'a> {
    state: State,
    check: &'a str,
    about: &'a str,
    what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<&'a str>,
}

/// Tells findings, and counts them.
pub(super) struct Findings {
    json: bool,
    warnings: usize,
    wrong: usize,
}

impl Findings {
    pub(super) fn new(json: bool) -> Self {
        Self { json, warnings: 0, wrong: 0 }
    }

    /// What `check` looked at, the one that it is `about`, is as it should be.
    pub(super) fn ok(&mut self, check: &str, about: &str, what: &str) {
        self.tell(&Finding { state: State::Ok, check, about, what, mend: None });
    }

    /// It may not be: `what` it is, and what would `mend` it.
    pub(super) fn warning(&mut self, check: &str, about: &str, what: &str, mend: &str) {
        self.warnings += 1;
        self.tell(&Finding { state: State::Warning, check, about, what, mend: Some(mend) });
    }

    /// It is not.
    pub(super) fn wrong(&mut self, check: &str, about: &str, what: &str, mend: &str) {
        self.wrong += 1;
        self.tell(&Finding { state: State::Wrong, check, about, what, mend: Some(mend) });
    }

    fn tell(&self, finding: &Finding<'_>) {
        if self.json {
            println!("{}", serde_json::to_string(finding).unwrap_or_default());
            return;
        }
        let Finding { state, check, about, what, mend } = finding;
        let mark = match state {
            State::Ok => "ok     ",
            State::Warning => "warning",
            State::Wrong => "wrong  ",
        };
        println!("{mark}  {check} {about}: {what}");
        if let Some(mend) = mend {
            println!("         {mend}");
        }
    }

    /// Says how many there were; the exit code.
    pub(super) fn end(&self) -> ExitCode {
        let Self { json, warnings, wrong } = self;
        if !json {
            let so_many = |number: &usize, one: &str, many: &str| match number {
                1 => format!("1 {one}"),
                number => format!("{number} {many}"),
            };
            let warnings = so_many(warnings, "warning", "warnings");
            println!("\n{}, {warnings}.", so_many(wrong, "thing is wrong", "things are wrong"));
        }
        if *wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
