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

/// A file that says what is run where: it sets `dir` and the arguments.
pub(super) fn command(directory: &str, argv: &[String]) -> String {
    let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
    format!("dir={}\nset -- {}\n", quoted(directory), words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_gives_back_every_byte() {
        let value = "a'b \"$HOME\" `id` \\ \n#\t* ~ é '' end\n";
        let env = BTreeMap::from([("VALUE".to_owned(), value.to_owned())]);
        let script = format!("{}printf %s \"$VALUE\"", exports(&env));
        let said = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), value);
        let script = format!("{}printf '%s|' \"$dir\" \"$@\"", command("/a b", &["-n".to_owned(), value.to_owned()]));
        let said = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
        assert_eq!(String::from_utf8(said.stdout).unwrap(), format!("/a b|-n|{value}|"));
    }
}
