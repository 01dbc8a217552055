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

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let suggest = include_bytes!("../../templates/suggest.js");
    vec![
        named("style", "css", "text/css", STYLE.as_bytes()),
        named("suggest", "js", "text/javascript", suggest),
    ]
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

/// What tells about duplicates while a suggestion is written.
pub fn suggest() -> &'static Asset {
    &ASSETS[1]
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
