//! One test binary; its modules mirror the faces.
mod library;
mod official;
mod support;
mod validate;
