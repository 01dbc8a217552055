//! The LDT catalogue: descriptions of Local Digital Twin resources in, DCAT-AP records out.
//!
//! ```text
//! harvest ─► mapping ─► record ─► catalogue ─► ledger ─► projections ─► http
//! (fetch)    (pure)     (pure)    (the one     (truth)   (graph)        (dcat, sparql, pages)
//!                                 write door)
//! ```
//! [`harvest`] fetches bytes, [`mapping`] turns them into drafts, [`record`] says what a record
//! is and what is allowed, [`catalogue`] is the only place that writes, [`store::ledger`]
//! numbers each change and is the truth, [`store::graph`] is a projection of it, and [`http`]
//! reads. [`cli`] is one client of [`control`], the operators' face.
mod allocator;
pub mod catalogue;
pub mod cli;
pub mod client;
pub mod config;
pub mod control;
pub mod error;
pub mod harvest;
pub mod http;
pub mod hub;
pub mod links;
pub mod mapping;
pub mod notify;
pub mod oidc;
pub mod publish;
pub mod record;
pub mod seed;
pub mod store;
pub mod telemetry;
