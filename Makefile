# The two commands: `make serve` and `make test`.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/ldt-catalogue/target

.PHONY: serve test check
serve:
	cargo run --release --locked -- serve

test:
	cargo test --locked

check:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
