//! For which machines a Dockerfile says its image is, without building it.

use std::collections::BTreeMap;

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
        for line in dockerfile.replace("\\\n", " ").lines() {
            let mut words = line.split_whitespace();
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
            _ => text.split('/').nth(1).map_or(Self::Open, |arch| Self::Arch(arch.to_owned())),
        }
    }
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
        ] {
            assert_eq!(Platform::of(text), platform, "{text}");
        }
    }
}
