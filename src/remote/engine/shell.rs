//! Values as words of a shell: the one place that quotes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A text as one word: nothing in it means anything to a shell.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Lines that set variables for a process, each byte as it is.
pub(super) fn exports(env: &BTreeMap<String, String>) -> String {
    env.iter().fold(String::new(), |mut out, (name, value)| {
        writeln!(out, "export {name}={}", quoted(value)).expect("a string takes any text");
        out
    })
}

/// What such lines set; lines that are not ours are left out.
pub(super) fn exported(text: &str) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let mut rest = text;
    while let Some(at) = rest.find("export ") {
        rest = &rest[at + "export ".len()..];
        let Some((name, mut after)) = rest.split_once("='") else { break };
        let mut value = String::new();
        loop {
            let Some((part, then)) = after.split_once('\'') else { return env };
            value.push_str(part);
            after = then;
            // A quote in a value: the word is closed, and opened again after it.
            let Some(then) = after.strip_prefix("\\''") else { break };
            value.push('\'');
            after = then;
        }
        env.insert(name.to_owned(), value);
        rest = after;
    }
    env
}

/// A file that says what is run where: it sets `dir` and the arguments, and `cmd` to these as JSON.
pub(super) fn command(directory: &str, argv: &[String]) -> String {
    let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
    let json = serde_json::json!(argv).to_string();
    format!("dir={}\nset -- {}\ncmd={}\n", quoted(directory), words.join(" "), quoted(&json))
}

/// The same variables as the interface of a container engine takes them.
pub(super) fn as_json(env: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    serde_json::json!(lines).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_gives_back_every_byte() {
        let value = "a'b \"$HOME\" `id` \\ \n#\t* ~ é '' end\n";
        let env = BTreeMap::from([("VALUE".to_owned(), value.to_owned())]);
        let more =
            BTreeMap::from([("VALUE".to_owned(), value.to_owned()), ("B".to_owned(), "export C='d'".to_owned())]);
        assert_eq!(exported(&exports(&more)), more);
        assert_eq!(exported("export A='cut"), BTreeMap::new());
        let read: Vec<String> = serde_json::from_str(&as_json(&env)).unwrap();
        assert_eq!(read, [format!("VALUE={value}")]);
        let script = format!("{}printf %s \"$VALUE\"", exports(&env));
        let said = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), value);
        let script = format!("{}printf '%s|' \"$dir\" \"$@\"", command("/a b", &["-n".to_owned(), value.to_owned()]));
        let said = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("/a b|-n|{value}|"));
        let script = format!("{}printf %s \"$cmd\"", command("/", &["-n".to_owned(), value.to_owned()]));
        let said = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert_eq!(serde_json::from_slice::<Vec<String>>(&said.stdout).unwrap(), ["-n", value]);
    }
}
