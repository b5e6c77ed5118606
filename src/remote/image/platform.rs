//! For which machines a Dockerfile says its image is, without building it.

use std::collections::BTreeMap;

use super::engine_arch;

/// For which machines an image is going to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Platform {
    /// Those like the one it is built on.
    Builder,
    /// Those of this architecture, as engines spell it: `arm64`.
    Arch(String),
    /// That is decided when it is built.
    Open,
}

impl Platform {
    /// What the last stage of a Dockerfile says, or the stage that it stands on.
    #[must_use]
    pub fn of(dockerfile: &str) -> Self {
        let mut stages: BTreeMap<String, Self> = BTreeMap::new();
        let mut last = Self::Builder;
        for instruction in instructions(dockerfile) {
            let mut words = instruction.split_whitespace();
            if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("from")) {
                continue;
            }
            let (options, words): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with("--"));
            let named = options.iter().find_map(|option| option.strip_prefix("--platform="));
            let base = words.first().map(|base| base.to_lowercase()).unwrap_or_default();
            last = match named {
                Some(named) => Self::named(named),
                None => stages.get(&base).cloned().unwrap_or(Self::Builder),
            };
            if let [_, word, name, ..] = words[..]
                && word.eq_ignore_ascii_case("as")
            {
                stages.insert(name.to_lowercase(), last.clone());
            }
        }
        last
    }

    /// `linux/arm64/v8`, or a variable: those that engines set are the builder's own where nobody asks for another.
    fn named(text: &str) -> Self {
        let text = text.trim_matches(['"', '\'']);
        match text.trim_start_matches('$').trim_matches(['{', '}']) {
            "BUILDPLATFORM" | "TARGETPLATFORM" => Self::Builder,
            _ if text.contains('$') => Self::Open,
            _ => text.split('/').nth(1).map_or(Self::Open, |arch| Self::Arch(spelled(&arch.to_lowercase()).to_owned())),
        }
    }
}

/// An architecture as engines spell it, who take other words for it as well.
fn spelled(arch: &str) -> &str {
    match arch {
        "armhf" | "armel" => "arm",
        "i386" => "386",
        other => engine_arch(other),
    }
}

/// The instructions of a Dockerfile, each on one line: without comments, and without the texts that stand in it.
fn instructions(dockerfile: &str) -> Vec<String> {
    let is_comment = |line: &&str| line.trim_start().starts_with('#');
    let mut lines = dockerfile.lines();
    let mut all = Vec::new();
    while let Some(first) = lines.find(|line| !is_comment(line)) {
        let mut whole = first.trim_end().to_owned();
        while let Some(part) = whole.strip_suffix('\\') {
            let next = lines.find(|line| !is_comment(line)).unwrap_or_default();
            whole = format!("{part} {}", next.trim_end());
        }
        for end in texts(&whole) {
            // One that is never ended goes to the end of the file.
            let _ = lines.find(|line| line.trim_start_matches('\t') == end);
        }
        all.push(whole);
    }
    all
}

/// What the texts after an instruction end with: `<<EOF`, `<<-'EOF'`.
fn texts(instruction: &str) -> Vec<String> {
    let takes_texts = ["run", "copy", "add"];
    let keyword = instruction.split_whitespace().next().unwrap_or_default().to_lowercase();
    if !takes_texts.contains(&keyword.as_str()) {
        return Vec::new();
    }
    let word = |after: &str| -> String {
        let after = after.trim_start_matches('-').trim_start_matches(['"', '\'']);
        after.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    instruction.split("<<").skip(1).map(word).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stage_says_for_which_machines_an_image_is() {
        let arm = || Platform::Arch("arm64".to_owned());
        for (text, platform) in [
            ("", Platform::Builder),
            (
                "# FROM --platform=linux/arm64 a\nARG BASE\nFROM ${BASE}\nRUN x --platform=linux/arm64\n",
                Platform::Builder,
            ),
            ("FROM --platform=linux/arm64/v8 debian\n", arm()),
            ("from \\\n  --platform=\"linux/arm64\" debian as base\nFROM base AS run\n", arm()),
            ("FROM --platform=linux/arm64 node AS build\nFROM debian\nCOPY --from=build /a /a\n", Platform::Builder),
            (
                "FROM --platform=$BUILDPLATFORM go AS build\nFROM --platform=${TARGETPLATFORM} debian\n",
                Platform::Builder,
            ),
            ("ARG WHICH\nFROM --platform=$WHICH debian\n", Platform::Open),
            ("FROM --platform=linux/$WHICH debian\n", Platform::Open),
            ("FROM --platform=arm64 debian\n", Platform::Open),
            ("FROM --platform=linux/AArch64 debian\n", arm()),
            ("FROM --platform=linux/x86_64 debian\n", Platform::Arch("amd64".to_owned())),
            ("# a comment that ends in \\\nFROM --platform=linux/arm64 debian\n", arm()),
            (
                "FROM --platform=linux/arm64 python\nRUN <<-'EOF' python3 && \\\n# between\n  true\nfrom os import path\n\tEOF\nRUN a\n",
                arm(),
            ),
        ] {
            assert_eq!(Platform::of(text), platform, "{text}");
        }
    }
}
