//! The store's files on the disk: for the owner of the process alone, and for one process at a time.

use super::{Error, Place};
use std::ffi::OsString;
use std::fmt::Write;
use std::fs::{File, OpenOptions, Permissions, create_dir_all, metadata, set_permissions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// What only the owner may read and write.
const PRIVATE: u32 = 0o600;

/// The lock of a store of files, for as long as it lives: no second gateway writes beside us. In the file is the number of
/// the last event that was ever written to the store, by which one that was put back is known.
pub(super) struct Lock {
    file: File,
    last: Mutex<i64>,
}

impl Lock {
    fn of(file: File) -> Self {
        let mut text = [0; DIGITS];
        let read = file.read_at(&mut text, 0).unwrap_or_default();
        let last = std::str::from_utf8(&text[..read]).ok().and_then(|text| text.trim().parse().ok());
        Self { file, last: Mutex::new(last.unwrap_or_default()) }
    }

    /// The number of the last event that is known to have been written; 0 where that is not known.
    pub(super) fn last(&self) -> i64 {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the event of this number was written. It need not outlast a power cut: without it a store is taken for
    /// what it is.
    pub(super) fn note(&self, event: i64) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // Of two who committed, the later one may come first.
        if event > *last {
            self.write(event);
            *last = event;
        }
    }

    /// The store has begun anew from its event of this number.
    pub(super) fn begin_at(&self, event: i64) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(event);
        *last = event;
    }

    fn write(&self, event: i64) {
        let mut text = String::with_capacity(DIGITS);
        let _ = writeln!(text, "{event:019}");
        if let Err(error) = self.file.write_all_at(text.as_bytes(), 0) {
            tracing::warn!(%error, "it is not noted how far the record has come: a restored store may not be known");
        }
    }
}

/// A number and the end of its line.
const DIGITS: usize = 20;

impl Place {
    /// Makes a place of files ours: see [`take`]. A database is for all replicas.
    pub(super) fn take(&self) -> Result<Option<Lock>, Error> {
        match self {
            Self::Sqlite(path) => take(path).map(Lock::of).map(Some),
            Self::Postgres(_) => Ok(None),
        }
    }
}

/// Takes the lock of the store at `path` for as long as the file is open, and makes its files private before
/// anything is written into them: they hold names, addresses and claims.
fn take(path: &Path) -> Result<File, Error> {
    let lock = path.with_extension("lock");
    let failed = |error| Error::Lock(lock.clone(), error);
    if let Some(folder) = path.parent() {
        create_dir_all(folder).map_err(failed)?;
    }
    let file = private(&lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Err(Error::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => return Err(failed(error)),
    }
    // The log and the index beside it are made with the permissions of the database; a crash leaves them behind.
    private(path).map_err(|error| Error::File(path.to_owned(), error))?;
    for ending in ["-wal", "-shm"] {
        let beside = beside(path, ending);
        if beside.exists() {
            private(&beside).map_err(|error| Error::File(beside, error))?;
        }
    }
    Ok(file)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// Opens the file at `path`, made if absent. One that others may read is taken away from them.
fn private(path: &Path) -> io::Result<File> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(PRIVATE).open(path)?;
    if metadata(path)?.permissions().mode() & 0o077 != 0
        && let Err(error) = set_permissions(path, Permissions::from_mode(PRIVATE))
    {
        // On some volumes nobody may, and permissions say nothing there.
        tracing::warn!(path = %path.display(), %error, "others may read a file of the store");
    }
    Ok(file)
}
