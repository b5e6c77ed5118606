//! Files that hold secrets, known by their names.

/// Endings of files that are there to be read although they begin like a file of secrets.
const EXAMPLES: [&str; 5] = ["example", "sample", "template", "dist", "defaults"];
/// Files in which programs look for passwords, tokens and keys.
const KEPT: [&str; 9] =
    ["id_rsa", "id_ed25519", "id_ecdsa", "id_dsa", ".netrc", ".pgpass", ".npmrc", ".pypirc", ".git-credentials"];
/// Endings of keys and certificates, which stand beside many a test, too.
const CERTIFICATES: [&str; 4] = [".pem", ".p12", ".pfx", ".keystore"];

/// Whether a file looks like one that holds secrets: nothing of it is shown to a model, nor committed by one.
#[must_use]
pub fn is_secret(path: &str) -> bool {
    let name = name_of(path);
    is_hidden(path) || CERTIFICATES.iter().any(|ending| name.ends_with(ending))
}

/// Whether a file is also kept from programs that run in the sandbox. Tests need their certificates; nothing that is to
/// work elsewhere, too, needs an `.env` that is not its own.
#[must_use]
pub fn is_hidden(path: &str) -> bool {
    let name = name_of(path);
    if let Some(rest) = name.strip_prefix(".env") {
        let ending = rest.rsplit('.').next().unwrap_or_default();
        return rest.is_empty() || rest == "rc" || (rest.starts_with('.') && !EXAMPLES.contains(&ending));
    }
    KEPT.contains(&name.as_str()) || name.strip_suffix(".env").is_some_and(|stem| !stem.is_empty())
}

fn name_of(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_secrets_are_known_by_their_names() {
        for path in [".env", "a/.env.production", ".envrc", "prod.env", "id_ed25519", ".ENV", "a/.npmrc"] {
            assert!(is_secret(path) && is_hidden(path), "{path}");
        }
        for path in ["deploy/key.pem", "a.keystore"] {
            assert!(is_secret(path) && !is_hidden(path), "{path}");
        }
        for path in
            [".env.example", "a/.env.sample", "env.contract.yaml", "environment.py", "app/env.py", ".envoy.yaml"]
        {
            assert!(!is_secret(path) && !is_hidden(path), "{path}");
        }
    }
}
