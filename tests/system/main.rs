//! The system tests: each behaviour on each architecture. `./nodeos test NAME` runs those whose name has NAME in it.

mod app;
mod bad_homes;
mod bench;
mod budget;
mod console;
mod demo;
mod devices;
mod host;
mod isolation;
mod logon;
mod many;
mod memory;
mod mended;
mod placement;
mod power;
#[path = "../../boot/cli/tests/it/pty.rs"]
mod pty;
mod speculation;
mod start;
mod stop;
mod terminal;
mod unwritable;
mod users_partition;
mod words;

/// Makes a test of each behaviour for every architecture.
macro_rules! behaviours {
    ($($module:ident: $($name:ident),+;)+) => {
        tests::on_each! { $($($name => super::$module::$name;)+)+ }
    };
}

behaviours! {
    app: an_app_that_takes_all_memory_is_killed,
        an_app_starts_as_its_package_says,
        an_app_has_the_console_and_its_status_is_the_machines,
        an_http_app_answers_the_host,
        a_user_knows_the_host_and_the_network,
        names_are_resolved_by_the_server_that_the_network_named;
    bad_homes: a_bad_home_is_refused_and_the_others_boot,
        a_name_that_passwd_cannot_have_is_refused_and_odd_ones_are_found,
        a_bad_init_runs_nothing_and_keeps_nobody,
        links_where_mounts_go_are_not_followed,
        a_work_folder_that_cannot_be_emptied_is_said,
        a_bad_logon_file_lets_nobody_in,
        a_broken_policy_counts_as_the_strictest,
        forged_overlay_attributes_show_nothing;
    bench: this_system_takes_less_than_a_script_of_the_same_mounts;
    budget: memory_and_time_are_read_from_the_machine,
        an_app_has_a_timeline_of_its_own,
        a_regression_of_each_kind_closes_the_gate;
    console: a_character_of_two_bytes_is_erased_whole,
        an_app_knows_how_wide_its_console_is,
        a_size_that_is_none_is_said,
        the_prompt_comes_again_after_an_inits_line,
        what_a_session_leaves_on_a_line_is_put_back;
    demo: the_session_of_2015_replays,
        a_package_that_a_user_installs_is_there_after_a_reboot;
    devices: a_device_is_whoevers_opened_it_first,
        of_two_who_open_at_once_one_has_it,
        a_device_that_is_plugged_in_comes_and_goes,
        a_flood_of_opens_and_unplugs_leaves_each_device_to_others,
        a_device_is_given_back_when_root_has_no_more_use_for_all_watches;
    host: a_full_disk_of_the_host_is_told_and_the_machine_goes_on,
        a_guest_reaches_the_hosts_loopback_only_where_it_may;
    isolation: what_a_user_writes_lands_in_the_own_home_alone,
        a_user_cannot_read_another_users_home,
        a_user_has_no_privileges_and_no_descriptors,
        once_users_run_nobody_but_pid_1_reaches_the_machine,
        root_sees_the_homes_and_no_more;
    logon: an_unknown_user_takes_as_long_as_a_wrong_password,
        three_wrong_passwords_and_then_the_right_one,
        a_second_session_joins_the_sandbox,
        whoever_logs_on_as_the_sandbox_ends_gets_a_new_one,
        a_guest_between_wrong_passwords_makes_no_wait_shorter,
        a_password_check_takes_no_memory_from_others,
        single_lets_only_root_in,
        a_home_that_was_not_there_at_boot_is_told_from_one_that_was_refused;
    many: five_hundred_homes_boot;
    memory: too_little_memory_is_said_and_the_amount_named_suffices,
        what_a_policy_calls_high_is_where_file_pages_are_taken_back;
    mended: a_damaged_folder_is_mended_at_the_next_boot,
        after_an_e2fsck_that_did_not_end_it_is_only_read,
        a_check_that_runs_is_ended_before_the_machine_restarts,
        one_without_a_journal_is_checked_after_a_power_cut,
        no_journal_keeps_the_machine_from_booting;
    placement: the_carbon_copy_serves_from_every_place;
    power: what_was_written_survives_a_cut_seconds_later,
        a_commit_of_the_users_own_is_taken;
    speculation: what_a_processor_leaks_is_mitigated,
        a_mitigation_that_is_missing_is_seen;
    start: a_program_starts_in_forty_system_calls;
    stop: ctrl_alt_del_leaves_a_clean_filesystem,
        a_sigterm_powers_off,
        orphans_are_buried;
    terminal: a_terminal_that_stands_still_loses_no_line,
        nothing_but_a_second_ctrl_a_x_is_a_power_cut,
        a_machine_that_has_just_started_stops_too;
    unwritable: quotas_are_read_and_said,
        what_cannot_be_mounted_says_why_and_keeps_the_homes,
        features_that_no_home_uses_do_no_harm,
        a_dirty_journal_on_a_read_only_medium_is_left_alone;
    users_partition: it_is_found_by_device_and_uuids,
        one_on_a_disk_with_large_sectors_grows,
        without_one_a_guest_has_a_session_in_ram,
        one_that_comes_late_is_awaited,
        one_that_never_comes_is_not_awaited_for_ever, of_two_with_the_label_the_first_is_used_and_both_are_named,
        what_is_no_ext4_is_said,
        a_read_only_one_is_written_in_ram,
        a_word_that_ext4_has_not_costs_nothing,
        a_full_one_lets_its_users_in,
        it_boots_without_root;
    words: as_many_words_as_are_allowed_reach_init,
        more_names_are_a_panic_and_longer_lines_are_cut;
}
