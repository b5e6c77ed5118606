//! Secrets of cgo itself, such as the token of its bot: in the store, encrypted for the operator's identity.
//!
//! Those of projects are [`super::secrets`]'s.

use super::{Context, Error, users};
use crate::domain::secret::Secret;
use crate::domain::user::Right;
use crate::store::OperatorSecrets as _;
use crate::vault::{self, Sealed};

/// What the vault calls such a secret.
fn label(name: &str) -> String {
    format!("cgo {name}")
}

/// Sees to it that something can be encrypted. The identity is made when there is neither one nor anything that needs
/// it.
///
/// # Errors
/// [`Error::Vault`] when the one that is needed is not there, and when the store fails.
pub(super) async fn prepare_vault(context: &Context) -> Result<(), Error> {
    if context.vault.key()?.is_some() {
        return Ok(());
    }
    if let Some(key) = context.store.sealed_for().await? {
        return Err(vault::Error::Missing { path: context.vault.path().to_owned(), key: Some(key) }.into());
    }
    Ok(context.vault.make()?)
}

/// Puts a value in its place, over one that is there. For admins alone.
///
/// # Errors
/// [`users::Error::Forbidden`], [`Error::Vault`], and when the store fails.
pub async fn set_secret(context: &Context, name: &str, value: &Secret) -> Result<(), Error> {
    users::require(context, Right::Administer, None)?;
    prepare_vault(context).await?;
    let Sealed { key, text } = context.vault.seal(&label(name), value)?;
    Ok(context.store.put_operator_secret(name, &key, &text, context.now()).await?)
}

/// A value; none when there is none of that name. For admins alone.
///
/// # Errors
/// [`users::Error::Forbidden`]; [`Error::Vault`] when it is there and cannot be read.
pub async fn secret(context: &Context, name: &str) -> Result<Option<Secret>, Error> {
    users::require(context, Right::Administer, None)?;
    let Some((key, text)) = context.store.operator_secret(name).await? else { return Ok(None) };
    Ok(Some(context.vault.open(&label(name), &Sealed { key, text })?))
}
