#!/usr/bin/env bash
# Builds PHP 8.4 with threads (ZTS: cli, fpm and the embed library that FrankenPHP links) out of Debian's source
# package, since Debian ships PHP without threads only. Prints the prefix. Once per version, about eight minutes on
# two cores; `--debug` makes a second one with PHP's own checks: Zend's assertions, and a report of every leak. That
# one runs tests only, so it is cli alone with the few extensions that tests use, and takes two minutes.

. "$(dirname "$0")/../lib.sh"

readonly branch=8.4 suite=trixie wanted=8.4.24-1~deb13u1
case ${1:-} in
    '') readonly suffix=zts minutes=eight product=lib/libphp.so ;;
    --debug) readonly suffix=zts-debug minutes=two product=bin/php ;;
    *) die "usage: php-zts.sh [--debug]" ;;
esac

# Signals and time limits as FrankenPHP asks for them. Little debug information is enough for a backtrace, and spares
# time and room.
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

# The pinned version, else any other of the branch that stood in for it when that one could not be had.
built() {
    local prefix
    for prefix in "$(prefix_of "$wanted")" "$PILLION_CACHE/php-$branch."*"-$suffix"; do
        if [ -x "$prefix/bin/php" ] && [ -e "$prefix/$product" ]; then
            printf '%s\n' "$prefix"
            return
        fi
    done
    return 1
}

# Downloads the source package into the current directory and leaves its version in $version. The version that
# an index lists newest can be gone from the mirror, or not have reached it yet: then the next one is taken.
download() {
    other_suite "$PWD/apt" deb-src "$suite" || return 1
    for version in "$wanted" $(apt-cache "${OTHER_SUITE[@]}" madison "php$branch" | awk '{ print $3 }' | sort -Vru); do
        ! quietly "$PWD/download.log" apt-get "${OTHER_SUITE[@]}" source --download-only "php$branch=$version" || return 0
        say "PHP $version cannot be had; trying the next one"
    done
    return 1
}

build() {
    built && return
    local prefix scratch version='' log=$PILLION_CACHE/php-$suffix-build.log
    "$PILLION_ROOT/scripts/setup.sh" php-source >&2
    scratch=$(scratch_for "$PILLION_CACHE/php-$suffix")
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    cd "$scratch"
    say "PHP $branch with threads: fetching the source"
    download || die "PHP $branch with threads cannot be built: no source package php$branch in $suite can be downloaded"
    prefix=$(prefix_of "$version")
    mkdir source
    tar -xf "php${branch}_$(upstream "$version").orig.tar."?z -C source --strip-components=1
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

built || with_lock "php-$suffix" build
