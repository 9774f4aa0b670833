//! Mistakes, told once, with their place.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A place in a file. Lines and columns count from 1, columns and widths in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// How many characters it covers on that line.
    pub width: usize,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Nothing starts.
    Error,
    /// Works, but probably not as meant.
    Warning,
    /// Is right, and easily overlooked.
    Note,
}

/// One mistake. Its `Display` is the short form, `file:line:column: message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Mistake {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong, naming the value: lowercase, no full stop.
    pub message: String,
    /// What to say right at the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The line as it stands in the file.
    pub source: String,
    #[serde(skip)]
    width: usize,
}

impl Mistake {
    pub(super) fn new(file: &str, lines: &[String], place: Place, message: String) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            line: place.line,
            column: place.column,
            message,
            label: None,
            hint: None,
            source: lines.get(place.line.saturating_sub(1)).cloned().unwrap_or_default(),
            width: place.width,
        }
    }

    /// A mistake about a whole file, such as one that cannot be read.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self::new(file, &[], Place { line: 1, column: 1, width: 0 }, message.into())
    }

    /// Says `label` right at the place.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says what would be right.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Makes it a warning.
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Makes it a note.
    pub fn note(mut self) -> Self {
        self.severity = Severity::Note;
        self
    }

    /// The long form: the source line with the place marked, and the hint.
    pub fn render(&self) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len() + 2);
        let mut text =
            format!("{severity}: {}\n{gutter}┌─ {}:{}:{}\n", self.message, self.file, self.line, self.column);
        if !self.source.is_empty() {
            let source = self.source.replace('\t', " ");
            let indent = " ".repeat(self.column.saturating_sub(1));
            let mark =
                format!("{indent}{} {}", "^".repeat(self.width.max(1)), self.label.as_deref().unwrap_or(""));
            text += &format!(" {number} │ {source}\n{gutter}│ {}\n", mark.trim_end());
        }
        if let Some(hint) = &self.hint {
            text += &format!("{gutter}= hint: {hint}\n");
        }
        text
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

/// All mistakes of a run. Its `Display` is the long form of each, by file and line, and the count.
#[derive(Debug, Clone, Default)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Adds one.
    pub fn push(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// How many errors there are; warnings do not count.
    pub fn errors(&self) -> usize {
        self.count(Severity::Error)
    }

    /// How many are warnings.
    pub fn warnings(&self) -> usize {
        self.count(Severity::Warning)
    }

    fn count(&self, severity: Severity) -> usize {
        self.0.iter().filter(|mistake| mistake.severity == severity).count()
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, by file, line and column.
    pub fn sorted(&self) -> Vec<&Mistake> {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_by_key(|mistake| (&mistake.file, mistake.line, mistake.column));
        sorted
    }

    /// The last line of a report: `2 errors, 1 warning.`
    pub fn summary(&self) -> String {
        let count = |n: usize, what: &str| match n {
            0 => None,
            1 => Some(format!("1 {what}")),
            n => Some(format!("{n} {what}s")),
        };
        let notes = self.count(Severity::Note);
        let counts: Vec<_> =
            [count(self.errors(), "error"), count(self.warnings(), "warning"), count(notes, "note")]
                .into_iter()
                .flatten()
                .collect();
        if counts.is_empty() { "No mistakes.".to_owned() } else { format!("{}.", counts.join(", ")) }
    }
}

impl Extend<Mistake> for Mistakes {
    fn extend<I: IntoIterator<Item = Mistake>>(&mut self, more: I) {
        self.0.extend(more);
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in self.sorted() {
            writeln!(f, "{}", mistake.render())?;
        }
        f.write_str(&self.summary())
    }
}

impl JsonSchema for Mistakes {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Mistakes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<Mistake>::json_schema(generator)
    }
}

impl Serialize for Mistakes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.sorted().serialize(serializer)
    }
}
