# check-acr, the certificate authorities of Debian, and nothing else:
#
#   docker build -t check-acr .
#
# To trust a private authority, mount it over the file of authorities, or anywhere and name it with
# `--ca-file`. A docker config.json is named with `--auth-file`.
FROM rust:1-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates
WORKDIR /src
COPY . .
# At a fixed address it is shorter by a third of a megabyte.
ENV RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static"
# Ways of zstd to compress that are not used.
ENV CFLAGS="-DHUF_FORCE_DECOMPRESS_X1=1 -DZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT=1 -DDYNAMIC_BMI2=0 -DZSTD_STRIP_ERROR_STRINGS=1 -DZSTD_EXCLUDE_GREEDY_BLOCK_COMPRESSOR -DZSTD_EXCLUDE_LAZY_BLOCK_COMPRESSOR -DZSTD_EXCLUDE_LAZY2_BLOCK_COMPRESSOR -DZSTD_EXCLUDE_BTLAZY2_BLOCK_COMPRESSOR"
# The target is named so that what runs while building is not linked like what is built.
RUN target="$(uname -m)-unknown-linux-gnu" \
 && cargo build --release --locked --no-default-features -p check-acr --target "$target" \
 && mv "target/$target/release/check-acr" /check-acr

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /check-acr /check-acr
USER 65534:65534
ENTRYPOINT ["/check-acr"]
