//! Pure translations between a record's graph and what sources and readers use. No IO, no clock.
pub mod dcat;
pub mod lines;
pub mod rdf;
pub mod sheet;
pub mod validate;
