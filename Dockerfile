# The image: one static program and the certificates of authorities. No shell, no root, and nothing writes outside of
# /var/lib/guestpass, /run/guestpass and /tmp.
# What it is built from is pinned by version here, and by digest in a release (.github/workflows/release.yaml).
ARG RUST=docker.io/library/rust:1.94-bookworm
ARG BASE=gcr.io/distroless/static-debian12:nonroot

# A release puts programs that have seen a load in the place of this (--build-context build=FOLDER).
FROM ${RUST} AS build
ARG TARGETARCH
WORKDIR /src
# cmake for aws-lc, where it has no prebuilt answer for the platform.
RUN apt-get update && apt-get install --yes --no-install-recommends cmake musl-tools && rm -rf /var/lib/apt/lists/*
COPY . .
# The lock decides what is built.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    ./scripts/build-release --untrained && install -D target/release-build/guestpass /${TARGETARCH}/guestpass

FROM --platform=${BUILDPLATFORM} ${RUST} AS root
ARG TARGETARCH
COPY --from=build /${TARGETARCH}/guestpass /out/usr/local/bin/guestpass
RUN chmod 0755 /out/usr/local/bin/guestpass && \
    install -d --owner=65532 --group=65532 --mode=0700 /out/var/lib/guestpass /out/run/guestpass

FROM ${BASE}
COPY --from=root /out/ /
USER 65532:65532
WORKDIR /etc/guestpass
ENV GUESTPASS_CONFIG=/etc/guestpass/guestpass.yaml
VOLUME /var/lib/guestpass
ENTRYPOINT ["/usr/local/bin/guestpass"]
CMD ["serve", "--json-logs"]
