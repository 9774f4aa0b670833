//! Which files a configuration was read from, and by what they are told from later ones: their content, which is
//! the same question for a file that was edited, a link that was turned and a folder on another machine.

use crate::seal::sha256;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// What a file or a folder held; `None` where it could not be read.
type Print = Option<[u8; 32]>;

/// The files and folders that were looked at, and what they held. The contents themselves are not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    files: BTreeMap<PathBuf, Print>,
    folders: BTreeMap<PathBuf, Print>,
}

impl Files {
    /// The text of the file at `path`, which is watched from then on, also if it cannot be read.
    ///
    /// # Errors
    /// As [`std::fs::read_to_string`].
    pub fn read(&mut self, path: &Path) -> io::Result<String> {
        let bytes = std::fs::read(path);
        self.files.insert(path.to_owned(), bytes.as_deref().ok().map(|bytes| sha256(&[bytes])));
        String::from_utf8(bytes?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// The files, by their paths.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// Watches the file at `path`, which somebody else reads.
    pub(super) fn watch(&mut self, path: &Path) {
        self.files.insert(path.to_owned(), print_of(path));
    }

    /// The paths of the `.yaml` files in `folder`, in order; it is watched from then on.
    ///
    /// # Errors
    /// As [`std::fs::read_dir`].
    pub(super) fn list(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let listed = yaml_in(folder);
        self.folders.insert(folder.to_owned(), listed.as_deref().ok().map(print));
        listed
    }

    /// What the same files and folders hold now.
    pub fn look_again(&self) -> Self {
        let folder = |path: &PathBuf| yaml_in(path).as_deref().ok().map(print);
        Self {
            files: self.files.keys().map(|path| (path.clone(), print_of(path))).collect(),
            folders: self.folders.keys().map(|path| (path.clone(), folder(path))).collect(),
        }
    }
}

fn print_of(path: &Path) -> Print {
    std::fs::read(path).ok().map(|bytes| sha256(&[&bytes]))
}

fn yaml_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = entries.collect::<Result<_, _>>()?;
    let is_yaml = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    paths.retain(|path| is_yaml(path) && path.is_file());
    paths.sort();
    Ok(paths)
}

fn print(paths: &[PathBuf]) -> [u8; 32] {
    let names: Vec<&[u8]> = paths.iter().map(|path| path.as_os_str().as_encoded_bytes()).collect();
    sha256(&names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_change_is_seen_whatever_way_it_came() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| std::fs::write(at(name), text).unwrap();
        let mut files = Files::default();
        std::fs::create_dir(at("policies")).unwrap();
        write("secret", "one");
        for (day, text) in [("monday", "a"), ("tuesday", "b")] {
            std::fs::create_dir(at(day)).unwrap();
            write(&format!("{day}/linked"), text);
        }
        symlink("monday", at("now")).unwrap();
        files.read(&at("secret")).unwrap();
        files.read(&at("now/linked")).unwrap();
        assert!(files.read(&at("absent")).is_err() && files.list(&at("policies")).unwrap().is_empty());

        let unchanged = || assert_eq!(files.look_again(), files);
        let changed = || assert_ne!(files.look_again(), files);
        unchanged();
        write("secret", "two");
        changed();
        write("secret", "one");
        write("policies/notes.txt", "no policy");
        unchanged();
        write("policies/notes.yaml", "");
        changed();
        std::fs::remove_file(at("policies/notes.yaml")).unwrap();
        write("absent", "");
        changed();
        std::fs::remove_file(at("absent")).unwrap();
        unchanged();
        symlink("tuesday", at("next")).unwrap();
        std::fs::rename(at("next"), at("now")).unwrap();
        changed();
    }
}
