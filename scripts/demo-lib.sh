# shellcheck shell=bash
# Functions of the demos: steps, progress of long commands, servers that end with the demo. Sourced after lib.sh, by
# scripts that have set $logs.

export PILLION_PROFILE=${PILLION_PROFILE:-demo}

bold='' dim='' plain='' redraw=''
if [ -t 1 ]; then
    bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m' redraw=$'\r\e[2K'
    COLUMNS=$(tput cols 2>/dev/null || echo 80)
    export COLUMNS
fi

steps=0 crates_log='' crates_needed=''
step() {
    steps=$((steps + 1))
    printf '\n%s%d. %s%s\n' "$bold" "$steps" "$1" "$plain"
}

# fail SENTENCE [LOG]
fail() {
    printf '\n%s\n' "This did not work: $1" >&2
    if [ -s "${2:-}" ]; then
        printf '%s\n' "The end of $2:" >&2
        tail -n 15 "$2" >&2
    fi
    exit 1
}

# patiently WHAT COMMAND...: stores the output of the command in $answer and prints its progress: every second on a
# terminal, else every half minute.
patiently() {
    local what=$1 clock status=0
    shift
    : >"$logs/setup.log"
    progress "$what" &
    clock=$!
    answer=$("$@" 2>>"$logs/setup.log") || status=$?
    kill "$clock" 2>/dev/null || true
    wait "$clock" 2>/dev/null || true
    printf '%s' "$redraw"
    [ "$status" -eq 0 ] || fail "$what." "$logs/setup.log"
}

# compile PACKAGE WHAT PRODUCT: builds the product; the progress line counts the crates of its package, and for `nts`
# those of the program, which build.sh compiles with it.
compile() {
    local packages=(--package "$1")
    [ "$3" != nts ] || packages+=(--package pillion-cli)
    crates_log=$CARGO_TARGET_DIR/build-$1.log
    rm -f "$crates_log"
    crates_needed=$(cd "$PILLION_ROOT" && cargo tree "${packages[@]}" --edges normal,build --prefix none --no-dedupe 2>/dev/null | sort -u | wc -l) || true
    patiently "$2" "$PILLION_ROOT/scripts/build.sh" "$3"
    crates_log=''
}

# progress WHAT: seconds, compiled crates during a cargo build, and the last message of a script.
progress() {
    local started=$SECONDS pause=30 line crates said
    [ -z "$redraw" ] || pause=1
    while sleep "$pause"; do
        line="$1: $((SECONDS - started)) s"
        crates=$(grep -c '^ *Compiling ' "${crates_log:-/dev/null}" 2>/dev/null) || true
        said=$(sed -n 's/^pillion: //p' "$logs/setup.log" | tail -n 1)
        [ "${crates:-0}" -eq 0 ] || line+=", $crates of $crates_needed crates"
        [ -z "$said" ] || line+=" ($said)"
        [ -n "$redraw" ] || line+=$'\n'
        printf '%s   %s' "$redraw" "${line:0:$((${COLUMNS:-200} - 4))}"
    done
}

# serve NAME COMMAND...: starts a server that ends with the demo. Its output goes to a log of that name.
started=()
serve() {
    local name=$1
    shift
    "$@" >"$logs/$name.log" 2>&1 </dev/null &
    started+=($!)
}

# The server that started last ends first: each has time for a regular shutdown.
end_servers() {
    local at pid
    for ((at = ${#started[@]} - 1; at >= 0; at--)); do
        pid=${started[at]}
        kill "$pid" 2>/dev/null || continue
        for _ in {1..100}; do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    started=()
}

# until_there SECONDS COMMAND...: repeats the command until it succeeds, as long as the newest server is alive.
until_there() {
    local tries=$(($1 * 10))
    shift
    while ! "$@"; do
        kill -0 "${started[-1]}" 2>/dev/null && [ $((tries -= 1)) -gt 0 ] || return 1
        sleep 0.1
    done
}

free_address() {
    "$PHP" -n -r 'echo stream_socket_get_name(stream_socket_server("tcp://127.0.0.1:0"), false);'
}
