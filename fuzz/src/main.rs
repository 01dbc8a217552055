//! Feeds one parser of the network's bytes with inputs that libFuzzer makes. `LDT_FUZZ_EDGE` names the parser; without
//! it their names are printed. Built by `make fuzz`, which has the compiler instrument our own code.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
mod target {
    use ldt_catalogue::http::edges::{EDGES, Edge};
    use std::sync::OnceLock;

    static EDGE: OnceLock<Edge> = OnceLock::new();

    fn choose() {
        let name = std::env::var("LDT_FUZZ_EDGE").unwrap_or_default();
        match EDGES.iter().find(|(known, _)| *known == name) {
            Some((_, edge)) => EDGE.set(*edge).expect("chosen once"),
            None => {
                EDGES.iter().for_each(|(known, _)| println!("{known}"));
                std::process::exit(i32::from(!name.is_empty()));
            }
        }
    }

    libfuzzer_sys::fuzz_target!(init: choose(), |data: &[u8]| {
        EDGE.get().expect("chosen before")(data);
    });
}

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("this was built without instruments: make fuzz builds and runs it");
    std::process::exit(1);
}
