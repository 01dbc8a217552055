//! What pages say, in each language, from `data/messages`: one Fluent file for each, with the same
//! messages in all.
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use std::sync::LazyLock;

/// Language tag, its name for those who speak it, and the messages. The first stands in for a
/// message that another lacks, and for a language that we do not speak.
const LANGUAGES: [(&str, &str, &str); 5] = [
    ("en", "English", include_str!("../../data/messages/en.ftl")),
    ("fr", "Français", include_str!("../../data/messages/fr.ftl")),
    ("de", "Deutsch", include_str!("../../data/messages/de.ftl")),
    ("it", "Italiano", include_str!("../../data/messages/it.ftl")),
    ("es", "Español", include_str!("../../data/messages/es.ftl")),
];

/// The messages of one language.
pub struct Words {
    pub tag: &'static str,
    /// What the language is called by those who speak it.
    pub name: &'static str,
    bundle: FluentBundle<FluentResource>,
}

static ALL: LazyLock<Vec<Words>> = LazyLock::new(|| {
    let read = |(tag, name, source): (&'static str, &'static str, &str)| {
        let language = tag.parse().expect("a language tag");
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        // Pages isolate directions with markup where they need it.
        bundle.set_use_isolating(false);
        let resource = FluentResource::try_new(source.to_owned());
        let resource = resource.unwrap_or_else(|(_, e)| panic!("messages in {tag}: {e:?}"));
        let added = bundle.add_resource(resource);
        added.unwrap_or_else(|e| panic!("messages in {tag}: {e:?}"));
        Words { tag, name, bundle }
    };
    LANGUAGES.into_iter().map(read).collect()
});

/// All languages, English first.
pub fn all() -> &'static [Words] {
    &ALL
}

/// The language with this tag, where we speak it.
pub fn tagged(tag: &str) -> Option<&'static Words> {
    ALL.iter().find(|w| w.tag == tag)
}

/// What an `Accept-Language` header likes best of what we speak (RFC 9110, section 12.5.4).
pub fn preferred(accept_language: &str) -> &'static Words {
    let mut best: (Option<&'static Words>, f32) = (None, 0.0);
    for range in accept_language.split(',') {
        let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
        let primary = tag.trim().split('-').next().unwrap_or_default();
        let (words, weight) = (
            tagged(&primary.to_ascii_lowercase()),
            weight.trim().parse().unwrap_or(0.0),
        );
        if words.is_some() && weight > best.1 {
            best = (words, weight);
        }
    }
    best.0.unwrap_or(&ALL[0])
}

impl Words {
    /// A message.
    pub fn say(&self, key: &str) -> String {
        self.format(key, None).unwrap_or_else(|| key.to_owned())
    }

    /// A message about a number, `$n`.
    pub fn count(&self, key: &str, n: impl std::fmt::Display) -> String {
        self.filled(key, "n", FluentValue::try_number(&n.to_string()))
    }

    /// A message about a text, `$x`.
    pub fn with(&self, key: &str, x: impl std::fmt::Display) -> String {
        self.filled(key, "x", FluentValue::from(x.to_string()))
    }

    /// A message that not every key has: what a concept of the vocabulary is called.
    pub fn known(&self, key: &str) -> Option<String> {
        self.own(key, None)
    }

    fn filled(&self, key: &str, name: &'static str, value: FluentValue<'_>) -> String {
        let mut args = FluentArgs::new();
        args.set(name, value);
        self.format(key, Some(&args))
            .unwrap_or_else(|| key.to_owned())
    }

    fn format(&self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        self.own(key, args).or_else(|| ALL[0].own(key, args))
    }

    fn own(&self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        let pattern = self.bundle.get_message(key)?.value()?;
        let text = self.bundle.format_pattern(pattern, args, &mut Vec::new());
        Some(text.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Each message of a file with the variables in it.
    fn messages(source: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut key = String::new();
        for line in source.lines().filter(|l| !l.starts_with('#')) {
            if let Some((name, _)) = line.split_once(" =")
                && line.starts_with(|c: char| c.is_ascii_alphabetic())
            {
                name.clone_into(&mut key);
                out.entry(key.clone()).or_default();
            }
            for piece in line.split('$').skip(1) {
                let end = piece.find(|c: char| !c.is_ascii_alphanumeric());
                let name = &piece[..end.unwrap_or(piece.len())];
                out.entry(key.clone()).or_default().insert(name.to_owned());
            }
        }
        out
    }

    #[test]
    fn every_language_has_every_message_with_the_same_variables() {
        let english = messages(LANGUAGES[0].2);
        assert!(english.len() > 100);
        for (tag, _, source) in LANGUAGES {
            let own = messages(source);
            for (key, variables) in &english {
                assert_eq!(own.get(key), Some(variables), "{key} in {tag}");
            }
            for key in own.keys() {
                // English names of concepts are the vocabulary's.
                let concept = key.starts_with("concept-");
                assert!(concept || english.contains_key(key), "{key} in {tag} alone");
            }
        }
    }

    #[test]
    fn every_message_that_a_page_wants_is_there() {
        let mut wanted = BTreeSet::new();
        let mut texts = Vec::new();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        for dir in ["templates", "src/http", "src/http/sparql"] {
            for file in std::fs::read_dir(root.join(dir)).expect("a folder of the project") {
                let path = file.expect("a file").path();
                if path.is_file() {
                    texts.push(std::fs::read_to_string(path).expect("text"));
                }
            }
        }
        for text in &texts {
            for call in [".say(\"", ".count(\"", ".with(\""] {
                for (at, _) in text.match_indices(call) {
                    let rest = &text[at + call.len()..];
                    let key = rest.split('"').next().unwrap_or_default();
                    let is_key = key.chars().all(|c| c.is_ascii_lowercase() || c == '-');
                    if is_key && key.len() > 2 {
                        wanted.insert(key.to_owned());
                    }
                }
            }
        }
        let english = messages(LANGUAGES[0].2);
        let missing: Vec<_> = wanted
            .iter()
            .filter(|k| !english.contains_key(*k))
            .collect();
        assert!(wanted.len() > 50 && missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn the_language_that_is_liked_best_is_chosen() {
        for (accept, tag) in [
            ("", "en"),
            ("fr-CA,fr;q=0.9,en;q=0.5", "fr"),
            ("pl, it;q=0.3", "it"),
            ("de-AT", "de"),
            ("en;q=0.1, es", "es"),
            ("*", "en"),
            ("zz-!!,,;q=x", "en"),
        ] {
            assert_eq!(preferred(accept).tag, tag, "{accept}");
        }
        assert_eq!(
            tagged("fr").map(|w| w.count("results-entries", 1)),
            Some("1 fiche".into())
        );
    }
}
