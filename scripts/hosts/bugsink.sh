#!/usr/bin/env bash
# Bugsink, a server that speaks Sentry's protocol and stores events, to test on. Prints a directory: `venv/bin/python`
# runs scripts/hosts/bugsink/serve.py, `template` is its database with one project, migrated once because that takes
# ten seconds. Kept by version and by all that it is made of.

. "$(dirname "$0")/../lib.sh"

readonly version=2.6.1 sources=$PILLION_ROOT/scripts/hosts/bugsink
digest=$(cat "$0" "$sources/requirements.txt" "$sources/project.py" | sha256sum | cut -c 1-8)
readonly digest key=bugsink-$version-$digest
readonly home=$PILLION_CACHE/$key

# The versions that it was tried with; where one of them is gone, those that it asks for itself.
packages() {
    "$home/venv/bin/pip" install --requirement "$sources/requirements.txt" ||
        "$home/venv/bin/pip" install "bugsink==$version"
}

manage() {
    (cd "$home/template" && PYTHONPATH=$home/template "$home/venv/bin/bugsink-manage" "$@")
}

configure() {
    "$home/venv/bin/bugsink-create-conf" --template=local --output-file "$home/template/bugsink_conf.py"
    # It would call its makers else, and is never asked by the name that it believes to have.
    printf '\nBUGSINK["PHONEHOME"] = False\nALLOWED_HOSTS = ["*"]\n' >>"$home/template/bugsink_conf.py"
    manage migrate
    manage shell <"$sources/project.py"
}

install() {
    [ ! -e "$home/ready" ] || return 0
    "$PILLION_ROOT/scripts/setup.sh" test
    say "Bugsink $version: installing it (half a minute)"
    # A venv knows its own path, so it is made in its place; `ready` is its last file.
    rm -rf "$home"
    mkdir -p "$home/template"
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    quietly "$home/venv.log" /usr/bin/python3 -m venv "$home/venv"
    quietly "$home/packages.log" packages
    quietly "$home/configure.log" configure
    touch "$home/ready"
}

[ -e "$home/ready" ] || with_lock "$key" install
printf '%s\n' "$home"
