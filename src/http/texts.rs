//! `/about` and its parts, written in Markdown: `data/texts` holds what is bundled, and a file of the
//! same name in `DIR/texts` stands in its place. HTML in a text is shown as it was typed.
use super::frame::Frame;
use super::pages::{Named, render};
use super::{Shared, reply};
use crate::catalogue::Catalogue;
use crate::error::{Error, Kind, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};
use tokio::io::AsyncReadExt;

/// The longest text that is read, in bytes.
const LONGEST: u64 = 256 << 10;

/// The parts in the order in which a page lists them.
const PARTS: [&str; 6] = [
    "about",
    "twin",
    "architecture",
    "strands",
    "privacy",
    "accessibility",
];

/// Part, language and text of all that is bundled.
macro_rules! bundled {
    ($($part:literal $tag:literal)*) => {
        [$(($part, $tag, include_str!(concat!("../../data/texts/", $part, ".", $tag, ".md")))),*]
    };
}

const BUNDLED: &[(&str, &str, &str)] = &bundled! {
    "about" "en" "twin" "en" "architecture" "en" "strands" "en" "privacy" "en" "accessibility" "en"
    "about" "fr" "about" "de" "about" "it" "about" "es"
    "privacy" "fr" "privacy" "de" "privacy" "it" "privacy" "es"
    "accessibility" "fr" "accessibility" "de" "accessibility" "it" "accessibility" "es"
};

#[derive(Template)]
#[template(path = "text.html")]
struct Page<'a> {
    frame: &'a Frame,
    title: String,
    /// Made from Markdown here, so safe to show.
    content: String,
    /// The language of the text.
    tag: &'static str,
    parts: Vec<Named>,
    /// The layers to draw, from the top down; empty on other pages.
    layers: Vec<(String, Named)>,
}

/// `/about`.
pub async fn about(catalogue: Shared, frame: Frame, headers: HeaderMap) -> Result<Response> {
    page(&catalogue, &frame, &headers, "about").await
}

/// `/about/{part}`.
pub async fn part(
    catalogue: Shared,
    Path(part): Path<String>,
    frame: Frame,
    headers: HeaderMap,
) -> Result<Response> {
    page(&catalogue, &frame, &headers, &part).await
}

async fn page(
    catalogue: &Catalogue,
    frame: &Frame,
    headers: &HeaderMap,
    part: &str,
) -> Result<Response> {
    let part = PARTS.into_iter().find(|p| *p == part).ok_or_else(|| {
        let why = format!("no text is called {part:?}: there are {}", PARTS.join(", "));
        Error::new(Kind::NotFound, why)
    })?;
    let (text, tag) = text(catalogue, part, frame.words.tag).await?;
    let (title, content) = rendered(&text, &frame.root);
    let layers = match part {
        "architecture" => super::themes::layers(frame),
        _ => Vec::new(),
    };
    let page = Page {
        title: match title.is_empty() {
            true => frame.say(&format!("text-{part}")),
            false => title,
        },
        content,
        tag,
        parts: PARTS
            .iter()
            .map(|p| Named {
                label: frame.say(&format!("text-{p}")),
                href: match *p {
                    "about" => format!("{}about", frame.root),
                    p => format!("{}about/{p}", frame.root),
                },
            })
            .collect(),
        layers,
        frame,
    };
    Ok(reply::body(headers, "text/html", render(&page)?, 0))
}

/// A part in the language, else in English: the installation's own text before the bundled one.
async fn text(
    catalogue: &Catalogue,
    part: &str,
    wanted: &'static str,
) -> Result<(String, &'static str)> {
    for tag in [wanted, "en"] {
        let path = catalogue.dir.join("texts").join(format!("{part}.{tag}.md"));
        let failed = |e: std::io::Error| Error::internal(format!("{}: {e}", path.display()));
        match tokio::fs::File::open(&path).await {
            Ok(file) => {
                let mut own = Vec::new();
                file.take(LONGEST)
                    .read_to_end(&mut own)
                    .await
                    .map_err(failed)?;
                return Ok((String::from_utf8_lossy(&own).into_owned(), tag));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(failed(e)),
        }
        let bundled = BUNDLED.iter().find(|(p, t, _)| *p == part && *t == tag);
        if let Some((_, _, text)) = bundled {
            return Ok(((*text).to_owned(), tag));
        }
    }
    Err(Error::internal(format!("{part} is not bundled in English")))
}

/// The first heading as plain text, and the whole as HTML. Links that start with `/` lead to this library.
fn rendered(markdown: &str, root: &str) -> (String, String) {
    let mut title = None;
    let mut heading: Option<String> = None;
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) => Event::Start(Tag::Link {
            link_type,
            dest_url: address(&dest_url, root),
            title,
            id,
        }),
        // A picture is loaded from here or not at all.
        Event::Start(Tag::Image {
            link_type,
            dest_url,
            title,
            id,
        }) => Event::Start(Tag::Image {
            link_type,
            dest_url: match dest_url.starts_with('/') && !dest_url.starts_with("//") {
                true => address(&dest_url, root),
                false => CowStr::Borrowed(""),
            },
            title,
            id,
        }),
        other => other,
    });
    let events: Vec<Event<'_>> = events.collect();
    for event in &events {
        match event {
            Event::Start(Tag::Heading { .. }) if title.is_none() => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) if title.is_none() => title = heading.take(),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(text);
                }
            }
            _ => {}
        }
    }
    let mut content = String::new();
    html::push_html(&mut content, events.into_iter());
    (title.unwrap_or_default(), content)
}

/// Where a link may lead: the web, a mailbox, or a place of this site.
fn address<'a>(link: &str, root: &str) -> CowStr<'a> {
    let lower = link.to_ascii_lowercase();
    let allowed = ["http://", "https://", "mailto:"];
    if let Some(local) = link.strip_prefix('/').filter(|l| !l.starts_with('/')) {
        CowStr::from(format!("{root}{local}"))
    } else if link.starts_with('#') || allowed.iter().any(|scheme| lower.starts_with(scheme)) {
        CowStr::from(link.to_owned())
    } else {
        CowStr::Borrowed("#")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_brings_no_markup_of_its_own_and_leads_to_no_script() {
        let text = "# A *b*\n\n<script>alert(1)</script> x <img src=x onerror=y>\n\n[a](javascript:alert(1)) [b](/twins) [c](//evil.example) [d](https://a.example/) [e](data:text/html,x) ![f](https://a.example/p.png)";
        let (title, content) = rendered(text, "/base/");
        assert_eq!(title, "A b");
        for bad in [
            "<script",
            "<img src=x",
            "javascript:",
            "evil",
            "data:",
            "p.png",
        ] {
            assert!(!content.contains(bad), "{bad}: {content}");
        }
        assert!(
            content.contains("href=\"/base/twins\"")
                && content.contains("href=\"https://a.example/\"")
        );
    }

    #[test]
    fn every_part_is_bundled_in_english_and_begins_with_its_title() {
        for part in PARTS {
            let english = BUNDLED.iter().find(|(p, t, _)| *p == part && *t == "en");
            let (_, _, text) = english.expect("a text");
            assert!(!rendered(text, "/").0.is_empty(), "{part}");
        }
        for (_, tag, _) in BUNDLED {
            assert!(crate::http::words::tagged(tag).is_some(), "{tag}");
        }
    }
}
