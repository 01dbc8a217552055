//! One test binary; its modules mirror the faces.
mod access;
mod api;
mod durable;
mod harvest;
mod http;
mod import;
mod library;
mod lifecycle;
mod moderate;
mod official;
mod pages;
mod postgres;
mod search;
mod sparql;
mod suggest;
mod support;
mod validate;
