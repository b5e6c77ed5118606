//! Why the work on a project stops until a person approves, in the person's language.

use super::spec::Language;
use super::state::TestResults;

/// Why a person has to mend the project and approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason<'a> {
    /// The project's checks still fail after as many rounds as there may be.
    StillWrong {
        /// What failed: the check's name in backticks, a colon, and what it found.
        what: &'a str,
        /// What its tests said.
        results: &'a TestResults,
        /// How many rounds.
        rounds: u32,
    },
    /// Tasks nobody could do: each with why, the tasks on lines of their own.
    GivenUp(&'a [String]),
    /// An agent cannot go on, in its words.
    Stuck(&'a str),
}

impl Reason<'_> {
    /// In words: what is wrong, and what to do.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        match (self, language) {
            (Self::StillWrong { what, rounds, .. }, Language::En) => {
                format!(
                    "{what} after {rounds} rounds; mend the project in its folder, commit, and approve to test it again"
                )
            }
            (Self::StillWrong { what, results, rounds }, Language::Ru) => {
                let check = what.split(':').next().unwrap_or_default();
                let all = results.passed + results.failed + results.skipped;
                let wrong = match results.failed {
                    0 => "замечания не устранены".to_owned(),
                    failed => format!("не прошло тестов: {failed} из {all}"),
                };
                format!(
                    "{check}: {wrong}, попыток: {rounds}; исправьте проект в его папке, сделайте коммит и одобрите, чтобы проверить его снова"
                )
            }
            (Self::GivenUp(tasks), Language::En) => {
                let tasks = tasks.join("\n");
                format!("{tasks}\nMend it in the project's folder, commit, and approve to test it again")
            }
            (Self::GivenUp(tasks), Language::Ru) => {
                let tasks = tasks.join("\n");
                format!("{tasks}\nИсправьте это в папке проекта, сделайте коммит и одобрите, чтобы проверить его снова")
            }
            (Self::Stuck(why), Language::En) => {
                format!("{why}; mend the project in its folder, commit, and approve to test it again")
            }
            (Self::Stuck(why), Language::Ru) => {
                format!("{why}; исправьте проект в его папке, сделайте коммит и одобрите, чтобы проверить его снова")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(failed: u32) -> TestResults {
        TestResults { passed: 35, failed, skipped: 0, output: String::new(), commit: "c".to_owned() }
    }

    #[test]
    fn each_reason_says_what_is_wrong_and_what_to_do_in_the_language_of_the_person() {
        let tasks = ["`Mail`: it takes too long".to_owned(), "`Stock`: a conflict".to_owned()];
        let tests = Reason::StillWrong { what: "`tests`: 1 of 36 tests failed", results: &results(1), rounds: 3 };
        let lint = Reason::StillWrong { what: "`lint`: the linter found faults", results: &results(0), rounds: 3 };
        let cases = [
            (tests, "`tests`: 1 of 36 tests failed after 3 rounds;", "`tests`: не прошло тестов: 1 из 36, попыток: 3;"),
            (lint, "`lint`: the linter found faults after 3 rounds;", "`lint`: замечания не устранены, попыток: 3;"),
            (Reason::GivenUp(&tasks), "`Stock`: a conflict\nMend it", "`Stock`: a conflict\nИсправьте это"),
            (Reason::Stuck("no spec"), "no spec; mend the project", "no spec; исправьте проект"),
        ];
        for (reason, english, russian) in cases {
            let (en, ru) = (reason.words(Language::En), reason.words(Language::Ru));
            assert!(en.contains(english) && en.ends_with("commit, and approve to test it again"), "{en}");
            assert!(ru.contains(russian) && ru.ends_with("одобрите, чтобы проверить его снова"), "{ru}");
        }
    }
}
