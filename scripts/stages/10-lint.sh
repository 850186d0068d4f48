#!/usr/bin/env bash
# Static checks: formatting, lints, the Rust docs, the syntax of PHP and shell, and the language of prose.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
use_php nts
cd "$PILLION_ROOT"

# Tracked files, and new ones that are not ignored.
ours() {
    git ls-files -z --cached --others --exclude-standard -- "$@"
}

php_syntax() {
    ours '*.php' | xargs -0 -r -n 1 -P "$(nproc)" "$PHP" -n -l
}

shell_syntax() {
    ours '*.sh' .ci/run | xargs -0 -n 1 bash -n
}

docs_language() {
    # The pages of settings and metrics are generated.
    ours '*.md' | grep -zvE 'docs/reference/(configuration|metrics)\.md' | xargs -0 "$PHP" -n scripts/language.php
}

# In two calls: extension and program have one name, and cargo would write both into one directory at once.
rust_docs() {
    local packages
    for packages in '--workspace --exclude pillion-cli' '--package pillion-cli'; do
        # shellcheck disable=SC2086 # several words
        RUSTDOCFLAGS='-D warnings -A rustdoc::private_intra_doc_links' nice cargo doc $packages --all-features --no-deps --document-private-items --quiet
    done
}

code_language() {
    ours 'src/*.rs' 'engine/*.rs' 'server/*.rs' 'cli/*.rs' 'testing/*.rs' 'testing/*.php' 'fuzz/*.rs' 'php/*.php' 'php-stubs/*.php' 'tests-php/*.php' \
        'tests-php/*.phpt' 'tests-php/*.inc' 'benches/*.php' 'examples/*.php' 'scripts/*.sh' | xargs -0 "$PHP" -n scripts/language.php
}

check 'cargo fmt' cargo fmt --all --check
check 'Cargo.lock is up to date' cargo metadata --locked --format-version 1 --quiet
check 'clippy' nice cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings
# The docs are for contributors: they include private items, and can link to them.
check 'rustdoc' rust_docs
check 'PHP syntax' php_syntax
check 'shell syntax' shell_syntax
check 'language of the docs' docs_language
check 'language of the code' code_language
verdict
