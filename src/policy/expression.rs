//! Expressions (CEL, the Common Expression Language) over `claims`, `groups` and `provider`: for what the matchers
//! cannot say. The only file that knows the interpreter.

use super::rule::Verdict;
use crate::identity::{ClaimSet, Groups};
use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::objects::Key;
use cel::{Context, Env, ExecutionError, Program, Value, extensions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

/// The functions there are: CEL's own, and those of its strings extension. Expensive to make, and always the same.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    // Its names are its own, so nothing is declared twice; without it, expressions that use it are refused.
    let _ = environment.add_extension(extensions::strings);
    Arc::new(environment)
});

/// The variables there are.
const VARIABLES: [&str; 3] = ["claims", "groups", "provider"];

/// An expression, compiled; it serializes as it was written.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub(super) struct Expression {
    written: Arc<str>,
    program: Arc<Program>,
}

/// Claims, and the same as expressions see them, made when the first one asks.
pub(super) struct Facts<'a> {
    pub(super) claims: &'a ClaimSet,
    context: OnceCell<Context<'static, 'static>>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(claims: &'a ClaimSet) -> Self {
        Self { claims, context: OnceCell::new() }
    }

    fn context(&self) -> &Context<'static, 'static> {
        self.context.get_or_init(|| {
            let mut context = Context::with_env(ENVIRONMENT.clone());
            let claims =
                self.claims.values().iter().map(|(name, value)| (Key::from(name.as_str()), to_cel(value)));
            context.add_variable_from_value("claims", claims.collect::<HashMap<_, _>>());
            context.add_variable_from_value("provider", self.claims.provider().as_str());
            if let Groups::Known(groups) = self.claims.groups() {
                context
                    .add_variable_from_value("groups", groups.iter().map(String::as_str).collect::<Vec<_>>());
            }
            context
        })
    }
}

impl Expression {
    /// Whether it holds. An expression that cannot be worked out, or comes to something other than true or false,
    /// fails with the reason.
    pub(super) fn judge<'a>(&self, facts: &Facts<'a>) -> Verdict<'a> {
        match self.program.execute(facts.context()) {
            Ok(Value::Bool(true)) => Verdict::Holds,
            Ok(Value::Bool(false)) => Verdict::Fails,
            Ok(other) => Verdict::Failed(format!(
                "{} is neither true nor false, but {}",
                self.written,
                other.type_of()
            )),
            Err(error) => match (facts.claims.groups(), error) {
                (Groups::Unknown(why), ExecutionError::UndeclaredReference(name)) if *name == "groups" => {
                    Verdict::Unknown(why)
                }
                (_, error) => Verdict::Failed(format!("{}: {}", self.written, in_words(&error))),
            },
        }
    }

    /// As it is written.
    pub(super) fn as_str(&self) -> &str {
        &self.written
    }

    /// The claims that it names, `claims.a.b` as `a.b`.
    pub(super) fn claims(&self) -> BTreeSet<String> {
        let mut named = BTreeSet::new();
        walk(self.program.expression(), &mut |expression| {
            if let Some(path) = claim(expression) {
                named.insert(path);
            }
        });
        // Of a path, all that it goes through is found, too.
        let through = |path: &String| {
            named
                .iter()
                .any(|other| other.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('.')))
        };
        named.iter().filter(|path| !through(path)).cloned().collect()
    }

    /// Whether it may come to hold where a claim goes away. What it says without `!`, `!=`, `? :`, and without comparing
    /// with true, false or a size does not: a claim that is absent is an error, and an error denies.
    pub(super) fn may_gain(&self) -> bool {
        let mut may = false;
        walk(self.program.expression(), &mut |expression| may |= turns(expression));
        may
    }
}

/// Whether less may become more here.
fn turns(expression: &Expr) -> bool {
    let Expr::Call(call) = expression else { return false };
    let plain = |part: &IdedExpr| matches!(part.expr, Expr::Literal(LiteralValue::Boolean(_)));
    match call.func_name.as_str() {
        operators::LOGICAL_NOT | operators::NOT_EQUALS | operators::CONDITIONAL | "size" => true,
        operators::EQUALS => call.args.iter().any(plain),
        _ => false,
    }
}

/// The path of a claim, if `expression` is one.
fn claim(expression: &Expr) -> Option<String> {
    let (operand, field) = match expression {
        Expr::Select(select) => (&select.operand.expr, select.field.clone()),
        Expr::Call(call) if call.func_name == operators::INDEX => match &call.args[..] {
            [operand, IdedExpr { expr: Expr::Literal(LiteralValue::String(field)), .. }] => {
                (&operand.expr, field.inner().to_owned())
            }
            _ => return None,
        },
        _ => return None,
    };
    match operand {
        Expr::Ident(name) if name == "claims" => Some(field),
        nested => claim(nested).map(|path| format!("{path}.{field}")),
    }
}

/// Shows every part of an expression to `see`.
fn walk(expression: &IdedExpr, see: &mut impl FnMut(&Expr)) {
    see(&expression.expr);
    let entry = |entry: &EntryExpr| match entry {
        EntryExpr::StructField(field) => vec![field.value.clone()],
        EntryExpr::MapEntry(entry) => vec![entry.key.clone(), entry.value.clone()],
    };
    match &expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Select(select) => walk(&select.operand, see),
        Expr::Call(call) => {
            call.target.iter().map(|target| &**target).chain(&call.args).for_each(|part| walk(part, see))
        }
        Expr::List(list) => list.elements.iter().for_each(|part| walk(part, see)),
        Expr::Map(map) => {
            map.entries.iter().flat_map(|one| entry(&one.expr)).for_each(|part| walk(&part, see))
        }
        Expr::Struct(made) => {
            made.entries.iter().flat_map(|one| entry(&one.expr)).for_each(|part| walk(&part, see))
        }
        // Of what a macro makes, only what the author wrote: the loop around it compares on its own account.
        Expr::Comprehension(made) => {
            walk(&made.iter_range, see);
            written_step(&made.loop_step, see);
        }
    }
}

/// The part of a macro's step that its author wrote: `all`, `exists`, `filter` and `map` join it to what they have.
fn written_step(step: &IdedExpr, see: &mut impl FnMut(&Expr)) {
    match &step.expr {
        Expr::Call(call)
            if matches!(
                call.func_name.as_str(),
                operators::LOGICAL_AND | operators::LOGICAL_OR | operators::ADD | operators::CONDITIONAL
            ) =>
        {
            call.args.iter().for_each(|part| walk(part, see));
        }
        _ => walk(step, see),
    }
}

impl TryFrom<String> for Expression {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        let program = ENVIRONMENT.compile(&written).map_err(|errors| {
            let first = errors.errors.first().map(|error| error.msg.trim().to_owned()).unwrap_or_default();
            format!("cannot be read as an expression: {first}")
        })?;
        let unknown = unknown_variable(program.expression());
        if let Some(name) = unknown {
            let hint = "an expression knows claims, groups and provider";
            return Err(format!("unknown name \"{name}\" in an expression: {hint}"));
        }
        Ok(Self { written: written.into(), program: Arc::new(program) })
    }
}

impl From<Expression> for String {
    fn from(expression: Expression) -> Self {
        expression.written.as_ref().to_owned()
    }
}

/// A variable that nothing defines, if there is one; of several, the first by name.
fn unknown_variable(expression: &IdedExpr) -> Option<String> {
    let mut own = BTreeSet::new();
    walk(expression, &mut |part| {
        if let Expr::Comprehension(made) = part {
            own.insert(made.iter_var.clone());
            own.extend(made.iter_var2.clone());
        }
    });
    let references = expression.references();
    let unknown = |name: &&str| !VARIABLES.contains(name) && !own.contains(*name) && !is_type(name);
    references.variables().into_iter().filter(unknown).min().map(str::to_owned)
}

fn is_type(name: &str) -> bool {
    ["bool", "bytes", "double", "dyn", "int", "list", "map", "null_type", "string", "type", "uint"]
        .contains(&name)
}

/// What went wrong, as one would say it.
fn in_words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(name) => format!("claim {name} is absent"),
        error => {
            let text = error.to_string();
            let mut letters = text.chars();
            letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
        }
    }
}

/// A claim as expressions see it. Whole numbers are `int`, so that one may reckon with them.
fn to_cel(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Value::Int(whole),
            (None, Some(large)) => Value::UInt(large),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => items.iter().map(to_cel).collect::<Vec<_>>().into(),
        Json::Object(entries) => {
            let entries = entries.iter().map(|(name, value)| (Key::from(name.as_str()), to_cel(value)));
            entries.collect::<HashMap<_, _>>().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::GroupsSettings;
    use serde_json::json;

    fn compile(text: &str) -> Result<Expression, String> {
        text.to_owned().try_into()
    }

    fn judge(text: &str, claims: Json) -> String {
        let Json::Object(values) = claims else { panic!("claims are a mapping") };
        let claims = ClaimSet::new("staff".parse().unwrap(), values, &GroupsSettings::default());
        format!("{:?}", compile(text).unwrap().judge(&Facts::of(&claims)))
    }

    #[test]
    fn expressions_see_claims_groups_and_provider() {
        let claims = || json!({ "level": 3, "tags": ["a"], "home": { "team": "x" }, "groups": ["ops"] });
        for (text, verdict) in [
            ("claims.level > 2 && claims.level + 1 == 4", "Holds"),
            ("'a' in claims.tags", "Holds"),
            ("claims.home.team.startsWith('x') && provider == 'staff'", "Holds"),
            ("groups.exists(g, g == 'ops')", "Holds"),
            ("claims.level == 4", "Fails"),
            ("has(claims.missing)", "Fails"),
            ("claims.tags[0].matches('^a$')", "Holds"),
            ("'b' in 'a b'.split(' ')", "Holds"),
        ] {
            assert_eq!(judge(text, claims()), verdict, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_worked_out_says_why() {
        assert_eq!(judge("claims.a == 1", json!({})), r#"Failed("claims.a == 1: claim a is absent")"#);
        assert!(judge("claims.a", json!({ "a": 1 })).starts_with("Failed("));
        assert!(judge("claims.a > 'x'", json!({ "a": 1 })).starts_with("Failed("));
        assert_eq!(judge("'ops' in groups", json!({})), r#"Unknown("claim groups is absent")"#);
        // What needs no groups is true without them.
        assert_eq!(judge("claims.a == 1 || 'ops' in groups", json!({ "a": 1 })), "Holds");
    }

    #[test]
    fn mistakes_are_told_when_it_is_read() {
        assert!(compile("claims.a ==").unwrap_err().starts_with("cannot be read as an expression: "));
        assert_eq!(
            compile("user.name == 'x'").unwrap_err(),
            "unknown name \"user\" in an expression: an expression knows claims, groups and provider"
        );
        assert!(compile("groups.exists(g, g == h)").is_err());
        assert!(compile("groups.all(g, g.startsWith('x'))").is_ok());
    }

    #[test]
    fn the_claims_that_are_named_are_known() {
        let named = |text: &str| compile(text).unwrap().claims().into_iter().collect::<Vec<_>>();
        assert_eq!(
            named("claims.a.b == 1 && claims['https://x/y'] in claims.c"),
            ["a.b", "c", "https://x/y"]
        );
        assert_eq!(named("has(claims.d) || claims.list.exists(x, x == claims.e)"), ["d", "e", "list"]);
    }

    #[test]
    fn what_may_gain_by_losing_is_known() {
        for (text, may) in [
            ("claims.a == 'x' && has(claims.b)", false),
            ("groups.exists(g, g.startsWith('x'))", false),
            ("!has(claims.b)", true),
            ("claims.a != 'x'", true),
            ("has(claims.b) == false", true),
            ("has(claims.b) ? true : false", true),
            ("size(groups) < 3", true),
            ("groups.exists(g, g != 'x')", true),
        ] {
            assert_eq!(compile(text).unwrap().may_gain(), may, "{text}");
        }
    }
}
