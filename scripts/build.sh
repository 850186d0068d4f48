#!/usr/bin/env bash
# Builds one of our products and prints its path: `build.sh nts|zts` the extension as it is released, for PHP 8.2
# without threads or for the PHP with them, `build.sh pillion|fake-velox|fake-sentry|pillion-fixtures|pillion-sink|chaos` a program,
# `build.sh failpoints` an extension for the chaos tests, which kills its process at failpoints, `build.sh debug` one for
# the debug PHP, with Rust's own checks of overflows and assertions. Quick when nothing has changed.

. "$(dirname "$0")/lib.sh"

profile=release options=(--release)
case ${1:-} in
    nts | zts) php=$1 package=pillion file=libpillion.so ;;
    # The programs run beside any PHP. They are never built in one go with the extension: cargo would give it the
    # union of all features, and with that Tokio's signal and process handling.
    pillion) php=nts package=pillion-cli file=pillion ;;
    # What tests run beside it is quick to compile, and need not be quick.
    fake-velox | fake-sentry) php=nts package=pillion-fakes file=$1 profile=debug options=() ;;
    chaos) php=nts package=pillion-chaos file=$1 profile=debug options=() ;;
    # For the benches.
    pillion-fixtures | pillion-sink) php=nts package=pillion-fixtures file=$1 ;;
    # Never beside the release build: it must not be taken for it. Unoptimised, since it lives for a moment only.
    failpoints) php=nts package=pillion file=libpillion.so profile=debug options=(--features failpoints) ;;
    debug) php=debug package=pillion file=libpillion.so profile=debug options=() ;;
    *) die "usage: build.sh nts|zts|pillion|fake-velox|fake-sentry|pillion-fixtures|pillion-sink|chaos|failpoints|debug" ;;
esac

use_php "$php"
mkdir -p "$CARGO_TARGET_DIR"
fetch_crates "$PILLION_ROOT"
# The log has a line for each crate, by which the demo tells how far it is. Warnings are the lints' affair.
quietly "$CARGO_TARGET_DIR/build-$package.log" \
    nice cargo build "${options[@]}" --manifest-path "$PILLION_ROOT/Cargo.toml" --package "$package"
[ -e "$CARGO_TARGET_DIR/$profile/$file" ] || die "package $package does not make $file"
printf '%s\n' "$CARGO_TARGET_DIR/$profile/$file"
