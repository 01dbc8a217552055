//! The `ldt-catalogue` program: reads the command line and hands over to the library.
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    ldt_catalogue::cli::run().await
}
