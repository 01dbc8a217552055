//! One test binary; its modules mirror the faces.
mod library;
mod official;
mod sparql;
mod support;
mod validate;
