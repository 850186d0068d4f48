#!/usr/bin/env bash
# Does the model (`testing/loom`) detect a lost ordering? Weakens one ordering at a time in a copy of the engine and
# runs all scenes: a mutation without a failing scene is not covered. Half a minute each; `mutations.sh PATTERN` runs
# the mutations with a matching line.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
use_php nts

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
(cd "$PILLION_ROOT" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy" 2>/dev/null) || true
export CARGO_TARGET_DIR=$CARGO_TARGET_DIR/mutations

# play FILE: runs the scenes with the current copy.
play() {
    touch "$copy/engine/src/$1"
    RUST_BACKTRACE=0 bounded 300 cargo test --quiet --manifest-path "$copy/Cargo.toml" -p pillion-model --test scenes
}

# weakened FILE SCRIPT: do the scenes fail with one change, made by sed?
weakened() {
    local file=$1 whole
    whole=$(mktemp -p "$copy")
    cp "$copy/engine/src/$file" "$whole"
    sed -i -E "$2" "$copy/engine/src/$file"
    ! cmp -s "$copy/engine/src/$file" "$whole" || { echo "nothing to change in $file: $2" && return 1; }
    local output status=0
    output=$(play "$file" 2>&1) || status=$?
    cp "$whole" "$copy/engine/src/$file"
    # A mutation that does not compile proves nothing.
    grep -E '^test result: FAILED|panicked' <<<"$output" | sort -u | head -n 3
    [ "$status" -ne 0 ] && grep -q '^test result: FAILED' <<<"$output"
}

pattern=${1:-.}
# lost NAME FILE SCRIPT: one check, if the pattern selects it.
lost() {
    ! grep -qE "$pattern" <<<"$2 $1" || check "noticed: $1" weakened "$2" "$3"
}

lost "the reader's first look is no Acquire" shm/seqlock.rs \
    '/let before = load\(head, Ordering::Acquire\)/s/Acquire/Relaxed/'
lost "the reader has no fence before its second look" shm/seqlock.rs \
    's/fence\(Ordering::Acquire\);//'
lost "the writer has no fence after the odd head" shm/seqlock.rs \
    's/fence\(Ordering::Release\);//'
lost "the writer's last store is no Release" shm/seqlock.rs \
    '/state << 32/s/Release/Relaxed/'
lost "the reader does not look twice" shm/seqlock.rs \
    's/if load\(head, Ordering::Relaxed\) == before/if true/'
lost "a writer trusts the head that a dead one left" shm/seqlock.rs \
    's/before as u32 \| 1;/(before as u32).wrapping_add(1);/'
lost "a slot is claimed without Acquire" shm/owner_slots.rs \
    's/Ordering::AcqRel, Ordering::Acquire\)/Ordering::Release, Ordering::Acquire)/'
lost "a slot is freed without Release" shm/owner_slots.rs \
    's/Ordering::AcqRel, Ordering::Acquire\)/Ordering::Acquire, Ordering::Acquire)/'
lost "a slot is claimed that has an owner" shm/owner_slots.rs \
    's/compare_exchange\(from, to,/compare_exchange(owner.load(Ordering::Relaxed), to,/'
lost "a block is filled without a fence" cache/blocks.rs \
    's/fence\(Ordering::Release\);//'
lost "an entry is read without a fence before its slot" cache/table.rs \
    's/fence\(Ordering::Acquire\);//'
lost "a lock is taken over without a change of its slots" cache/key_lock.rs \
    's/lock\.fence_off\(\);//'
lost "the header is stored without Release" artifacts/index/reader.rs \
    '/fn set_header/,/^    \}/s/Ordering::Release/Ordering::Relaxed/'
lost "the header is read without Acquire" artifacts/index/reader.rs \
    '/fn header/,/^    \}/s/Ordering::Acquire/Ordering::Relaxed/'
lost "the state is looked at without Acquire" runtime/process_cell.rs \
    '/fn get\(/,/^    \}/s/Ordering::Acquire/Ordering::Relaxed/'
lost "the state is published without Release" runtime/process_cell.rs \
    's/Ordering::AcqRel, Ordering::Acquire\)/Ordering::Acquire, Ordering::Acquire)/'
lost "who loses the race sees the winner's state without Acquire" runtime/process_cell.rs \
    's/Ordering::AcqRel, Ordering::Acquire\)/Ordering::AcqRel, Ordering::Relaxed)/'
lost "the ids are read before the notifier is armed" runtime/completions.rs \
    '/fn drain/,/^    \}/{/self.signalled.store/d;s/\(self.finished.1.try_iter\(\).collect\(\), overflowed\)/let ids = self.finished.1.try_iter().collect(); self.signalled.store(false, Ordering::Release); (ids, overflowed)/}'
lost "an opened notifier does not look at what was done" runtime/completions.rs \
    '/is_empty\(\) \|\| self.overflowed/,/^        \}/d'
lost "a count is read and stored" metrics/cell.rs \
    's/self.0.fetch_add\(by, Relaxed\);/self.0.store(self.0.load(Relaxed) + by, Relaxed);/'
lost "a number that moves is read and reset" metrics/cell.rs \
    's/let number = self.0.swap\(0, Relaxed\);/let number = self.get(); self.reset();/'
lost "a block is handed out twice" shm/counters.rs \
    's/compare_exchange\(0, start,/compare_exchange(position.load(Ordering::Relaxed), start,/'
lost "a record is published without Release" sentry/outbox/file/records.rs \
    's/(store\(state\.to_le\(\), Ordering::)Release/\1Relaxed/'
lost "a record is claimed without Acquire" sentry/outbox/file/records.rs \
    '/fn change/,/^    \}/s/Ordering::(Acquire|AcqRel)/Ordering::Relaxed/;/fn claim\(/,/^    \}/s/Ordering::Acquire/Ordering::Relaxed/;/fn value/,/^    \}/s/Ordering::Acquire/Ordering::Relaxed/'
lost "two writers may get one slot" sentry/outbox/file/records.rs \
    '/fn reserve/,/^    \}/s/^( *)seen,$/\1head.load(Ordering::Relaxed),/'
lost "an evicted record may be claimed" sentry/outbox/file/records.rs \
    '/fn change/,/^    \}/s/State::of\(value\) == from/true/'
lost "who writes does not look at the turn again" shm/epoch.rs \
    's/if self.turn.load\(Ordering::SeqCst\) == turn/if true/'
lost "who has written leaves without Release" shm/epoch.rs \
    '/fn drop/,/^    \}/s/Ordering::Release/Ordering::Relaxed/'
lost "turn and count are in no order" shm/epoch.rs \
    's/^ *in_one_order\(\);//'
verdict
