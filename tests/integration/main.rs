//! One test binary; its modules mirror the faces.
mod library;
mod official;
mod postgres;
mod support;
mod validate;
