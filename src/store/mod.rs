//! What is kept: the ledger (the truth), and the graph and the search index (projections of it, in
//! memory).
pub mod access;
pub mod contexts;
pub mod entities;
pub mod graph;
pub mod ledger;
pub mod links;
pub mod proposal;
pub mod search;
pub mod targets;
