//! The store's files on the disk: for the owner of the process alone, and for one process at a time.

use super::{Error, Place};
use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions, create_dir_all, metadata, set_permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What only the owner may read and write.
const PRIVATE: u32 = 0o600;

impl Place {
    /// Makes a place of files ours: see [`take`]. A database is for all replicas.
    pub(super) fn take(&self) -> Result<Option<File>, Error> {
        match self {
            Self::Sqlite(path) => take(path).map(Some),
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
    let file = OpenOptions::new().read(true).append(true).create(true).mode(PRIVATE).open(path)?;
    if metadata(path)?.permissions().mode() & 0o077 != 0
        && let Err(error) = set_permissions(path, Permissions::from_mode(PRIVATE))
    {
        // On some volumes nobody may, and permissions say nothing there.
        tracing::warn!(path = %path.display(), %error, "others may read a file of the store");
    }
    Ok(file)
}
