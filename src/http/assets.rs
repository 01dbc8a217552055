//! Files that pages load. Their names hold a hash of what is in them, so that they are kept for good.
use super::Shared;
use crate::error::{Error, Kind, Result};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::sync::LazyLock;

/// A file that pages load.
pub struct Asset {
    /// Below the public URL, such as `assets/style-0123456789abcdef.css`.
    pub path: String,
    media: &'static str,
    content: &'static [u8],
}

/// The rules by which all pages look.
pub const STYLE: &str = include_str!("../../templates/style.css");

/// What `web/` has built, by file name: empty where it was not.
static WEB: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/web.rs"));

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let style = named("style", "css", "text/css", STYLE.as_bytes());
    let web = WEB.iter().filter_map(|(file, content)| {
        let (name, extension) = file.rsplit_once('.')?;
        let media = match extension {
            "css" => "text/css",
            "js" => "text/javascript",
            "svg" => "image/svg+xml",
            _ => return None,
        };
        Some(named(name, extension, media, content))
    });
    let suggest = include_bytes!("../../templates/suggest.js");
    let suggest = named("suggest", "js", "text/javascript", suggest);
    let icon = include_bytes!("../../templates/icon.svg");
    let icon = named("icon", "svg", "image/svg+xml", icon);
    [style, suggest, icon].into_iter().chain(web).collect()
});

fn named(name: &str, extension: &str, media: &'static str, content: &'static [u8]) -> Asset {
    use sha2::Digest;
    let hash = &crate::record::hex(&sha2::Sha256::digest(content))[..16];
    Asset {
        path: format!("assets/{name}-{hash}.{extension}"),
        media,
        content,
    }
}

/// The stylesheet of all pages.
pub fn style() -> &'static Asset {
    &ASSETS[0]
}

/// Coasts and borders in degrees, from 180 west and 90 north; `None` where `web/` was not built.
pub fn outlines() -> Option<&'static Asset> {
    ASSETS
        .iter()
        .find(|a| a.path.starts_with("assets/outlines-"))
}

/// The editor of queries and its style; `None` where `web/` was not built.
pub fn editor() -> Option<(&'static Asset, &'static Asset)> {
    let named = |end: &str| {
        let mut all = ASSETS.iter();
        all.find(|a| a.path.starts_with("assets/editor-") && a.path.ends_with(end))
    };
    Some((named(".js")?, named(".css")?))
}

/// What tells about duplicates while a suggestion is written.
pub fn suggest() -> &'static Asset {
    &ASSETS[1]
}

/// What browsers show beside a page's title.
pub fn icon() -> &'static Asset {
    &ASSETS[2]
}

/// `/assets/{name}`.
pub async fn get(State(_): Shared, Path(name): Path<String>) -> Result<Response> {
    let asset = ASSETS
        .iter()
        .find(|a| a.path.strip_prefix("assets/") == Some(&name));
    let asset = asset.ok_or_else(|| {
        let why = format!("no file of the pages is called {name:?}; a page names those there are");
        Error::new(Kind::NotFound, why)
    })?;
    let headers = [
        (
            header::CONTENT_TYPE,
            super::reply::content_type(asset.media),
        ),
        (
            header::CACHE_CONTROL,
            "public, max-age=31536000, immutable".to_owned(),
        ),
    ];
    Ok((headers, asset.content).into_response())
}
