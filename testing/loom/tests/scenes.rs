//! Runs every scene under loom, and with it all possible orders.

use pillion_model as scenes;

/// For scenes of many steps: orders with at most two preemptions.
fn bounded(scene: fn()) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.max_branches = 20_000;
    model.check(scene);
}

#[test]
fn reader_beside_a_writer_sees_whole_records() {
    loom::model(scenes::reader_beside_a_writer_sees_whole_records);
}

#[test]
fn later_read_never_sees_an_older_record() {
    loom::model(scenes::later_read_never_sees_an_older_record);
}

#[test]
fn writer_takes_over_from_a_dead_one() {
    loom::model(scenes::writer_takes_over_from_a_dead_one);
}

#[test]
fn two_claims_get_two_slots() {
    loom::model(scenes::two_claims_get_two_slots);
}

#[test]
fn claim_of_a_released_slot_sees_its_words() {
    loom::model(scenes::claim_of_a_released_slot_sees_its_words);
}

#[test]
fn slot_of_a_dead_owner_is_freed_once() {
    loom::model(scenes::slot_of_a_dead_owner_is_freed_once);
}

#[test]
fn two_lookups_of_a_name_get_one_slot() {
    loom::model(scenes::two_lookups_of_a_name_get_one_slot);
}

#[test]
fn reader_of_the_position_finds_the_record() {
    loom::model(scenes::reader_of_the_position_finds_the_record);
}

#[test]
fn reader_of_the_count_finds_the_record() {
    loom::model(scenes::reader_of_the_count_finds_the_record);
}

#[test]
fn second_writer_builds_on_the_first() {
    loom::model(scenes::second_writer_builds_on_the_first);
}

#[test]
fn two_threads_create_the_state_once() {
    loom::model(scenes::two_threads_create_the_state_once);
}

#[test]
fn thread_reads_the_state_while_it_is_created() {
    loom::model(scenes::thread_reads_the_state_while_it_is_created);
}

#[test]
fn jobs_end_while_the_notifier_is_drained() {
    loom::model(scenes::jobs_end_while_the_notifier_is_drained);
}

#[test]
fn job_ends_while_the_notifier_is_opened() {
    loom::model(scenes::job_ends_while_the_notifier_is_opened);
}

#[test]
fn two_threads_add() {
    loom::model(scenes::two_threads_add);
}

#[test]
fn numbers_move_while_a_thread_adds() {
    loom::model(scenes::numbers_move_while_a_thread_adds);
}

#[test]
fn two_creators_agree_on_a_block() {
    loom::model(scenes::two_creators_agree_on_a_block);
}

#[test]
fn claimed_record_is_complete() {
    loom::model(scenes::claimed_record_is_complete);
}

#[test]
fn concurrent_writers_get_slots_of_their_own() {
    loom::model(scenes::concurrent_writers_get_slots_of_their_own);
}

#[test]
fn file_is_sealed_while_a_thread_writes() {
    loom::model(scenes::file_is_sealed_while_a_thread_writes);
}

#[test]
fn deferred_record_is_evicted_while_it_is_resumed() {
    loom::model(scenes::deferred_record_is_evicted_while_it_is_resumed);
}

#[test]
fn mapping_is_freed_while_a_thread_writes() {
    loom::model(scenes::mapping_is_freed_while_a_thread_writes);
}

#[test]
fn reader_of_an_entry_sees_no_part_of_its_successor() {
    bounded(scenes::reader_of_an_entry_sees_no_part_of_its_successor);
}

#[test]
fn block_is_reserved_by_one_process() {
    bounded(scenes::block_is_reserved_by_one_process);
}

#[test]
fn key_has_one_slot_though_its_lock_is_taken_over() {
    bounded(scenes::key_has_one_slot_though_its_lock_is_taken_over);
}
