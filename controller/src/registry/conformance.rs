//! What every registry must do, as one suite that each implementation passes.
//!
//! A check gets an empty registry of its own and panics where it is not as it should be.

mod approvals;
mod backups;
mod campaigns;
mod erased;
mod fixture;
#[cfg(test)]
pub(crate) use fixture::enrol;
mod fleet;
mod followed;
mod guards;
mod late;
mod orders;
mod owing;
mod places;
mod positions;
mod prospects;
mod providers;
mod quarantine;
mod rebinds;
mod released;
mod replacements;
mod reports;
mod requests;
mod retention;
mod returns;
mod stops;
mod terminals;
mod units;
mod watch;

use std::sync::Arc;

use futures::future::BoxFuture;

use super::postgres::PostgresDatabase;
use super::{Registry, RegistryError};

/// One promise, and how it is put to the test.
pub type Check = (&'static str, for<'a> fn(&'a dyn Registry) -> BoxFuture<'a, ()>);

macro_rules! checks {
    ($($subject:ident: $($name:ident),+;)+) => {
        &[$($((stringify!($name), |registry| Box::pin($subject::$name(registry))),)+)+]
    };
}

/// Every promise, by name.
pub const CHECKS: &[Check] = checks! {
    fleet:
        migrating_twice_changes_nothing,
        a_registry_belongs_to_one_fleet,
        an_operator_is_found_by_token_and_the_token_can_be_changed,
        rosters_follow_one_another_without_a_gap,
        the_tree_over_the_audit_log_grows_once_for_each_size,
        the_audit_log_is_a_chain_and_says_who_did_what,
        releases_are_listed_newest_first,
        many_writers_at_once_lose_nothing;
    terminals:
        a_claim_announces_its_terminal_and_a_later_one_replaces_it,
        labels_are_set_and_taken_away_one_by_one,
        a_terminal_has_at_most_so_many_labels_after_a_change,
        labels_stay_when_a_terminal_enrols_again,
        a_claim_is_used_once_and_again_only_by_the_same_key,
        the_sixth_guess_finds_a_claim_shut,
        a_new_enrolment_begins_an_epoch_and_voids_older_orders,
        what_was_signed_before_a_new_enrolment_counts_for_orders_of_its_epoch,
        a_place_has_one_enrolled_terminal,
        terminals_are_counted_as_they_live,
        terminals_come_in_pages,
        a_terminal_that_says_nothing_becomes_offline;
    prospects:
        of_a_whole_fleet_each_terminal_is_seen_as_by_itself,
        a_terminal_opens_windows_where_it_says_it_is,
        what_a_selector_has_in_common_is_looked_up_and_the_rest_is_asked,
        a_fleet_is_looked_over_in_pages,
        what_terminals_are_selected_by_is_told_when_it_changes,
        whoever_has_an_order_that_has_not_ended_is_busy;
    released:
        who_was_released_is_listed_with_what_it_ran_before_and_runs_now,
        how_a_terminal_did_when_it_was_released_is_kept_beside_how_it_does,
        what_was_decided_about_a_campaign_is_told_in_its_order,
        when_each_step_was_first_heard_of_is_kept;
    campaigns:
        a_campaign_keeps_what_it_was_created_with,
        members_are_frozen_at_the_start,
        who_joins_a_running_campaign_is_a_member_of_it,
        who_joined_has_batches_of_its_own,
        a_campaign_moves_only_from_where_it_was_seen,
        campaigns_in_motion_are_those_with_something_left_to_do,
        reasons_to_hold_back_are_kept;
    approvals:
        a_campaign_waits_until_everybody_has_signed,
        an_approver_ends_a_campaign_that_waits_or_runs,
        a_wait_that_lapses_or_is_aborted_is_over_at_once,
        approved_orders_are_numbered_for_themselves;
    orders:
        numbers_ascend_and_are_never_used_twice,
        orders_are_made_only_while_the_campaign_allows_it,
        an_order_is_owed_until_it_is_answered,
        an_order_that_is_made_while_others_are_sent_is_not_forgotten,
        at_most_so_many_are_owed_at_a_time_and_the_oldest_first,
        a_paused_campaign_sends_nothing_and_a_resumed_one_sends_again,
        an_aborted_campaign_sends_only_what_cancels_it,
        what_the_controller_learns_is_counted;
    rebinds:
        a_change_of_provider_is_found_by_any_of_its_waves,
        a_terminal_is_in_one_change_of_provider_at_a_time,
        whoever_is_to_stop_is_not_brought_to_another_provider,
        a_change_of_provider_takes_its_request_and_makes_its_bindings_or_nothing,
        bindings_follow_what_a_terminal_has_signed,
        a_binding_that_was_undone_has_failed_and_the_old_one_is_as_it_was,
        no_word_of_a_till_leaves_its_position_without_an_active_binding,
        what_a_till_left_is_found_whatever_its_profile_names,
        a_profile_for_another_position_moves_nothing,
        a_till_with_another_tuple_moves_its_bindings_and_stands_out,
        a_position_with_several_acquirers_keeps_as_many,
        a_position_that_gains_an_active_binding_stands_out,
        a_second_end_that_contradicts_the_first_moves_no_binding,
        a_damaged_profile_holds_up_no_reports,
        a_till_that_could_not_be_undone_is_an_alarm,
        profiles_are_kept_by_terminal_and_go_with_their_orders,
        another_order_brings_no_profile,
        notices_are_replaced_and_letters_are_kept_once;
    reports:
        reports_move_an_assignment_forward_and_never_back,
        a_late_success_is_kept_as_one,
        contradictions_stand_out,
        receipts_are_kept_as_they_came,
        a_receipt_that_proves_nothing_is_put_aside,
        nobody_speaks_for_another_terminal,
        a_hello_says_what_is_installed_and_brings_a_terminal_online,
        a_recipient_is_kept_until_another_is_said_or_the_key_changes,
        a_terminal_that_opens_windows_in_another_zone_stands_out,
        a_terminal_that_is_locked_stands_out_until_it_is_not,
        the_newest_telemetry_counts_in_whatever_order_it_comes,
        a_lost_ledger_begins_an_epoch_once,
        a_registry_from_a_backup_learns_the_numbers_from_the_terminal,
        reports_lost_after_they_were_acknowledged_are_asked_for_again,
        a_terminal_cannot_fill_the_registry_with_alarms;
    places:
        a_store_is_described_by_who_has_seen_its_last_description,
        stores_are_listed_by_name_and_in_pages,
        an_entry_takes_the_place_of_the_one_with_its_kind_and_uid,
        an_entry_that_is_removed_is_kept_as_ended,
        a_store_goes_by_the_fleet_s_its_region_s_and_its_own,
        nobody_keeps_a_calendar_for_a_place_that_is_not_there,
        a_scope_has_at_most_so_many_entries_and_nothing_is_half_kept;
    positions:
        a_position_is_filled_by_one_unit_and_a_unit_fills_one,
        a_unit_that_enrols_moves_and_one_that_is_revoked_leaves,
        a_tuple_is_replaced_as_a_whole_and_its_versions_stay,
        a_tid_is_one_positions_until_its_binding_is_over,
        bindings_are_switched_together_or_not_at_all,
        two_active_bindings_are_impossible_however_they_race,
        an_estate_is_taken_over_whole_or_not_at_all,
        a_terminal_settles_with_whom_its_place_is_bound_to;
    requests:
        a_request_goes_its_way_and_only_its_way,
        a_request_that_nobody_verified_is_never_scheduled,
        a_request_ends_when_its_campaign_has,
        what_is_suspicious_gets_no_order_and_is_sent_none,
        a_store_and_a_request_freeze_what_belongs_to_them,
        a_release_and_a_suspicion_in_the_same_instant_do_not_both_win,
        it_takes_two_names_to_lift_a_suspicion,
        a_report_of_a_terminal_freezes_it_once,
        every_suspicion_raises_an_alarm_that_ends_when_it_is_lifted,
        an_operator_can_suspect_a_terminal_as_often_as_it_takes,
        what_a_suspicious_terminal_has_accepted_is_taken_back_from_it,
        what_somebody_leaves_out_is_taken_back_suspicious_or_not,
        a_request_is_about_every_wave_of_its_change_of_provider;
    quarantine:
        a_quarantine_begins_when_a_wipe_is_approved_and_ends_when_it_is_taken_back,
        a_wipe_that_ran_out_leaves_its_terminal_in_quarantine,
        a_wipe_that_ran_out_is_taken_back_without_another_order,
        a_terminal_in_quarantine_that_nothing_empties_is_an_alarm,
        a_new_claim_and_a_revocation_end_a_quarantine,
        a_terminal_in_quarantine_is_owed_what_empties_it_and_nothing_else,
        a_terminal_in_quarantine_is_left_alone_while_nothing_empties_it,
        a_wipe_of_a_lost_terminal_waits_for_nothing_but_people,
        nobody_in_whose_hands_a_terminal_is_can_stop_its_wipe,
        an_erased_terminal_gets_no_order_and_is_retired_in_the_end,
        a_closed_unit_that_speaks_is_an_alarm_until_somebody_has_it,
        a_revoked_terminal_that_speaks_through_any_broker_is_an_alarm;
    units:
        units_are_put_on_the_list_whole_or_not_at_all,
        a_unit_lives_from_stock_to_stock_and_all_of_it_is_kept,
        a_serial_number_comes_back_once_its_unit_is_disposed_of,
        units_are_listed_by_what_is_asked,
        one_unit_is_in_service_at_a_position,
        a_unit_that_may_be_another_freezes_its_terminal,
        a_stranger_without_a_terminal_is_an_alarm_until_it_is_looked_after,
        a_closed_unit_is_neither_claimed_nor_enrolled,
        a_unit_that_is_reported_lost_or_opened_freezes_its_terminal,
        inspections_are_kept_and_the_next_one_is_due_after_the_last;
    stops:
        a_moment_is_announced_once_and_gives_what_is_to_be_done_its_times,
        what_is_to_be_done_is_ticked_once_and_by_name,
        parties_are_told_of_each_stop_on_its_own,
        a_ledger_only_grows_and_what_was_wrong_is_taken_back,
        a_stop_that_nobody_announced_is_announced_with_it,
        a_decommissioning_is_closed_with_its_units_and_its_ledger;
    owing:
        what_a_stopped_terminal_owes_is_kept_until_it_has_settled_or_sells,
        a_suspension_goes_on_for_another_only_where_it_allows_to_settle_later,
        a_suspension_is_taken_up_again_only_for_those_that_owe_something,
        what_stands_still_does_so_when_it_has_enrolled_anew,
        what_a_suspension_has_saved_is_what_counts_while_it_lasts,
        what_a_suspension_has_saved_and_nobody_has_verified_is_not_saved,
        a_terminal_has_stopped_by_the_order_that_stopped_it_whichever_took_over,
        what_people_took_back_has_stopped_nothing,
        what_had_stopped_and_was_taken_back_stands_still_no_more,
        a_change_of_service_that_is_refused_changes_nothing;
    erased:
        only_what_succeeded_is_certified_and_what_cannot_be_is_gone_past,
        what_certificates_say_beside_terminals_is_kept_with_an_open_case;
    followed:
        a_unit_stops_and_sells_again_by_what_its_terminal_signs,
        receipts_that_come_late_leave_a_unit_as_the_newest_order_made_it,
        a_unit_that_cannot_follow_stands_out_until_it_is_as_its_terminal_says,
        no_terminal_pushes_another_unit_out_of_a_position,
        an_erased_terminal_leaves_its_unit_to_people,
        every_refusal_of_a_wipe_reaches_the_log_under_its_own_code,
        a_refusal_of_an_order_that_nobody_here_made_is_logged_and_fills_no_log,
        what_could_harm_a_shop_is_logged_where_it_is_refused_and_nothing_else_is,
        a_refused_cancellation_is_logged_as_one;
    late:
        a_terminal_that_is_not_armed_in_time_is_an_alarm_until_it_is,
        a_suspension_that_nobody_approves_is_an_alarm_until_it_is_over,
        of_two_suspensions_the_newer_says_when_a_terminal_is_to_stop,
        a_stopped_terminal_that_cannot_end_is_an_alarm_until_it_does,
        who_refuses_to_stop_is_an_alarm_until_people_close_the_request,
        who_was_given_up_while_it_stopped_is_an_alarm_until_it_has,
        a_settlement_that_is_overdue_is_an_alarm_until_it_is_made,
        what_is_late_of_a_case_is_an_alarm_until_it_is_mended;
    returns:
        a_unit_is_returned_once_its_terminal_is_erased_and_certified,
        two_people_answer_for_what_a_terminal_could_not_prove,
        what_people_said_of_a_unit_counts_until_it_sells_or_enrols_again,
        what_is_not_erased_comes_back_from_repair_to_where_it_stood,
        what_is_not_erased_is_never_thrown_away,
        what_never_served_needs_no_erasing;
    replacements:
        a_replacement_swaps_two_terminals_in_one_step,
        a_swap_that_cannot_be_whole_changes_nothing,
        one_replacement_at_a_time_is_about_a_terminal,
        a_unit_whose_approval_has_run_out_is_not_allocated,
        a_parcel_that_differs_freezes_the_replacement,
        a_cancelled_replacement_gives_back_what_it_took,
        what_is_lost_or_tampered_with_is_replaced_all_the_same,
        a_swap_happens_once_however_many_ask_for_it;
    guards:
        nobody_counts_on_a_till_that_stops_too_or_is_away,
        two_suspensions_at_once_do_not_close_a_store,
        no_swap_while_the_old_terminal_may_sell_again,
        no_swap_while_an_order_to_sell_may_have_arrived,
        whoever_revokes_it_answers_for_what_was_sent_to_it,
        what_keeps_a_swapped_terminal_from_selling_is_not_taken_back,
        a_swapped_terminal_that_is_back_is_an_alarm_until_it_has_stopped,
        who_was_given_up_is_in_quarantine_while_nothing_stops_it,
        a_case_is_about_whom_something_was_ordered_of,
        a_deregistration_is_taken_back_by_its_own_reference,
        a_terminal_is_bound_by_its_place_and_by_what_that_was_at_its_swap;
    backups:
        objects_are_counted_and_kept_apart_by_kind,
        a_sealed_key_that_protects_nothing_yet_is_replaced,
        a_snapshot_is_as_good_as_the_least_of_its_objects,
        a_till_that_begins_its_numbers_again_stands_out,
        snapshots_are_numbered_and_listed,
        a_schedule_is_due_until_its_campaign_is_made;
    watch:
        an_alarm_that_is_looked_after_stands_once_and_ends,
        what_is_learned_while_somebody_judges_is_judged_anew,
        a_class_is_covered_by_the_newest_snapshot_that_is_available,
        a_drill_is_reported_and_the_newest_one_counts,
        the_newest_end_of_a_backup_counts_whichever_is_heard_first;
    retention:
        what_expires_comes_back_by_being_held_until_its_purge_begins,
        a_purge_begins_only_when_all_of_a_closed_repository_has_expired,
        a_purge_is_finished_once_and_gives_its_bytes_back;
    providers:
        a_document_has_versions_and_old_ones_stay_readable,
        documents_change_all_or_none_and_only_as_they_were_seen,
        documents_are_listed_by_key_in_pages,
        what_people_vouch_for_stays_with_the_document,
        an_alert_is_seen_once;
};

/// A registry in a new database of the server that `url` names. It is left there: such a server
/// is made for the tests and goes with them.
pub async fn in_new_postgres_database(
    url: &str,
    name: &str,
) -> Result<Arc<dyn Registry>, RegistryError> {
    let registry = PostgresDatabase::create(url, name).await?;
    registry.migrate().await?;
    Ok(Arc::new(registry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;

    #[tokio::test]
    async fn sqlite_conforms() {
        for (name, check) in CHECKS {
            println!("{name}");
            check(&*registry::in_memory().await.expect("memory")).await;
        }
    }
}
