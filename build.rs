//! Embeds what `web/` has built, where it has: pages work without.
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo names the folder");
    let dist = Path::new(&root).join("web/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files: Vec<_> = fs::read_dir(&dist)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.path().to_str().map(str::to_owned))
        .filter(|path| !path.ends_with(".gitignore"))
        .collect();
    files.sort();
    let mut code = String::from("&[");
    for path in files {
        let name = path.rsplit('/').next().unwrap_or_default();
        write!(code, "({name:?}, include_bytes!({path:?})),").expect("a text can be written to");
    }
    code.push(']');
    let out = env::var("OUT_DIR").expect("cargo names the folder");
    fs::write(Path::new(&out).join("web.rs"), code).expect("the list of files can be written");
}
