# shellcheck shell=bash
# Functions of all scripts; sourced, never run.
#
# Products that take long to build are stored outside the checkout, in one cache per user, keyed by version: a fresh
# clone starts warm. Standard output is for results (paths, counts); messages go to standard error.

set -euo pipefail
shopt -s inherit_errexit

PILLION_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PILLION_CACHE=${PILLION_CACHE:-${XDG_CACHE_HOME:-${HOME:?must name your home directory}/.cache}/pillion}
PILLION_TARGET_CACHE=${PILLION_TARGET_CACHE:-$PILLION_CACHE/target}
export PILLION_ROOT PILLION_CACHE PILLION_TARGET_CACHE
export CARGO_NET_RETRY=${CARGO_NET_RETRY:-5}

# The toolchain directories of installers have a lower priority than PATH. A Go that setup.sh unpacked has a higher one,
# since setup.sh unpacks Go only if the Go of PATH is too old or missing.
# Added only once: cargo rebuilds crates that depend on PATH, and scripts call scripts.
case $PATH in
    "$PILLION_CACHE/go/bin:"*) ;;
    *) PATH=$PILLION_CACHE/go/bin:$PATH:$HOME/.cargo/bin:/usr/local/go/bin ;;
esac
export PATH

say() {
    printf 'pillion: %s\n' "$*" >&2
}

die() {
    printf 'pillion: %s\n' "$*" >&2
    exit 1
}

# at_least 1.95.0 1.89: is the first version the second or newer?
at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# with_lock NAME COMMAND...: prevents two runs of this user from building the same product at the same time; the second
# one waits, and should then check whether the product exists. The lock file is never removed: two processes could lock
# a removed one.
with_lock() {
    local name=$1
    shift
    mkdir -p "$PILLION_CACHE/locks"
    (
        exec 9>"$PILLION_CACHE/locks/$name"
        if ! flock --nonblock 9; then
            say "$name: another run is at it; waiting"
            flock 9
        fi
        # Children must not inherit the lock: a server that keeps running would hold it.
        "$@" 9>&-
    )
}

# scratch_for PATH: a new directory on the same file system as PATH, for a build followed by a rename. Must be called
# with the lock held: it removes directories of killed runs.
scratch_for() {
    mkdir -p "$(dirname "$1")"
    rm -rf "$(dirname "$1")/.$(basename "$1")".??????
    mktemp -d "$(dirname "$1")/.$(basename "$1").XXXXXX"
}

# install_at BUILT PATH: the directory at PATH is complete at any time; the previous one is removed afterwards.
install_at() {
    rm -rf "$2.old"
    [ ! -d "$2" ] || mv -T "$2" "$2.old"
    mv -T "$1" "$2"
    rm -rf "$2.old"
}

# quietly LOG COMMAND...: writes the output to LOG, and prints its end only if the command fails.
quietly() {
    local log=$1
    shift
    if ! "$@" >"$log" 2>&1; then
        say "failed: $*"
        tail -n 40 "$log" >&2
        say "all of it: $log"
        return 1
    fi
}

# The Debian archive of this machine's packages: of its own suite, or the security updates for a suite such as
# trixie-security.
debian_archive() {
    local own
    # shellcheck disable=SC1091
    own=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    case ${1:-} in
        *-security) own+=-security ;;
    esac
    # shellcheck disable=SC2016
    apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v own="$own" '$2 == own && $3 == "main" { print $1; exit }'
}

# other_suite DIR TYPE SUITE: reads the index of another Debian suite (TYPE deb or deb-src), from the same archive and
# with the same keys as this machine's packages, and sets the array OTHER_SUITE to the options that restrict apt-get and
# apt-cache to that suite. All files are in DIR: the configuration of the machine's apt stays as it is.
other_suite() {
    local dir=$1 uri
    uri=$(debian_archive "$3")
    if [ -z "$uri" ]; then
        say "the apt sources of this machine name no Debian archive for $3"
        return 1
    fi
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    echo "$2 [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $3 main" >"$dir/source.list"
    OTHER_SUITE=(-o "Dir::Etc::SourceList=$dir/source.list" -o Dir::Etc::SourceParts=/dev/null
        -o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir/cache" -o Acquire::Retries=3)
    # Only root can hand the download to the user of apt, which can't enter a private folder.
    OTHER_SUITE+=(-o APT::Sandbox::User=root)
    quietly "$dir/update.log" apt-get "${OTHER_SUITE[@]}" update
}

# fetch_crates DIR: downloads the crates of Cargo.lock. Another version that Cargo.toml allows replaces a version that
# the registry no longer has, also in Cargo.lock.
fetch_crates() {
    local log=$PILLION_CACHE/logs/crates.log gone before='' target
    mkdir -p "${log%/*}"
    target=$(rustc -vV | sed -n 's/^host: //p')
    while ! cargo fetch --locked --target "$target" --manifest-path "$1/Cargo.toml" >"$log" 2>&1; do
        gone=$(sed -nE 's/.*requirement `([^ ]+) .*\(locked to ([^)]+)\).*/\1@\2/p; s/.*failed to download[^`]*`([^ ]+) v([^` ]+).*/\1@\2/p' "$log" | head -n 1)
        if [ -z "$gone" ] || [ "$gone" = "$before" ] ||
            ! cargo update --quiet --manifest-path "$1/Cargo.toml" --package "$gone" >>"$log" 2>&1; then
            say "crates cannot be downloaded: $(grep -m 1 '^error' "$log")"
            tail -n 20 "$log" >&2
            return 1
        fi
        before=$gone
        say "crate $gone cannot be downloaded; another version that Cargo.toml allows stands in, see Cargo.lock"
    done
}

# Compiled code is stored outside the checkout, one folder per checkout: cargo compares the time of a file and its path
# inside the workspace, and would confuse checkouts in a shared folder. A new checkout starts with the compiled code of
# another one, without the workspace's crates: it takes over the folder of a removed checkout, or copies that of an
# existing one.
target_home() {
    local home=$PILLION_TARGET_CACHE/${PILLION_ROOT##*/}-$(printf '%s' "$PILLION_ROOT" | sha256sum | cut -c 1-8)
    [ -e "$home/checkout" ] || with_lock targets new_target_home "$home"
    touch "$home/checkout"
    printf '%s' "$home"
}

new_target_home() {
    local home=$1 other root newest= scratch
    [ ! -e "$home/checkout" ] || return 0
    scratch=$(scratch_for "$home")
    while read -r other; do
        root=$(cat "$other") other=${other%/checkout}
        if [ -d "$root" ]; then
            newest=${newest:-$other}
        elif [ -d "$scratch/home" ]; then
            rm -rf "$other"
        else
            mv "$other" "$scratch/home"
        fi
    done < <(ls -t "$PILLION_TARGET_CACHE"/*/checkout 2>/dev/null || true)
    if [ ! -d "$scratch/home" ] && [ -n "$newest" ]; then
        cp -a --reflink=auto "$newest" "$scratch/home"
    fi
    # Code of old dependencies accumulates; beyond this size everything is compiled again.
    if [ -d "$scratch/home" ] && [ "$(du -s --block-size=1G "$scratch/home" | cut -f 1)" -gt 12 ]; then
        rm -rf "$scratch/home"
    fi
    mkdir -p "$scratch/home"
    rm -rf "$scratch"/home/*/*/.fingerprint/pillion*
    printf '%s\n' "$PILLION_ROOT" >"$scratch/home/checkout"
    install_at "$scratch/home" "$home"
    rmdir "$scratch"
}

# use_php nts|zts|debug: selects the PHP that runs and that the extension is built for. ext-php-rs's build reads PHP and
# PHP_CONFIG; each PHP needs its own compiled dependencies.
use_php() {
    local prefix
    case $1 in
        nts)
            PHP=/usr/bin/php8.2 PHP_CONFIG=/usr/bin/php-config8.2 PHP_FPM=/usr/sbin/php-fpm8.2
            ;;
        zts)
            prefix=$("$PILLION_ROOT/scripts/hosts/php-zts.sh") || return
            PHP=$prefix/bin/php PHP_CONFIG=$prefix/bin/php-config PHP_FPM=$prefix/sbin/php-fpm
            ;;
        debug)
            prefix=$("$PILLION_ROOT/scripts/hosts/php-zts.sh" --debug) || return
            PHP=$prefix/bin/php PHP_CONFIG=$prefix/bin/php-config PHP_FPM=
            ;;
        *) die "use_php: nts, zts or debug, not '$1'" ;;
    esac
    CARGO_TARGET_DIR=$(target_home)/$1
    # Incremental data is large, and useless for a checkout that is built once.
    CARGO_INCREMENTAL=0
    export PHP PHP_CONFIG PHP_FPM CARGO_TARGET_DIR CARGO_INCREMENTAL
}
