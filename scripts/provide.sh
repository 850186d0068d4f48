# shellcheck shell=bash
# Environment of the tests on real hosts; sourced by stages, after checks.sh: PILLION_SO and PILLION_ZTS_SO (the
# extension), PILLION_BIN, FAKE_VELOX, FAKE_SENTRY and FAKE_REDIS (programs), PHP_NTS, PHP_ZTS, PHP_NTS_FPM,
# PHP_ZTS_FPM, FRANKENPHP and RR (hosts), BUGSINK (a server that stores events), REDIS and VALKEY (servers of the
# cache's second tier), S3 (object storage and Amazon's client), MINIO_CLIENT (minio-go), NODE_CLIENTS (Turborepo and
# Nx), PILLION_ROOT (for scripts/checks.sh). A failed build is a failed check.

# provide NAME COMMAND...: exports the path that the command prints under that name. On failure the line `not ok` ends
# with the last message of the command, which is the cause.
provide() {
    local name=$1 value log
    shift
    log=$(mktemp)
    value=$("$@" 2> >(tee "$log" >&2)) || value=''
    if [ -e "$value" ]; then
        export "$name=$value"
        add_counts 1 0
    else
        echo "not ok  no $name: $(sed -n 's/^pillion: //p' "$log" | tail -n 1)"
        add_counts 0 1
    fi
    rm -f "$log"
}

path_of() { # nts|zts VARIABLE
    use_php "$1" || return
    printf '%s' "${!2}"
}

provide_hosts() {
    local scripts=$PILLION_ROOT/scripts
    provide PHP_NTS path_of nts PHP
    provide PHP_NTS_FPM path_of nts PHP_FPM
    provide PHP_ZTS path_of zts PHP
    provide PHP_ZTS_FPM path_of zts PHP_FPM
    provide PILLION_SO "$scripts/build.sh" nts
    provide PILLION_ZTS_SO "$scripts/build.sh" zts
    provide PILLION_BIN "$scripts/build.sh" pillion
    provide FAKE_VELOX "$scripts/build.sh" fake-velox
    provide FAKE_SENTRY "$scripts/build.sh" fake-sentry
    provide FAKE_REDIS "$scripts/build.sh" fake-redis
    provide FRANKENPHP "$scripts/hosts/frankenphp.sh"
    provide RR "$scripts/hosts/roadrunner.sh"
    provide BUGSINK "$scripts/hosts/bugsink.sh"
    provide REDIS "$scripts/hosts/redis.sh"
    provide PROMETHEUS "$scripts/hosts/prometheus.sh"
    provide PROMETHEUS_CLIENT "$scripts/hosts/prometheus-client.sh"
    provide VALKEY "$scripts/hosts/redis.sh" valkey
    provide S3 "$scripts/hosts/s3.sh"
    provide MINIO_CLIENT "$scripts/hosts/minio-client.sh"
    provide NODE_CLIENTS "$scripts/hosts/node-clients.sh"
}
