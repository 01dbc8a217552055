//! What is kept: the ledger (the truth) and the graph (a projection of it, in memory).
pub mod graph;
pub mod ledger;
