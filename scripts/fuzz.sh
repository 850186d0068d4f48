#!/usr/bin/env bash
# Runs the fuzz targets of `fuzz/`: `fuzz.sh [--seconds N | --runs N] [--keep] [TARGET...]`, by default all targets for
# an hour each. With `--runs`, N inputs each that are the same every time, for a gate that judges only a change. Prints
# one line per target to standard output. New inputs are stored in the user's cache, and the next run continues from
# there; a failing input is stored in `fuzz/artifacts`, and `fuzz.sh TARGET FILE...` runs it again. `--keep` selects
# from the cache the few small inputs with the largest joint coverage and copies them to `fuzz/corpus`.
#
# FUZZ_GATHERED names another directory than the cache for new inputs. The number of concurrent targets is the number of
# processors.
#
# libFuzzer needs only the compilers that build the extension: the rustc options of `cargo fuzz` are listed below.

. "$(dirname "$0")/lib.sh"

# The options of cargo-fuzz without a sanitizer: sanitizers need a nightly compiler, and Rust's own checks are on.
readonly instrumented="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
readonly fuzz=$PILLION_ROOT/fuzz gathered=${FUZZ_GATHERED:-$PILLION_CACHE/fuzz}
# Inputs of one target in the repository, and bytes of each.
readonly most_inputs=40 most_bytes=2048

limits=(-max_total_time=3600) keep='' targets=() inputs=()
while [ $# -gt 0 ]; do
    case $1 in
        --seconds) limits=("-max_total_time=$2") && shift ;;
        --runs) limits=("-runs=$2" -seed=1) && shift ;;
        --keep) keep=1 ;;
        */*) inputs+=("$1") ;;
        *) targets+=("$1") ;;
    esac
    shift
done
known=$(cd "$fuzz/fuzz_targets" && printf '%s\n' *.rs | sed 's/\.rs$//')
[ ${#targets[@]} -gt 0 ] || mapfile -t targets <<<"$known"
for target in "${targets[@]}"; do
    grep -qx "$target" <<<"$known" || die "no target '$target'; there are: $(tr '\n' ' ' <<<"$known")"
done

build() {
    local host
    host=$(rustc -vV | sed -n 's/^host: //p')
    programs=$1/$host/release
    mkdir -p "$1"
    # Because of `--target`, build scripts and macros are not instrumented.
    quietly "$1/build.log" env RUSTFLAGS="$instrumented" CARGO_TARGET_DIR="$1" CARGO_INCREMENTAL=0 \
        nice cargo build --release --quiet --target "$host" --manifest-path "$fuzz/Cargo.toml"
}

dictionary() {
    case $1 in
        wire | http | delivery) echo "$fuzz/dict/wire.dict" ;;
        cache_answer) echo "$fuzz/dict/redis.dict" ;;
        velocity) echo "$fuzz/dict/velocity.dict" ;;
        yaml | settings | locate) echo "$fuzz/dict/config.dict" ;;
        *) echo "$fuzz/dict/json.dict" ;;
    esac
}

# fuzz TARGET: continues from the known inputs; prints the coverage reached.
fuzz() {
    local target=$1 log begun=$SECONDS
    mkdir -p "$gathered/$target" "$fuzz/corpus/$target" "$fuzz/artifacts/$target"
    log=$gathered/$target.log
    quietly "$log" nice -n 19 "$programs/$target" "${limits[@]}" -timeout=20 -rss_limit_mb=2048 \
        -print_final_stats=1 -dict="$(dictionary "$target")" -artifact_prefix="$fuzz/artifacts/$target/" \
        "$gathered/$target" "$fuzz/corpus/$target" || return 1
    printf '%-13s %4d s %12d runs %6s edges\n' "$target" $((SECONDS - begun)) \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
        "$(sed -nE 's/.*DONE +cov: ([0-9]+).*/\1/p' "$log")"
}

# distil TARGET: replaces the corpus in the repository, except for inputs with hand-written names.
distil() {
    local target=$1 scratch file count=0
    scratch=$(mktemp -d)
    quietly "$gathered/$target.log" nice "$programs/$target" -set_cover_merge=1 -max_len=$most_bytes "$scratch" \
        "$fuzz/corpus/$target" "$gathered/$target" || return 1
    find "$fuzz/corpus/$target" -type f -regextype posix-extended -regex '.*/[0-9a-f]{40}' -delete
    # The largest inputs have the most coverage, at a low cost per byte.
    while read -r file && [ $((count += 1)) -le $most_inputs ]; do
        cp "$file" "$fuzz/corpus/$target/"
    done < <(find "$scratch" -type f -size -$((most_bytes + 1))c -printf '%s %p\n' | sort -rn | cut -d ' ' -f 2)
    rm -rf "$scratch"
    say "$target: $(find "$fuzz/corpus/$target" -type f | wc -l) inputs, $(cat "$fuzz/corpus/$target"/* | wc -c) bytes"
}

build "$(target_home)/fuzz"
if [ ${#inputs[@]} -gt 0 ]; then
    exec "$programs/${targets[0]}" "${inputs[@]}"
fi
work=fuzz status=0 running=()
[ -z "$keep" ] || work=distil
for target in "${targets[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do
        sleep 0.1
    done
    "$work" "$target" &
    running+=($!)
done
for job in "${running[@]}"; do
    wait "$job" || status=1
done
exit $status
