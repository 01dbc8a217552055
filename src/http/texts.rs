//! `/about` and its parts, written in Markdown: `data/texts` holds what is bundled, and a file of the
//! same name in `DIR/texts` stands in its place. HTML in a text is shown as it was typed.
use super::access::{Administrator, Sent};
use super::frame::Frame;
use super::pages::{Named, render};
use super::{Shared, reply};
use crate::catalogue::Catalogue;
use crate::error::{Error, Kind, Result};
use crate::record::{Role, hash};
use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};
use std::path::PathBuf;
use std::sync::Arc;
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
    ($($part:literal: $($tag:literal)*;)*) => {
        [$($(($part, $tag, include_str!(concat!("../../data/texts/", $part, ".", $tag, ".md")))),*),*]
    };
}

const BUNDLED: &[(&str, &str, &str)] = &bundled! {
    "about": "en" "fr" "de" "it" "es";
    "twin": "en" "fr" "de" "it" "es";
    "architecture": "en" "fr" "de" "it" "es";
    "strands": "en" "fr" "de" "it" "es";
    "privacy": "en" "fr" "de" "it" "es";
    "accessibility": "en" "fr" "de" "it" "es";
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
    let part = known(part)?;
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

fn known(part: &str) -> Result<&'static str> {
    PARTS.into_iter().find(|p| *p == part).ok_or_else(|| {
        let why = format!("no text is called {part:?}: there are {}", PARTS.join(", "));
        Error::new(Kind::NotFound, why)
    })
}

/// A part in the language, else in English.
async fn text(
    catalogue: &Catalogue,
    part: &str,
    wanted: &'static str,
) -> Result<(String, &'static str)> {
    for tag in [wanted, "en"] {
        if let Some((text, _)) = in_language(catalogue, part, tag).await? {
            return Ok((text, tag));
        }
    }
    Err(Error::internal(format!("{part} is not bundled in English")))
}

fn file(catalogue: &Catalogue, part: &str, tag: &str) -> PathBuf {
    catalogue.dir.join("texts").join(format!("{part}.{tag}.md"))
}

/// A part in one language, and whether it is the installation's own, which stands before the bundled one.
async fn in_language(
    catalogue: &Catalogue,
    part: &str,
    tag: &str,
) -> Result<Option<(String, bool)>> {
    let path = file(catalogue, part, tag);
    let failed = |e: std::io::Error| Error::internal(format!("{}: {e}", path.display()));
    match tokio::fs::File::open(&path).await {
        Ok(file) => {
            let mut own = Vec::new();
            let mut file = file.take(LONGEST);
            file.read_to_end(&mut own).await.map_err(failed)?;
            return Ok(Some((String::from_utf8_lossy(&own).into_owned(), true)));
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed(e)),
    }
    let bundled = BUNDLED.iter().find(|(p, t, _)| *p == part && *t == tag);
    Ok(bundled.map(|(_, _, text)| ((*text).to_owned(), false)))
}

/// The routes below `/admin/texts`: an administrator changes what `/about` says.
pub fn router() -> Router<Arc<Catalogue>> {
    let longest = 4 * usize::try_from(LONGEST).unwrap_or(usize::MAX);
    Router::new()
        .route("/admin/texts", get(list))
        .route("/admin/texts/{part}/{tag}", get(edit).post(change))
        // A form may take three bytes for one.
        .layer(DefaultBodyLimit::max(longest))
}

#[derive(Template)]
#[template(path = "texts.html")]
struct List<'a> {
    frame: &'a Frame,
    /// Each part with its languages, and whether the text there is the installation's own.
    parts: Vec<(String, Vec<(Named, bool)>)>,
}

#[derive(Template)]
#[template(path = "text-edit.html")]
struct Edit<'a> {
    frame: &'a Frame,
    title: String,
    /// Where it is shown.
    shown: String,
    tag: &'static str,
    text: String,
    own: bool,
    /// The hash of the text that the form began with.
    was: String,
    /// Made from Markdown here, so safe to show.
    preview: String,
    /// What someone else made of it meanwhile.
    theirs: Option<String>,
    saved: bool,
    csrf: String,
}

fn answer(status: StatusCode, page: Vec<u8>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, headers, page).into_response()
}

/// `/admin/texts`: all texts in all languages.
async fn list(catalogue: Shared, _: Administrator, frame: Frame) -> Result<Response> {
    let mut parts = Vec::new();
    for part in PARTS {
        let mut languages = Vec::new();
        for choice in frame.choices() {
            let own = tokio::fs::try_exists(file(&catalogue, part, choice.tag)).await;
            let named = Named {
                label: choice.name.to_owned(),
                href: format!("{}admin/texts/{part}/{}", frame.root, choice.tag),
            };
            languages.push((named, own.unwrap_or_default()));
        }
        parts.push((frame.say(&format!("text-{part}")), languages));
    }
    let page = render(&List {
        frame: &frame,
        parts,
    })?;
    Ok(answer(StatusCode::OK, page))
}

/// The language of an address; pages have no other.
fn language(tag: &str) -> Result<&'static str> {
    let found = super::words::tagged(tag).map(|w| w.tag);
    found.ok_or_else(|| Error::new(Kind::NotFound, format!("pages have no language {tag:?}")))
}

impl<'a> Edit<'a> {
    fn of(frame: &'a Frame, csrf: Option<String>, part: &str, tag: &'static str) -> Self {
        let name = match part {
            "about" => String::new(),
            part => format!("/{part}"),
        };
        Self {
            title: frame.say(&format!("text-{part}")),
            shown: format!("{}about{name}?lang={tag}", frame.root),
            tag,
            text: String::new(),
            own: false,
            was: String::new(),
            preview: String::new(),
            theirs: None,
            saved: false,
            csrf: csrf.unwrap_or_default(),
            frame,
        }
    }

    /// With a text as it stands.
    fn holding(mut self, stands: Option<(String, bool)>) -> Self {
        (self.text, self.own) = stands.unwrap_or_default();
        self.was = hash(&self.text);
        self
    }
}

/// `/admin/texts/{part}/{tag}`: the form.
async fn edit(
    catalogue: Shared,
    Path((part, tag)): Path<(String, String)>,
    by: Administrator,
    frame: Frame,
) -> Result<Response> {
    let (part, tag) = (known(&part)?, language(&tag)?);
    let stands = in_language(&catalogue, part, tag).await?;
    let page = Edit::of(&frame, by.0.csrf, part, tag).holding(stands);
    Ok(answer(StatusCode::OK, render(&page)?))
}

/// `POST /admin/texts/{part}/{tag}`: shows, keeps or takes back a text.
async fn change(
    catalogue: Shared,
    Path((part, tag)): Path<(String, String)>,
    frame: Frame,
    sent: Sent,
) -> Result<Response> {
    sent.by.must(Role::Administrator)?;
    let (part, tag) = (known(&part)?, language(&tag)?);
    // Browsers end lines as mail does.
    let text = sent.get("text").replace("\r\n", "\n") + "\n";
    if text.len() as u64 > LONGEST {
        let why = format!("the text has {} bytes; {LONGEST} are the most", text.len());
        return Err(Error::new(Kind::TooLarge, why));
    }
    let page = Edit::of(&frame, sent.by.csrf.clone(), part, tag);
    // One at a time, so that of two who save at once the second is told.
    static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _turn = TURN.lock().await;
    let stands = in_language(&catalogue, part, tag).await?;
    let current = stands.clone().unwrap_or_default();
    let (status, page) = match sent.get("action") {
        "preview" => {
            let page = Edit {
                preview: rendered(&text, &frame.root).1,
                was: sent.get("was").to_owned(),
                own: current.1,
                text,
                ..page
            };
            (StatusCode::OK, page)
        }
        "save" | "bundled" if sent.get("was") != hash(&current.0) => {
            let page = Edit {
                was: hash(&current.0),
                theirs: Some(current.0),
                own: current.1,
                text,
                ..page
            };
            (StatusCode::CONFLICT, page)
        }
        action @ ("save" | "bundled") => {
            let path = file(&catalogue, part, tag);
            let done = match action {
                "save" => tokio::task::spawn_blocking(move || replace(&path, &text)),
                _ => tokio::task::spawn_blocking(move || match std::fs::remove_file(path) {
                    Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
                    _ => Ok(()),
                }),
            };
            done.await
                .map_err(Error::internal)?
                .map_err(|e| Error::internal(format!("{part}.{tag}.md: {e}")))?;
            tracing::info!(part, tag, action, by = sent.by.name, "a text was changed");
            let stands = in_language(&catalogue, part, tag).await?;
            let page = Edit {
                saved: true,
                ..page.holding(stands)
            };
            (StatusCode::OK, page)
        }
        other => {
            let why = format!("action is {other:?}; preview, save or bundled is wanted");
            return Err(Error::bad_input(why));
        }
    };
    Ok(answer(status, render(&page)?))
}

/// Puts a text in the place of a file, whole or not at all.
fn replace(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)?;
    let beside = path.with_extension("new");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    std::fs::File::open(folder)?.sync_all()
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
