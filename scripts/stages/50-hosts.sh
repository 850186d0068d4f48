#!/usr/bin/env bash
# The tests on real hosts: runs every `tests-php/hosts/*/run.sh`, which ends as a stage does, and adds up what they
# count. A host that can't be built is a failure. Each gets directories of its own, and ten minutes. HOSTS='a b'
# chooses some.
#
# What they find in the environment: PILLION_SO and PILLION_ZTS_SO (the extension), PILLION_BIN and FAKE_VELOX
# (programs), PHP_NTS, PHP_ZTS, PHP_NTS_FPM, PHP_ZTS_FPM, FRANKENPHP and RR (hosts), PILLION_ROOT (for
# scripts/checks.sh).

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
readonly scripts=$PILLION_ROOT/scripts tests=$PILLION_ROOT/tests-php/hosts

# provide NAME COMMAND...: what the command prints, in the environment under that name.
provide() {
    local name=$1 value
    shift
    if value=$("$@") && [ -e "$value" ]; then
        export "$name=$value"
        add_counts 1 0
    else
        echo "not ok  no $name: $*"
        add_counts 0 1
    fi
}

path_of() { # nts|zts VARIABLE
    use_php "$1"
    printf '%s' "${!2}"
}

run() {
    local output host status=0 host_passed host_failed
    host=$(basename "$(dirname "$1")") output=$(mktemp)
    say "host $host"
    own_directories
    bounded 600 "$1" 2>&1 | tee "$output" || status=$?
    read -r host_passed host_failed < <(counts_in "$output")
    [ "$status" -eq 0 ] || [ "$host_failed" -gt 0 ] || host_failed=1
    printf '%s: %d passed, %d failed, exit code %d\n' "$host" "$host_passed" "$host_failed" "$status" >&2
    add_counts "$host_passed" "$host_failed"
    rm -f "$output"
}

provide PHP_NTS path_of nts PHP
provide PHP_NTS_FPM path_of nts PHP_FPM
provide PHP_ZTS path_of zts PHP
provide PHP_ZTS_FPM path_of zts PHP_FPM
provide PILLION_SO "$scripts/build.sh" nts
provide PILLION_ZTS_SO "$scripts/build.sh" zts
provide PILLION_BIN "$scripts/build.sh" pillion
provide FAKE_VELOX "$scripts/build.sh" fake-velox
provide FRANKENPHP "$scripts/hosts/frankenphp.sh"
provide RR "$scripts/hosts/roadrunner.sh"

found=
for host in "$tests"/*/run.sh; do
    case " ${HOSTS:-$(basename "$(dirname "$host")")} " in
        *" $(basename "$(dirname "$host")") "*) found=1 && run "$host" ;;
    esac
done
[ -n "$found" ] || add_counts 0 1
verdict
