//! The descriptions that come with the program, and the beginning of another.

use super::check::check;
use super::description::Description;
use crate::document::{Mistakes, closest};
use crate::provision::connector::words;

/// Name and text of each.
const LIBRARY: [(&str, &str); 6] = [
    ("gitea", include_str!("../../../../connectors/gitea.yaml")),
    ("gitlab", include_str!("../../../../connectors/gitlab.yaml")),
    ("grafana", include_str!("../../../../connectors/grafana.yaml")),
    ("jira-cloud", include_str!("../../../../connectors/jira-cloud.yaml")),
    ("jupyterhub", include_str!("../../../../connectors/jupyterhub.yaml")),
    ("synapse", include_str!("../../../../connectors/synapse.yaml")),
];

/// A new description, commented, which is right as it is; only what it calls is nobody's.
const SCAFFOLD: &str = include_str!("../../../../connectors/scaffold.yaml");

/// The names of the descriptions that come with the program.
pub const NAMES: [&str; LIBRARY.len()] = {
    let mut names = [""; LIBRARY.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = LIBRARY[at].0;
        at += 1;
    }
    names
};

/// Whether `said` is the name of a description that comes with the program, and not the path of a file.
pub(super) fn is_name(said: &str) -> bool {
    !said.contains(['/', '.'])
}

/// The description that comes with the program by this name.
///
/// # Errors
/// What is wrong with the name, and a hint.
pub(super) fn find(name: &str) -> Result<Option<Description>, (String, String)> {
    match LIBRARY.iter().find(|(known, _)| *known == name) {
        Some((name, text)) => Ok(check(&format!("{name}.yaml"), text, &mut Mistakes::default())),
        None => {
            let hint = match closest(name, NAMES) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("there are {}; others are named by the path of their file", NAMES.join(", ")),
            };
            Err((format!("no description called \"{name}\" comes with guestpass"), hint))
        }
    }
}

/// The beginning of a description of `title`: every part of it, with what it is for. It passes [`check`].
pub fn scaffold(title: &str) -> String {
    let title = words(title);
    // Quoted as JSON, which is YAML whatever is in it.
    let quoted = format!("title: {}", serde_json::Value::from(title.as_str()));
    SCAFFOLD.replace("title: Example", &quoted).replace("Example", &title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Document;

    #[test]
    fn what_comes_with_the_program_is_right_and_of_the_schemas_form() {
        let schema = jsonschema::validator_for(&super::super::schema().to_value()).unwrap();
        for (name, text) in LIBRARY.into_iter().chain([("scaffold", &*scaffold("Wiki: \"ours\"\n"))]) {
            let mut mistakes = Mistakes::default();
            assert!(check(name, text, &mut mistakes).is_some(), "{mistakes}");
            assert!(mistakes.is_empty(), "{mistakes}");
            let document = Document::parse(name, text).unwrap();
            let told: Vec<_> = schema.iter_errors(document.value()).map(|error| error.to_string()).collect();
            assert!(told.is_empty(), "{name}: {told:?}");
        }
    }

    #[test]
    fn the_committed_schema_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/connectors/schema.json");
        let schema = serde_json::to_string_pretty(&super::super::schema()).unwrap() + "\n";
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(path, &schema).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert_eq!(committed, schema, "run this test with UPDATE_SCHEMA=1");
    }

    #[test]
    fn a_name_that_is_nearly_right_is_told() {
        let (message, hint) = find("jupiterhub").unwrap_err();
        assert_eq!(message, "no description called \"jupiterhub\" comes with guestpass");
        assert_eq!(hint, "did you mean \"jupyterhub\"?");
        assert!(is_name("grafana") && !is_name("grafana.yaml") && !is_name("a/grafana"));
    }
}
