//! The same policy in Cedar, asked of a program of its own: every role is a permit, and those that decide are the answer.

use crate::workload::{Rule, Workload};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The program, waiting to be asked.
pub(crate) struct Peer {
    program: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The roles that it gives.
    pub(crate) roles: Vec<String>,
}

impl Peer {
    pub(crate) fn start(workload: &Workload) -> Self {
        let cargo = std::env::var("CARGO").unwrap_or("cargo".to_owned());
        let mut program = Command::new(cargo)
            .args(["run", "--release", "--quiet", "--package", "guestpass-cedar"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let ask = program.stdin.take().unwrap();
        let answers = BufReader::new(program.stdout.take().unwrap());
        let mut peer = Self { program, ask, answers, roles: Vec::new() };
        let roles = peer.say(&question(workload).to_string());
        peer.roles = serde_json::from_str(&roles).unwrap();
        peer
    }

    /// Asks so many times; says how long that took it.
    pub(crate) fn ask(&mut self, times: u32) -> Duration {
        Duration::from_nanos(self.say(&times.to_string()).trim().parse().unwrap())
    }

    fn say(&mut self, line: &str) -> String {
        writeln!(self.ask, "{line}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn question(workload: &Workload) -> Value {
    let id = |kind: &str, name: &str| json!({ "type": kind, "id": name });
    let groups: Vec<_> = workload.groups.iter().map(|group| id("Group", group)).collect();
    let mut attributes = workload.claims.clone();
    attributes["provider"] = json!("staff");
    let person = json!({ "uid": id("Person", "s-4"), "attrs": attributes, "parents": groups });
    let groups = groups.iter().map(|uid| json!({ "uid": uid, "attrs": {}, "parents": [] }));
    let policies: String = workload.rules.iter().enumerate().map(permit).collect();
    json!({
        "policies": policies,
        "entities": groups.chain([person]).collect::<Vec<_>>(),
        "principal": "Person::\"s-4\"",
        "action": "Action::\"enter\"",
        "resource": "App::\"any\"",
    })
}

fn permit((number, rule): (usize, &Rule)) -> String {
    let groups: Vec<_> = rule.groups.iter().map(|group| format!("Group::\"{group}\"")).collect();
    let claims = rule.claims.iter().map(|(name, value)| format!("principal.{name} == \"{value}\""));
    let all = ["principal.provider == \"staff\"".to_owned(), format!("principal in [{}]", groups.join(", "))];
    let when: Vec<_> = all.into_iter().chain(claims).collect();
    format!("@id(\"r{number}\") permit (principal, action, resource) when {{ {} }};\n", when.join(" && "))
}
