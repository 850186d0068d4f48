#!/usr/bin/env bash
# Installs Bugsink, a server for tests that speaks Sentry's protocol and stores events. Prints a directory:
# `venv/bin/python` runs scripts/hosts/bugsink/serve.py, `template` is its database with one project, migrated once
# because that takes ten seconds. Cached by version and by all inputs. `--check FILE` only resolves the packages, with
# that file of requirements, and prints the version of Bugsink that would be installed.

. "$(dirname "$0")/../lib.sh"

readonly version=2.6.1 sources=$PILLION_ROOT/scripts/hosts/bugsink
digest=$(cat "$0" "$sources/requirements.txt" "$sources/project.py" | sha256sum | cut -c 1-8)
readonly digest key=bugsink-$version-$digest
readonly home=$PILLION_CACHE/$key

# pip_install VENV REQUIREMENTS OPTIONS...: the pinned versions; if one of them is gone, the versions that Bugsink
# itself allows; if that Bugsink is gone, a later one of its branch.
pip_install() {
    local venv=$1 requirements=$2
    shift 2
    "$venv/bin/pip" install "$@" --requirement "$requirements" ||
        "$venv/bin/pip" install "$@" "bugsink==$version" ||
        "$venv/bin/pip" install "$@" "bugsink~=${version%.*}"
}

manage() {
    (cd "$home/template" && PYTHONPATH=$home/template "$home/venv/bin/bugsink-manage" "$@")
}

configure() {
    "$home/venv/bin/bugsink-create-conf" --template=local --output-file "$home/template/bugsink_conf.py"
    # Otherwise it would send statistics to its vendor, and refuse the tests' host name.
    printf '\nBUGSINK["PHONEHOME"] = False\nALLOWED_HOSTS = ["*"]\n' >>"$home/template/bugsink_conf.py"
    manage migrate
    manage shell <"$sources/project.py"
}

install() {
    [ ! -e "$home/ready" ] || return 0
    "$PILLION_ROOT/scripts/setup.sh" test
    say "Bugsink $version: installing it (half a minute)"
    # A venv contains its own path, so it is created in its final place; `ready` is created last.
    rm -rf "$home"
    mkdir -p "$home/template"
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    quietly "$home/venv.log" /usr/bin/python3 -m venv "$home/venv"
    quietly "$home/packages.log" pip_install "$home/venv" "$sources/requirements.txt"
    quietly "$home/configure.log" configure
    touch "$home/ready"
}

check() {
    local scratch
    scratch=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    quietly "$scratch/venv.log" /usr/bin/python3 -m venv "$scratch/venv"
    quietly "$scratch/packages.log" pip_install "$scratch/venv" "$1" --dry-run
    grep -oE 'bugsink-[0-9.]+[0-9]' "$scratch/packages.log" | tail -n 1
}

if [ "${1:-}" = --check ]; then
    check "$2"
    exit
fi
[ -e "$home/ready" ] || with_lock "$key" install
printf '%s\n' "$home"
