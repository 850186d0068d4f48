#!/usr/bin/env bash
# Provides PHP extensions that the benches load as peers: yac, dba with LMDB, redis and igbinary. Prints the folder of
# their files, which are unpacked from Debian's packages and not installed: an installed one is loaded by every PHP of
# the machine, and yac's package excludes APCu's. One that can't be had is named, and its rows are left out.

. "$(dirname "$0")/lib.sh"

use_php nts
home=$PILLION_CACHE/peers-$("$PHP_CONFIG" --phpapi)
readonly home

# download PACKAGE...: into the current folder, which only root's apt may enter.
download() {
    apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 download "$@"
}

provide() {
    local scratch name packages deb
    [ ! -e "$home/complete" ] || return 0
    scratch=$(scratch_for "$home")
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    mkdir "$scratch/files"
    touch "$scratch/files/complete"
    # A new machine has no index of packages yet.
    apt-cache show php8.2-yac >/dev/null 2>&1 || quietly "$scratch/update.log" apt-get -qq update || true
    for packages in php8.2-yac php8.2-igbinary 'php8.2-redis php8.2-igbinary' 'php8.2-dba liblmdb0 libqdbm14'; do
        name=${packages%% *}
        mkdir "$scratch/$name"
        # shellcheck disable=SC2086
        if ! (cd "$scratch/$name" && quietly "$scratch/$name.log" download $packages); then
            say "$name cannot be downloaded; the benches leave its rows out"
            rm "$scratch/files/complete" 2>/dev/null || true
            continue
        fi
        for deb in "$scratch/$name"/*.deb; do
            dpkg-deb --extract "$deb" "$scratch/$name/root"
        done
        find "$scratch/$name/root" -name '*.so*' ! -type d -exec cp -a {} "$scratch/files/" \;
    done
    install_at "$scratch/files" "$home"
}

[ -e "$home/complete" ] || with_lock peers provide
printf '%s\n' "$home"
