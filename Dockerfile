# The image: guestpass, four libraries that it is linked to, and the certificates of authorities. No shell, no root, and
# nothing writes outside of /var/lib/guestpass, /run/guestpass and /tmp.
# What it is built from is pinned by version here, and by digest in a release (.github/workflows/release.yaml).
ARG RUST=docker.io/library/rust:1.94-bookworm
ARG BASE=gcr.io/distroless/cc-debian12:nonroot

FROM ${RUST} AS build
WORKDIR /src
# cmake for aws-lc, where it has no prebuilt answer for the platform.
RUN apt-get update && apt-get install --yes --no-install-recommends cmake && rm -rf /var/lib/apt/lists/*
COPY . .
# The lock decides what is built. Paths of the machine that builds are no part of it, so that two builds are alike.
ENV RUSTFLAGS="--remap-path-prefix=/src=. --remap-path-prefix=/usr/local/cargo=cargo"
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin guestpass && \
    install -D --strip target/release/guestpass /out/usr/local/bin/guestpass && \
    install -d --owner=65532 --group=65532 --mode=0700 /out/var/lib/guestpass /out/run/guestpass

FROM ${BASE}
COPY --from=build /out/ /
USER 65532:65532
WORKDIR /etc/guestpass
ENV GUESTPASS_CONFIG=/etc/guestpass/guestpass.yaml
VOLUME /var/lib/guestpass
ENTRYPOINT ["/usr/local/bin/guestpass"]
CMD ["serve", "--json-logs"]
