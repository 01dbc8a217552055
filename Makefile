# The two commands: `make serve` and `make test`. The figures: `make bench`.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/ldt-catalogue/target

.PHONY: serve test check audit bench bench-tools web browser-test browser-tools
serve:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory web || echo "web/ was not built: the map has no outlines, queries no editor" >&2; \
		else echo "npm is not installed: the map has no outlines, queries no editor" >&2; fi
	cargo run --release --locked -- serve

test:
	cargo test --locked

# What the pages embed where it is there, and the tools of the tests in a browser.
web: web/dist/editor.js
web/dist/editor.js: web/package-lock.json web/build.mjs web/outlines.mjs web/editor.mjs web/editor.css
	cd web && npm ci --ignore-scripts --no-audit --no-fund && npm run build

# `make browser-test CASES="map language"` runs the cases whose names hold a word.
CASES ?=

browser-test: web
	cargo build --locked
	cd web && node tests/run.mjs "$(CARGO_TARGET_DIR)/debug/ldt-catalogue" $(CASES)

browser-tools:
	apt-get install --yes --no-install-recommends chromium

check:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	$(MAKE) --no-print-directory audit

# Licences and checksums without network; known vulnerabilities where cargo-audit and its database are there.
audit:
	node .ci/licences.mjs
	@if command -v cargo-audit >/dev/null; then cargo audit --no-fetch --stale; \
		else echo "cargo-audit is not installed: vulnerabilities are not looked up"; fi

# `make bench SIZE=10000 SECTIONS="dcat dump"` is quicker; benches/README.md has the rest.
SIZE ?= 100000
SECTIONS ?=

bench:
	@command -v nginx >/dev/null || test -x /usr/sbin/nginx || \
		echo "nginx is not installed, so the dump has nothing beside it: make bench-tools (as root) installs it" >&2
	cargo bench --locked --bench figures -- --size $(SIZE) $(SECTIONS)

# What `make bench` compares with. Debian starts the service on port 80; the figures do not use that one.
bench-tools:
	apt-get install --yes --no-install-recommends nginx
