# shellcheck shell=bash
# What every script of this folder shares; sourced, never run.
#
# Whatever takes long to make lives outside of the checkout, in one cache for the user, keyed by version: so a
# fresh clone starts warm. Standard output belongs to results (paths, counts); all chatter goes to standard error.

set -euo pipefail
shopt -s inherit_errexit

PILLION_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PILLION_CACHE=${PILLION_CACHE:-${XDG_CACHE_HOME:-${HOME:?must name your home directory}/.cache}/pillion}
PILLION_TARGET_CACHE=${PILLION_TARGET_CACHE:-$PILLION_CACHE/target}
export PILLION_ROOT PILLION_CACHE PILLION_TARGET_CACHE
export CARGO_NET_RETRY=${CARGO_NET_RETRY:-5}

# Where installers put toolchains of their own; they count for less than what PATH names. A Go that setup.sh
# unpacked counts for more, for it did so only because PATH's was too old or missing.
# Only once: cargo builds anew what depends on PATH, and scripts call scripts.
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

# with_lock NAME COMMAND...: no two runs of this user build the same thing at the same time; the second one
# waits, and should then look whether its work is done already. The lock file is never removed: a removed one
# could be locked by two.
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
        # Children must not inherit the lock: a server left running would hold it.
        "$@" 9>&-
    )
}

# scratch_for PATH: a new directory on the same file system as PATH, to build in and to rename from. Call it with the
# lock held: what a killed run left in its own is swept away.
scratch_for() {
    mkdir -p "$(dirname "$1")"
    rm -rf "$(dirname "$1")/.$(basename "$1")".??????
    mktemp -d "$(dirname "$1")/.$(basename "$1").XXXXXX"
}

# install_at BUILT PATH: what is at PATH is always whole; what was there before is gone only afterwards.
install_at() {
    rm -rf "$2.old"
    [ ! -d "$2" ] || mv -T "$2" "$2.old"
    mv -T "$1" "$2"
    rm -rf "$2.old"
}

# quietly LOG COMMAND...: output goes to LOG, and its end is shown only when the command fails.
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

# The archive of the packages of this machine: of its own suite, or, for a suite named like trixie-security, of its
# security updates.
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

# other_suite DIR TYPE SUITE: reads the index of another Debian suite (TYPE deb or deb-src), from the same archive
# and with the same keys as this machine's packages, and leaves in the array OTHER_SUITE the options by which
# apt-get and apt-cache use that suite only. All of it lives in DIR: the apt of the machine does not know the suite.
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
    # Only root can hand the download to the user of apt, which cannot enter a private folder.
    OTHER_SUITE+=(-o APT::Sandbox::User=root)
    quietly "$dir/update.log" apt-get "${OTHER_SUITE[@]}" update
}

# fetch_crates DIR: downloads the crates that Cargo.lock names. A version that the registry no longer has gives way to
# another one that Cargo.toml allows; Cargo.lock then says which.
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

# Compiled code is kept outside of the checkout, a folder for each: cargo judges by the time of a file and its path
# inside the workspace, and would take one checkout's code for another's if they shared. A new checkout starts from
# what an other one has compiled (a gone one's folder is taken over, a living one's copied), less our own crates.
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
    # Code of old dependencies piles up; past this size, all is compiled anew.
    if [ -d "$scratch/home" ] && [ "$(du -s --block-size=1G "$scratch/home" | cut -f 1)" -gt 12 ]; then
        rm -rf "$scratch/home"
    fi
    mkdir -p "$scratch/home"
    rm -rf "$scratch"/home/*/*/.fingerprint/pillion*
    printf '%s\n' "$PILLION_ROOT" >"$scratch/home/checkout"
    install_at "$scratch/home" "$home"
    rmdir "$scratch"
}

# use_php nts|zts|debug: which PHP runs, and which one the extension is built for. PHP and PHP_CONFIG are what
# ext-php-rs's build looks at; each PHP needs compiled dependencies of its own.
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
    # Incremental data is large, and of no use to a checkout that is built once.
    CARGO_INCREMENTAL=0
    export PHP PHP_CONFIG PHP_FPM CARGO_TARGET_DIR CARGO_INCREMENTAL
}
