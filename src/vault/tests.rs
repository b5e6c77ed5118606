use std::os::unix::fs::PermissionsExt as _;

use super::*;

const ODD: &str = " canary $x \\ 'a\" #b \n\r\t ёж 👩‍👧 \n";

fn vault() -> (tempfile::TempDir, Vault) {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::at(folder.path().join("deep/identity.txt"));
    (folder, vault)
}

#[test]
fn a_value_comes_back_to_the_byte_and_stands_in_no_ciphertext() {
    let (_folder, vault) = vault();
    vault.make().unwrap();
    let value = Secret::new(ODD.to_owned());
    let sealed = vault.seal("shop/KEY", &value).unwrap();
    assert!(sealed.text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") && !sealed.text.contains("canary"));
    assert_eq!(Some(sealed.key.clone()), vault.key().unwrap());
    assert_eq!(vault.open("shop/KEY", &sealed).unwrap(), value);
    assert_ne!(vault.seal("shop/KEY", &value).unwrap().text, sealed.text, "equal values look alike");
}

#[test]
fn an_identity_is_made_once_and_for_its_owner() {
    let (_folder, vault) = vault();
    assert_eq!(vault.key().unwrap(), None);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| vault.make().unwrap());
        }
    });
    let key = vault.key().unwrap().unwrap();
    vault.make().unwrap();
    assert_eq!(vault.key().unwrap(), Some(key));
    let mode = std::fs::metadata(vault.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let beside = std::fs::read_dir(vault.path().parent().unwrap()).unwrap().count();
    assert_eq!(beside, 1, "a file was left beside it");
}

#[test]
fn another_identity_a_missing_one_and_an_open_one_are_told_apart() {
    let (_folder, first) = vault();
    let (_other, second) = vault();
    let value = Secret::new(ODD.to_owned());
    let missing = first.seal("shop/KEY", &value).unwrap_err();
    assert!(matches!(missing, Error::Missing { key: None, .. }), "{missing}");
    first.make().unwrap();
    second.make().unwrap();
    let sealed = first.seal("shop/KEY", &value).unwrap();

    let wrong = second.open("shop/KEY", &sealed).unwrap_err();
    assert!(matches!(&wrong, Error::OtherKey { key, .. } if *key == sealed.key), "{wrong}");
    let lied = Sealed { key: second.key().unwrap().unwrap(), ..sealed.clone() };
    assert!(matches!(second.open("shop/KEY", &lied).unwrap_err(), Error::Damaged { .. }));

    // Both identities in one file: each opens what is its own.
    let both = std::fs::read_to_string(second.path()).unwrap() + &std::fs::read_to_string(first.path()).unwrap();
    std::fs::write(second.path(), both).unwrap();
    assert_eq!(second.open("shop/KEY", &sealed).unwrap(), value);

    std::fs::set_permissions(first.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(first.open("shop/KEY", &sealed).unwrap_err(), Error::Open { .. }));
    std::fs::remove_file(first.path()).unwrap();
    let gone = first.open("shop/KEY", &sealed).unwrap_err();
    assert!(matches!(&gone, Error::Missing { key: Some(key), .. } if *key == sealed.key), "{gone}");
}

#[test]
fn what_was_changed_or_put_in_another_place_is_never_a_value() {
    let (_folder, vault) = vault();
    vault.make().unwrap();
    let sealed = vault.seal("shop/KEY", &Secret::new(ODD.to_owned())).unwrap();
    let open = |what: &str, text: String| vault.open(what, &Sealed { text, ..sealed.clone() });
    assert!(matches!(open("shop/OTHER", sealed.text.clone()), Err(Error::Damaged { .. })), "it moved");
    assert!(matches!(open("shop/KEY", ODD.to_owned()), Err(Error::Damaged { .. })), "a plain text was taken");
    assert!(matches!(open("shop/KEY", String::new()), Err(Error::Damaged { .. })));
    let lines: Vec<&str> = sealed.text.lines().collect();
    for cut in 1..lines.len() {
        assert!(open("shop/KEY", lines[..cut].join("\n")).is_err(), "cut off after {cut} lines");
    }
    for at in 0..sealed.text.len() {
        let mut bytes = sealed.text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(open("shop/KEY", changed).is_err(), "byte {at} was changed");
    }
}

#[test]
fn a_file_that_holds_something_else_is_not_taken_for_an_identity() {
    let (_folder, vault) = vault();
    vault.make().unwrap();
    for (text, line) in [("", 1), ("# nothing\n", 1), ("# a\nAGE-SECRET-KEY-1canary\n", 2), ("canary\n", 1)] {
        std::fs::write(vault.path(), text).unwrap();
        let error = vault.key().unwrap_err();
        assert!(matches!(error, Error::Invalid { line: at, .. } if at == line), "{error}");
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
