#!/usr/bin/env bash
# Builds one product and prints its path: `build.sh nts|zts` the release build of the extension, for PHP 8.2 without
# threads or for the PHP with them, `build.sh pillion|fake-velox|fake-sentry|fake-redis|pillion-fixtures|pillion-sink|
# chaos` a program, `build.sh failpoints` an extension for the chaos tests that kills its process at failpoints,
# `build.sh debug` one for the debug PHP, with Rust's checks of overflows and assertions. Fast if nothing has changed.
# PILLION_PROFILE=demo: release products are compiled in less time, and are slower; extension and program together.

. "$(dirname "$0")/lib.sh"

profile=${PILLION_PROFILE:-release} options=(--profile "${PILLION_PROFILE:-release}")
case ${1:-} in
    nts | zts) php=$1 package=pillion file=libpillion.so ;;
    # The programs run beside any PHP. A release is not built in one cargo call with the extension: cargo would unify
    # the features, and the extension would get Tokio's signal and process handling.
    pillion) php=nts package=pillion-cli file=pillion ;;
    # Test programs need a short compilation, not speed.
    fake-velox | fake-sentry | fake-redis) php=nts package=pillion-fakes file=$1 profile=debug options=() ;;
    chaos) php=nts package=pillion-chaos file=$1 profile=debug options=() ;;
    # For the benches.
    pillion-fixtures | pillion-sink) php=nts package=pillion-fixtures file=$1 ;;
    # Apart from the release build, so that they are never mixed up. Unoptimised, since its processes are short-lived.
    failpoints) php=nts package=pillion file=libpillion.so profile=debug options=(--features failpoints) ;;
    debug) php=debug package=pillion file=libpillion.so profile=debug options=() ;;
    *) die "usage: build.sh nts|zts|pillion|fake-velox|fake-sentry|fake-redis|pillion-fixtures|pillion-sink|chaos|failpoints|debug" ;;
esac

packages=(--package "$package")
if [ "$profile $php" = 'demo nts' ]; then
    # Most crates are dependencies of both, and are compiled once.
    packages=(--package pillion --package pillion-cli)
fi
use_php "$php"
mkdir -p "$CARGO_TARGET_DIR"
fetch_crates "$PILLION_ROOT"
# The log has one line per crate, from which the demo computes its progress. Warnings are left to the lints.
quietly "$CARGO_TARGET_DIR/build-$package.log" \
    nice cargo build "${options[@]}" --manifest-path "$PILLION_ROOT/Cargo.toml" "${packages[@]}"
[ -e "$CARGO_TARGET_DIR/$profile/$file" ] || die "package $package does not make $file"
printf '%s\n' "$CARGO_TARGET_DIR/$profile/$file"
