//! What is kept: the ledger (the truth), and the graph and the search index (projections of it, in
//! memory).
pub mod access;
pub mod changes;
pub mod contexts;
pub mod entities;
pub mod graph;
pub mod hub;
pub mod ledger;
pub mod links;
pub mod matching;
pub mod offers;
pub mod proposal;
pub mod rules;
pub mod search;
pub mod subscriptions;
pub mod targets;
