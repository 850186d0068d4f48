#!/usr/bin/env bash
# Runs the stages of `scripts/stages` one after the other, installs and builds their needs, and ends with one line on
# standard output: `N passed, N failed`. Other output goes to standard error. `test.sh NAME...` (or STAGE=NAME) runs
# some stages only: by number, by name, or by both.
#
# A stage is an executable with any output and, at the end, `PILLION-STAGE passed=N failed=N`. A stage without that
# line, or with an error as its exit code and no failure, counts as one failure.
#
# The stage `provision` builds the products that the others share. If it fails the others do not run: each would try the
# same download again. The cause is printed last, before the closing line.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/checks.sh"

read -ra chosen <<<"${*:-${STAGE:-}}"

stages() {
    local stage name wanted
    for stage in "$PILLION_ROOT"/scripts/stages/*.sh; do
        name=$(basename "$stage" .sh)
        for wanted in "${chosen[@]:-$name}"; do
            case $wanted in
                "$name" | "${name%%-*}" | "${name#*-}") echo "$stage" ;;
            esac
        done
    done
}

selected=$(stages)
[ -n "$selected" ] || die "no stage '${chosen[*]}'; there are: $(cd "$PILLION_ROOT/scripts/stages" && echo *)"
"$PILLION_ROOT/scripts/setup.sh" base test || {
    echo '0 passed, 1 failed'
    exit 1
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# failures_in FILE: the failed checks and tests of a stage's output, each with the first lines of its cause.
failures_in() {
    awk '
        /^not ok  / { lines = 4; print "    " substr($0, 1, 300); next }
        /^ok  |^PILLION-STAGE / { lines = 0 }
        /^test .* FAILED$/ { print "    " $0 }
        /^thread .* panicked at / { lines = 3 }
        lines > 0 { lines--; print "        " substr($0, 1, 300) }
    ' "$1"
}

table='' cause='' failures=''
while read -r stage; do
    name=$(basename "$stage" .sh) started=$SECONDS status=0
    say "stage $name"
    "$stage" </dev/null 2>&1 | tee "$scratch/output" >&2 || status=$?
    read -r stage_passed stage_failed < <(counts_in "$scratch/output")
    [ "$status" -eq 0 ] || [ "$stage_failed" -gt 0 ] || stage_failed=1
    add_counts "$stage_passed" "$stage_failed"
    [ "$stage_failed" -eq 0 ] || failures+="$name"$'\n'$(failures_in "$scratch/output")$'\n'
    table+=$(printf '%-12s %5d passed %5d failed %5d s' "$name" "$stage_passed" "$stage_failed" $((SECONDS - started)))$'\n'
    if [ "$name" = 05-provision ] && [ "$stage_failed" -gt 0 ]; then
        cause=$(sed -n 's/^not ok  //p' "$scratch/output")
        break
    fi
done <<<"$selected"

[ -z "$failures" ] || printf '\nFailed:\n%s' "$failures" >&2
printf '\n%s\n' "$table" >&2
[ -z "$cause" ] || printf 'The other stages did not run, because they need:\n%s\n' "$cause" >&2
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
