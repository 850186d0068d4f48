#!/usr/bin/env bash
# Builds PHP with threads (ZTS: cli, fpm and the embed library that FrankenPHP links) from a Debian source package,
# because Debian ships PHP without threads only. Prints the prefix. Once per version, about eight minutes on two
# cores; `--debug` builds a second one with Zend's checks (assertions, a report of every leak). The debug PHP is for
# tests only, so it has the cli and the few extensions that tests use, and takes two minutes.
#
# A source package of a suite with updates can be listed and yet be absent from the mirror, for weeks. The order of
# attempts is: an existing build, the wanted 8.4, any other 8.4, and last the 8.2 of bookworm, a suite without further
# changes. PILLION_PHP_SOURCES names other sources, one `SUITE PACKAGE [VERSION]` per line; `--download DIR` only
# downloads a source, and prints its package and version.

. "$(dirname "$0")/../lib.sh"

readonly default_sources='trixie php8.4 8.4.24-1~deb13u1
trixie php8.4
trixie-updates php8.4
trixie-security php8.4
sid php8.4
bookworm php8.2'
readonly sources=${PILLION_PHP_SOURCES:-$default_sources}
suffix=zts minutes=eight product=lib/libphp.so
case ${1:-} in
    '' | --download) ;;
    --debug) suffix=zts-debug minutes=two product=bin/php ;;
    *) die "usage: php-zts.sh [--debug | --download DIR]" ;;
esac

# Signals and time limits as FrankenPHP requires them. Little debug information is enough for a backtrace, and saves
# time and space.
configure() {
    local flags='-O2 -g1' features=(--enable-fpm --enable-embed=shared --enable-mbstring --enable-sockets
        --with-openssl --with-curl --with-zlib)
    [ "$suffix" = zts ] || flags='-g1 -fno-omit-frame-pointer' features=(--enable-debug
        --disable-all --enable-posix --enable-zend-test=shared)
    env CFLAGS="$flags" ./configure --prefix="$1" --enable-zts --disable-zend-signals \
        --enable-zend-max-execution-timers --enable-cli --disable-cgi --disable-phpdbg --enable-pcntl \
        --enable-opcache --without-pear "${features[@]}"
}

upstream() { # 8.4.24-1~deb13u1 -> 8.4.24
    printf '%s' "${1%%[-+~]*}"
}

prefix_of() {
    printf '%s/php-%s-%s' "$PILLION_CACHE" "$(upstream "$1")" "$suffix"
}

# Existing builds, in the order of the sources.
built() {
    local suite package version prefix
    while read -r suite package version; do
        for prefix in "$(prefix_of "${version:-none}")" "$PILLION_CACHE/php-${package#php}."*"-$suffix"; do
            if [ -x "$prefix/bin/php" ] && [ -e "$prefix/$product" ]; then
                printf '%s\n' "$prefix"
                return
            fi
        done
    done <<<"$sources"
    return 1
}

# Downloads a source package into the current directory; sets $package to its name and $version to its version.
# Tries each version that a suite lists, newest first.
download() {
    local suite wanted first=${sources%%$'\n'*}
    while read -r suite package wanted; do
        other_suite "$PWD/apt/$suite" deb-src "$suite" || continue
        [ -n "$wanted" ] || wanted=$(apt-cache "${OTHER_SUITE[@]}" madison "$package" | awk '{ print $3 }' | sort -Vru)
        for version in $wanted; do
            if apt-get "${OTHER_SUITE[@]}" source --download-only "$package=$version" >"$PWD/download.log" 2>&1; then
                [[ $first == "$suite $package"* ]] ||
                    say "PHP with threads: the mirror has no source of ${first#* }; building $package $version of $suite"
                return 0
            fi
            say "PHP with threads: $package $version of $suite cannot be downloaded"
        done
    done <<<"$sources"
    return 1
}

build() {
    built && return
    local prefix scratch package version log=$PILLION_CACHE/php-$suffix-build.log
    "$PILLION_ROOT/scripts/setup.sh" php-source >&2
    scratch=$(scratch_for "$PILLION_CACHE/php-$suffix")
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    cd "$scratch"
    say "PHP with threads: fetching the source"
    download || die "PHP with threads cannot be built: none of its sources can be downloaded (${sources//$'\n'/, })"
    prefix=$(prefix_of "$version")
    mkdir source
    tar -xf "${package}_$(upstream "$version").orig.tar."?z -C source --strip-components=1
    cd source
    say "PHP $(upstream "$version") with threads: building it (about $minutes minutes; log: $log)"
    quietly "$log" ./buildconf --force
    quietly "$log" configure "$prefix"
    quietly "$log" nice make -j"$(nproc)"
    quietly "$log" make install INSTALL_ROOT="$scratch/root"
    [ "$("$scratch/root$prefix/bin/php" -n -r 'echo PHP_ZTS;')" = 1 ] || die "the PHP just built has no threads: $log"
    install_at "$scratch/root$prefix" "$prefix"
    printf '%s\n' "$prefix"
}

case ${1:-} in
    --download)
        mkdir -p "$2"
        cd "$2"
        download || die "no source of PHP can be downloaded"
        printf '%s %s\n' "$package" "$version"
        ;;
    *) built || with_lock "php-$suffix" build ;;
esac
