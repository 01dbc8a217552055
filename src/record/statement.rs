//! Canonical N-Triples, read without copying: the form in which the ledger keeps a record and from
//! which every syntax is written. One statement a line, `subject predicate object .`, each term as
//! N-Triples writes it (RDF 1.1 N-Triples, section 4).
use super::vocab;
use std::borrow::Cow;

/// One line; each field is a term as written: `<iri>`, `_:label` or a literal with its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Statement<'a> {
    pub subject: &'a str,
    pub predicate: &'a str,
    pub object: &'a str,
}

impl<'a> Statement<'a> {
    /// Splits a canonical line. Subjects and predicates hold no space, so the first two cut it.
    pub fn parse(line: &'a str) -> Option<Self> {
        let line = line.strip_suffix('\n').unwrap_or(line).strip_suffix(" .")?;
        let first = memchr::memchr(b' ', line.as_bytes())?;
        let second = first + 1 + memchr::memchr(b' ', &line.as_bytes()[first + 1..])?;
        Some(Self {
            subject: &line[..first],
            predicate: &line[first + 1..second],
            object: &line[second + 1..],
        })
    }

    /// Whether the predicate is the prefixed name, such as `dct:title`.
    pub fn says(&self, name: &str) -> bool {
        iri(self.predicate).is_some_and(|p| vocab::is(p, name))
    }

    /// Whether the subject is this IRI.
    pub fn about(&self, subject: &str) -> bool {
        iri(self.subject) == Some(subject)
    }

    /// The object where it is an IRI.
    pub fn target(&self) -> Option<&'a str> {
        iri(self.object)
    }
}

/// The statements of canonical content, in its order.
pub fn statements(content: &str) -> impl Iterator<Item = Statement<'_>> + Clone {
    lines(content).filter_map(Statement::parse)
}

/// The lines of canonical content, each with its end.
pub fn lines(content: &str) -> impl Iterator<Item = &str> + Clone {
    let mut start = 0;
    memchr::memchr_iter(b'\n', content.as_bytes()).map(move |end| {
        let line = &content[start..=end];
        start = end + 1;
        line
    })
}

/// The term of `rdf:type`, the predicate that every face asks for most.
pub const TYPE: &str = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>";

/// The IRI inside `<…>`.
pub fn iri(term: &str) -> Option<&str> {
    term.strip_prefix('<')?.strip_suffix('>')
}

/// A literal's parts; `escaped` keeps the N-Triples escapes, which JSON reads the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Literal<'a> {
    pub escaped: &'a str,
    pub language: Option<&'a str>,
    /// `None` for plain strings and language-tagged ones.
    pub datatype: Option<&'a str>,
}

/// The parts of a literal term. Nothing after the closing quote can hold a quote.
pub fn literal(term: &str) -> Option<Literal<'_>> {
    let inner = term.strip_prefix('"')?;
    let end = inner.rfind('"')?;
    let tail = &inner[end + 1..];
    Some(Literal {
        escaped: &inner[..end],
        language: tail.strip_prefix('@'),
        datatype: tail.strip_prefix("^^").and_then(iri),
    })
}

impl<'a> Literal<'a> {
    /// The characters meant.
    pub fn value(&self) -> Cow<'a, str> {
        unescape(self.escaped)
    }
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let width = match chars.next() {
            Some('b') => {
                out.push('\u{8}');
                continue;
            }
            Some('t') => {
                out.push('\t');
                continue;
            }
            Some('n') => {
                out.push('\n');
                continue;
            }
            Some('f') => {
                out.push('\u{c}');
                continue;
            }
            Some('r') => {
                out.push('\r');
                continue;
            }
            Some('u') => 4,
            Some('U') => 8,
            Some(other) => {
                out.push(other);
                continue;
            }
            None => break,
        };
        let code: String = chars.by_ref().take(width).collect();
        let named = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
        out.push(named.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(out)
}

/// The objects of a subject's property, by prefixed name.
pub fn objects<'a>(
    content: &'a str,
    subject: &'a str,
    property: &'a str,
) -> impl Iterator<Item = &'a str> {
    statements(content)
        .filter(move |s| s.about(subject) && s.says(property))
        .map(|s| s.object)
}

/// The IRIs that a subject points at.
pub fn links<'a>(
    content: &'a str,
    subject: &'a str,
    property: &'a str,
) -> impl Iterator<Item = &'a str> {
    objects(content, subject, property).filter_map(iri)
}

/// The literal a reader is shown who has asked for no language.
pub fn text<'a>(content: &'a str, subject: &'a str, property: &'a str) -> Option<Cow<'a, str>> {
    text_in("en", content, subject, property).map(|l| l.value())
}

/// The literal a reader of a language is shown: in it, then in English, then in no language, then
/// the first by language tag, a fixed order so that every face picks the same.
pub fn text_in<'a>(
    wanted: &str,
    content: &'a str,
    subject: &'a str,
    property: &'a str,
) -> Option<Literal<'a>> {
    let is = |tag: &str, language: &str| {
        tag.strip_prefix(language)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    objects(content, subject, property)
        .filter_map(literal)
        .min_by_key(|l| match l.language {
            Some(tag) if is(tag, wanted) => (0, tag),
            Some(tag) if is(tag, "en") => (1, tag),
            None => (2, ""),
            Some(tag) => (3, tag),
        })
}

/// Whether the subject has the class.
pub fn is_a(content: &str, subject: &str, class: &str) -> bool {
    links(content, subject, "rdf:type").any(|c| vocab::is(c, class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_into_terms_and_its_literal_into_parts() {
        let line =
            "<http://a/b> <http://purl.org/dc/terms/title> \"say \\\"x y\\\" .\\n\"@en-GB .\n";
        let s = Statement::parse(line).expect("a statement");
        assert!(s.about("http://a/b") && s.says("dct:title"));
        let l = literal(s.object).expect("a literal");
        assert_eq!(l.value(), "say \"x y\" .\n");
        assert_eq!((l.language, l.datatype), (Some("en-GB"), None));
    }

    #[test]
    fn a_reader_is_shown_english_before_untagged_before_other_languages() {
        let line = |v: &str| format!("<e> <http://purl.org/dc/terms/title> {v} .\n");
        let mut content = line("\"Titel\"@de");
        assert_eq!(text(&content, "e", "dct:title").as_deref(), Some("Titel"));
        content += &line("\"plain\"");
        assert_eq!(text(&content, "e", "dct:title").as_deref(), Some("plain"));
        content += &line("\"Title\"@en");
        assert_eq!(text(&content, "e", "dct:title").as_deref(), Some("Title"));
    }
}
