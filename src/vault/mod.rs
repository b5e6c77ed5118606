//! Values at rest: encrypted with age for the operator's identity, which is one file of this machine.
//!
//! The file is of the form the `age` program reads and writes, and so are the encrypted texts: whoever has both can read
//! them without cgo (`age -d -i identity.txt`). The first line of what is encrypted says what it is the value of, so that
//! one value cannot be put in the place of another. An identity is made once, when the first value is encrypted; that
//! none is there is an error as soon as there are values that need it.

mod error;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret as _;
use age::x25519;

use crate::domain::secret::Secret;
pub use error::Error;

/// The longest identity file that is read, in bytes.
const LONGEST_FILE: u64 = 64 * 1024;

/// The identity file of this machine's operator.
#[derive(Debug, Clone)]
pub struct Vault {
    path: PathBuf,
}

/// An encrypted value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key it is encrypted for: the public half of an identity, `age1…`.
    pub key: String,
    /// The age file, in its text form.
    pub text: String,
}

/// Identities that were read. The first one encrypts, each decrypts what is its own.
struct Identities(Vec<x25519::Identity>);

impl Vault {
    /// The vault whose identity stands in a file, whether or not it is there yet.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// The identity file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key new values are encrypted for; none before the identity is made.
    ///
    /// # Errors
    /// [`Error`] when the file is there and cannot be used.
    pub fn key(&self) -> Result<Option<String>, Error> {
        Ok(self.read()?.map(|found| found.0[0].to_public().to_string()))
    }

    /// Makes the identity, for its owner alone. One that is there stays as it is, also one that another process makes at
    /// this moment.
    ///
    /// # Errors
    /// [`Error::Path`].
    pub fn make(&self) -> Result<(), Error> {
        let fail = |source| Error::Path { action: "make", path: self.path.clone(), source };
        if std::fs::symlink_metadata(&self.path).is_ok() {
            return Ok(());
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(fail)?;
        let identity = x25519::Identity::generate();
        let text = format!(
            "# The identity cgo encrypts secrets with. Keep a copy elsewhere: without it they cannot be read.\n\
             # public key: {}\n{}\n",
            identity.to_public(),
            identity.to_string().expose_secret()
        );
        // Written whole beside its place and linked there: nobody sees half of it, and the first one stays.
        let part = folder.join(format!(".identity-{}-{:08x}", std::process::id(), rand::random::<u32>()));
        let written = || -> std::io::Result<()> {
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(&part)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::hard_link(&part, &self.path)?;
            File::open(folder)?.sync_all()
        };
        let made = written();
        let removed = std::fs::remove_file(&part);
        match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(fail(error)),
            Ok(()) => removed.map_err(fail),
        }
    }

    /// Encrypts a value; `what` names it, and [`Vault::open`] wants the same name.
    ///
    /// # Errors
    /// [`Error::Missing`] without an identity, and when the file cannot be used.
    pub fn seal(&self, what: &str, value: &Secret) -> Result<Sealed, Error> {
        let Some(found) = self.read()? else {
            return Err(Error::Missing { path: self.path.clone(), key: None });
        };
        let key = found.0[0].to_public();
        let plain = format!("{}{}", header(what), value.reveal());
        let text = age::encrypt_and_armor(&key, plain.as_bytes()).map_err(|_| Error::Encrypt)?;
        Ok(Sealed { key: key.to_string(), text })
    }

    /// Decrypts a value.
    ///
    /// # Errors
    /// [`Error::Missing`] without an identity, [`Error::OtherKey`] when it was encrypted for another one,
    /// [`Error::Damaged`] when it is not what was encrypted under that name.
    pub fn open(&self, what: &str, sealed: &Sealed) -> Result<Secret, Error> {
        let Some(found) = self.read()? else {
            return Err(Error::Missing { path: self.path.clone(), key: Some(sealed.key.clone()) });
        };
        let fitting = found.0.iter().find(|identity| identity.to_public().to_string() == sealed.key);
        let Some(identity) = fitting else {
            return Err(Error::OtherKey {
                what: what.to_owned(),
                key: sealed.key.clone(),
                own: found.0[0].to_public().to_string(),
                path: self.path.clone(),
            });
        };
        let damaged = || Error::Damaged { what: what.to_owned() };
        let plain = age::decrypt(identity, sealed.text.as_bytes()).map_err(|_| damaged())?;
        let plain = String::from_utf8(plain).map_err(|_| damaged())?;
        plain.strip_prefix(&header(what)).map(|value| Secret::new(value.to_owned())).ok_or_else(damaged)
    }

    fn read(&self) -> Result<Option<Identities>, Error> {
        let fail = |source| Error::Path { action: "read", path: self.path.clone(), source };
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fail(error)),
        };
        // Of the file that was opened, not of what may stand in its place by now.
        let about = file.metadata().map_err(fail)?;
        let me = rustix::process::geteuid().as_raw();
        if about.permissions().mode() & 0o077 != 0 {
            return Err(Error::Open { path: self.path.clone() });
        }
        if about.uid() != me {
            return Err(Error::Foreign { path: self.path.clone() });
        }
        let mut text = String::new();
        file.take(LONGEST_FILE).read_to_string(&mut text).map_err(fail)?;
        let mut found = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |_| Error::Invalid { path: self.path.clone(), line: number + 1 };
            found.push(line.parse::<x25519::Identity>().map_err(wrong)?);
        }
        if found.is_empty() {
            return Err(Error::Invalid { path: self.path.clone(), line: 1 });
        }
        Ok(Some(Identities(found)))
    }
}

/// The first line of what is encrypted.
fn header(what: &str) -> String {
    format!("cgo-secret/1 {what}\n")
}
