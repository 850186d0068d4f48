#!/usr/bin/env bash
# Builds one of our products (release) and prints its path: `build.sh nts|zts` the extension for PHP 8.2 without
# threads or for PHP 8.4 with them, `build.sh pillion|fake-velox` a program.
#
# Compiled dependencies are shared by all checkouts of a user, so a product is copied out of there, into this
# checkout's target/products, while the lock is held: another checkout's build can't come between.

. "$(dirname "$0")/lib.sh"

readonly what=${1:-}
case $what in
    nts | zts) readonly php=$what package=pillion file=libpillion.so ;;
    # The programs run beside any PHP. They are never built in one go with the extension: cargo would give it the
    # union of all features, and with that Tokio's signal and process handling.
    pillion) readonly php=nts package=pillion-cli file=pillion ;;
    fake-velox) readonly php=nts package=pillion-testkit file=fake-velox ;;
    *) die "usage: build.sh nts|zts|pillion|fake-velox" ;;
esac
readonly product=$PILLION_ROOT/target/products/$php/$file

build() {
    local scratch
    nice cargo build --release --quiet --manifest-path "$PILLION_ROOT/Cargo.toml" --package "$package" >&2
    ! cmp --silent "$CARGO_TARGET_DIR/release/$file" "$product" || return 0
    scratch=$(scratch_for "$product")
    cp "$CARGO_TARGET_DIR/release/$file" "$scratch/$file"
    mv -T "$scratch/$file" "$product"
    rmdir "$scratch"
}

use_php "$php"
with_lock "target-$php" build
printf '%s\n' "$product"
