//! The policy of the benchmark, decided by Cedar. The first line of the input is the policy and whom it is asked about;
//! each line after it is a number, which is how often to ask. Answers are lines, too: the roles, then nanoseconds.

use cedar_policy::{Authorizer, Context, Entities, EntityUid, PolicySet, Request};
use serde_json::{Value, json};
use std::error::Error;
use std::io::{BufRead, stdin};
use std::time::Instant;

/// The same as ours.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let mut lines = stdin().lock().lines();
    let asked: Value = serde_json::from_str(&lines.next().ok_or("no question")??)?;
    let policies: PolicySet = asked["policies"].as_str().unwrap_or_default().parse()?;
    let entities = Entities::from_json_value(asked["entities"].clone(), None)?;
    let uid = |name: &str| -> Result<EntityUid, Box<dyn Error>> {
        Ok(asked[name].as_str().unwrap_or_default().parse()?)
    };
    let request = Request::new(uid("principal")?, uid("action")?, uid("resource")?, Context::empty(), None)?;
    let authorizer = Authorizer::new();
    let ask = || authorizer.is_authorized(&request, &policies, &entities);

    let answer = ask();
    let name = |id| policies.annotation(id, "id").unwrap_or_default().to_owned();
    let mut roles: Vec<_> = answer.diagnostics().reason().map(name).collect();
    roles.sort();
    println!("{}", json!(roles));
    for line in lines {
        let times: u32 = line?.trim().parse()?;
        let start = Instant::now();
        (0..times).for_each(|_| drop(std::hint::black_box(ask())));
        println!("{}", start.elapsed().as_nanos());
    }
    Ok(())
}
