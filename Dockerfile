# The server's image, without a Postgres in it: DATABASE_URL says where that is.
#
#     docker build -t keyhouse .
#     docker run -p 8080:8080 -e DATABASE_URL=postgres://… -e KEYHOUSE_MASTER_KEY=… keyhouse
#
# Dependencies are compiled in a layer of their own, which a change of src leaves as it is. Queries are
# checked against .sqlx, so the build needs no database.

FROM rust:1.95-slim-bookworm AS chef
RUN cargo install --locked --version 0.1.78 cargo-chef
WORKDIR /build

FROM chef AS plan
COPY . .
RUN cargo chef prepare --bin keyhouse

FROM chef AS build
# Line tables are four fifths of the binary.
ENV CARGO_PROFILE_RELEASE_DEBUG=false
COPY --from=plan /build/recipe.json .
RUN cargo chef cook --release --locked --bin keyhouse
COPY . .
RUN cargo build --release --locked --bin keyhouse

FROM debian:bookworm-slim
# Whom to trust when the server calls others.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/keyhouse --shell /usr/sbin/nologin keyhouse \
    && install --directory --owner=keyhouse --group=keyhouse --mode=0700 /var/lib/keyhouse
COPY --from=build /build/target/release/keyhouse /usr/local/bin/

# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /var/lib/keyhouse
# The master key where none is given, files for download, mails written as files.
VOLUME /var/lib/keyhouse
ENV KEYHOUSE_LISTEN=0.0.0.0:8080 KEYHOUSE_DATA_DIR=/var/lib/keyhouse
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["keyhouse", "health"]
ENTRYPOINT ["keyhouse"]
