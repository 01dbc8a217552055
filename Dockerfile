# The catalogue as an image: built with its pages' scripts, run as nobody on the data directory /var/lib/ldt-catalogue/var.
FROM node:22-bookworm-slim AS web
WORKDIR /web
COPY web/package.json web/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY web ./
RUN npm run build

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends g++ make && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
COPY --from=web /web/dist web/dist
ENV CARGO_TARGET_DIR=/target
RUN cargo build --release --locked && strip /target/release/ldt-catalogue

FROM debian:bookworm-slim
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/ldt-catalogue --create-home ldt-catalogue
COPY --from=build /target/release/ldt-catalogue /usr/local/bin/ldt-catalogue
COPY LICENSE /usr/share/doc/ldt-catalogue/
USER 10001
WORKDIR /var/lib/ldt-catalogue
ENV LDT_CATALOGUE_SERVER_LISTEN=0.0.0.0:8080
VOLUME /var/lib/ldt-catalogue
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=12s --start-period=30s --retries=3 \
    CMD ["ldt-catalogue", "health"]
ENTRYPOINT ["ldt-catalogue"]
CMD ["serve"]
