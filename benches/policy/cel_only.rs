//! The same policy as one CEL expression a rule, each asked of everybody: what a policy engine without matchers does.

use crate::workload::Workload;
use cel::objects::Key;
use cel::{Context, Program, Value};
use guestpass::identity::{ClaimSet, Groups};
use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// A compiled expression for each role.
pub(crate) struct Rules(Vec<(String, Program)>);

impl Rules {
    pub(crate) fn of(workload: &Workload) -> Self {
        let rule = |(number, rule): (usize, &crate::workload::Rule)| {
            let groups: Vec<_> = rule.groups.iter().map(|group| format!("'{group}' in groups")).collect();
            let claims = rule.claims.iter().map(|(name, value)| format!("claims.{name} == '{value}'"));
            let all = ["provider == 'staff'".to_owned(), format!("({})", groups.join(" || "))];
            let text: Vec<_> = all.into_iter().chain(claims).collect();
            (format!("r{number}"), Program::compile(&text.join(" && ")).unwrap())
        };
        Self(workload.rules.iter().enumerate().map(rule).collect())
    }

    /// The roles that `person` has.
    pub(crate) fn roles(&self, person: &ClaimSet) -> Vec<String> {
        let context = context(person);
        let holds = |program: &Program| matches!(program.execute(&context), Ok(Value::Bool(true)));
        let mut roles: Vec<_> =
            self.0.iter().filter(|(_, program)| holds(program)).map(|(role, _)| role.clone()).collect();
        roles.sort();
        roles
    }

    pub(crate) fn ask(&self, person: &ClaimSet, times: u32) -> Duration {
        let start = Instant::now();
        (0..times).for_each(|_| drop(black_box(self.roles(black_box(person)))));
        start.elapsed()
    }
}

/// A person as expressions see them.
fn context(person: &ClaimSet) -> Context<'static, 'static> {
    let mut context = Context::default();
    let claims = person
        .values()
        .iter()
        .filter_map(|(name, value)| Some((Key::from(name.as_str()), value.as_str()?.into())));
    context.add_variable_from_value("claims", claims.collect::<HashMap<Key, Value>>());
    context.add_variable_from_value("provider", person.provider().as_str());
    if let Groups::Known(groups) = person.groups() {
        context.add_variable_from_value("groups", groups.iter().map(String::as_str).collect::<Vec<_>>());
    }
    context
}
