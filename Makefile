# The two commands: `make serve` and `make test`. The figures: `make bench`.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/ldt-catalogue/target

.PHONY: serve test test-tools check audit bench bench-tools fuzz web browser-test browser-tools
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

# A broker of MQTT for the tests, which start it themselves and leave Debian's service alone.
test-tools:
	apt-get install --yes --no-install-recommends mosquitto mosquitto-clients openssl

browser-tools:
	apt-get install --yes --no-install-recommends chromium

check:
	cargo fmt --all --check
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

# Each parser of the network's bytes gets inputs that libFuzzer makes from fuzz/seeds, for so many seconds. What breaks one
# is left in $(FUZZ_DIR)/found; what was learnt stays beside it. `make fuzz EDGES="turtle policy"` takes some alone.
FUZZ_SECONDS ?= 30
FUZZ_DIR ?= $(CARGO_TARGET_DIR)/fuzz
FUZZ = $(CARGO_TARGET_DIR)/release/edges
EDGES ?= $$($(FUZZ))

fuzz:
	RUSTC_WORKSPACE_WRAPPER="$(CURDIR)/fuzz/instrument" cargo build --release --locked --package ldt-catalogue-fuzz
	@for edge in $(EDGES); do \
		mkdir -p $(FUZZ_DIR)/$$edge $(FUZZ_DIR)/found; echo "$$edge: $(FUZZ_SECONDS) seconds"; \
		LDT_FUZZ_EDGE=$$edge $(FUZZ) -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=16384 \
			-verbosity=0 -print_final_stats=1 -artifact_prefix=$(FUZZ_DIR)/found/$$edge- \
			$(FUZZ_DIR)/$$edge fuzz/seeds/$$edge 2>$(FUZZ_DIR)/$$edge.log \
			&& grep -h number_of_executed_units $(FUZZ_DIR)/$$edge.log \
			|| { tail -30 $(FUZZ_DIR)/$$edge.log; exit 1; }; \
	done
