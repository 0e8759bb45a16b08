//! The system tests. Each runs on every architecture. `./nodeos test NAME` runs the tests with NAME
//! in their names.

mod app;
mod bad_homes;
mod bench;
mod bounded;
mod budget;
mod clock;
mod console;
mod demo;
mod devices;
mod door;
mod env;
mod homes;
mod host;
mod isolation;
mod logon;
mod machine_file;
mod many;
mod memory;
mod network;
mod output;
mod pipes;
mod placement;
mod power;
#[path = "../../boot/cli/tests/it/pty.rs"]
mod pty;
mod repair;
mod rest;
mod restart;
mod several_apps;
mod shell;
mod soak;
mod speculation;
mod ssh;
mod start;
mod stop;
mod terminal;
mod tls;
mod unwritable;
mod users_live;
mod users_partition;
mod watchdog;
mod words;

/// Makes a test of each behaviour for every architecture, see `tests::on_each`.
macro_rules! behaviours {
    ($($module:ident: $($name:ident),+;)+ @again $($other:ident: $($again:ident),+;)+) => {
        tests::on_each! {
            $($($name => crate::$module::$name;)+)+
            @again $($($again => crate::$other::$again;)+)+
        }
    };
}

behaviours! {
    app: native_addons_find_the_libraries_that_debian_has;
    bench: nodeos_executes_fewer_than_half_the_instructions_of_a_busybox_script;
    bounded: once_users_run_only_pid_1_keeps_all_capabilities,
        a_service_has_its_own_uid_the_capabilities_of_its_row_and_neither_homes_nor_disks;
    budget: memory_and_timeline_are_measured_in_the_machine;
    clock: the_real_time_clock_is_set_after_an_answer;
    console: an_app_sees_the_size_of_its_console,
        serial_line_settings_are_restored_after_a_session;
    devices: the_first_user_to_open_a_device_owns_it;
    isolation: a_user_has_no_privileges_and_no_inherited_descriptors,
        root_can_access_all_homes_but_no_disks_or_kernel_settings;
    memory: too_little_memory_is_reported_with_an_amount_that_suffices;
    network: a_card_that_is_plugged_in_gets_an_address_and_leaves_nothing_behind;
    placement: node_runs_from_every_placement_of_the_carbon_copy;
    power: the_power_button_leaves_a_clean_filesystem;
    rest: a_machine_at_rest_wakes_up_at_most_once_a_second;
    speculation: processor_vulnerabilities_are_mitigated,
        a_missing_mitigation_is_detected;
    start: a_program_starts_in_at_most_forty_system_calls;
    stop: ctrl_alt_del_leaves_a_clean_filesystem,
        sigterm_to_pid_1_powers_off;
    terminal: a_machine_can_be_stopped_right_after_it_started;
    watchdog: a_machine_without_pid_1_is_reset;
    words: a_command_line_at_the_limits_boots,
        too_many_parameters_panic_the_kernel_and_long_lines_are_truncated;
    @again
    app: an_app_that_takes_all_memory_is_killed,
        an_app_starts_as_its_package_says,
        too_many_variables_lock_nobody_out,
        a_package_of_a_workspace_finds_what_lies_in_its_root,
        an_app_keeps_its_data_and_cannot_change_its_code,
        a_home_cannot_replace_what_an_app_runs_with,
        a_writable_app_makes_files_beside_its_code_and_cannot_change_it,
        an_app_whose_home_is_refused_ends_with_a_status,
        an_app_has_the_console_and_the_machine_exits_with_its_status,
        an_http_app_answers_the_host,
        a_user_sees_its_account_host_name_and_network_settings,
        host_names_are_resolved_by_the_dns_server_of_the_network;
    bad_homes: a_bad_home_is_refused_and_the_others_run,
        user_names_invalid_in_passwd_are_refused_and_unusual_ones_work,
        an_invalid_init_is_not_run_and_does_not_affect_other_users,
        symlinks_at_mount_points_are_not_followed,
        an_overlay_work_folder_that_cannot_be_emptied_is_reported,
        a_bad_logon_file_lets_nobody_in,
        the_strictest_policy_replaces_a_broken_one,
        forged_overlay_attributes_reveal_no_other_files;
    budget: the_timeline_of_an_app_is_measured,
        the_budget_check_fails_on_each_kind_of_regression;
    clock: without_a_server_the_clock_goes_on_from_the_saved_time,
        a_time_server_sets_the_clock_whatever_it_said_before,
        servers_that_lie_or_refuse_change_nothing,
        a_power_cut_after_an_answer_keeps_the_time;
    console: backspace_erases_a_whole_multibyte_character,
        an_invalid_console_size_is_reported,
        the_logon_prompt_is_repeated_after_output_unless_someone_is_typing;
    demo: the_session_of_2015_replays,
        an_installed_package_survives_a_reboot;
    devices: only_one_of_two_simultaneous_opens_gets_the_device,
        a_hotplugged_device_appears_and_disappears,
        a_flood_of_opens_and_unplugs_leaves_every_device_usable_by_others,
        a_device_is_released_once_root_frees_inotify_watches;
    door: users_ask_for_what_their_policy_allows,
        who_has_the_right_stops_the_machine,
        a_log_is_followed_and_outlives_the_programs_that_hold_it,
        restarts_of_an_init_are_counted_from_the_boot_on,
        a_policy_sets_how_much_of_a_log_is_kept,
        a_flood_at_the_door_leaves_it_open_for_others,
        a_syslog_server_that_was_away_gets_every_line;
    env: env_says_what_an_option_lacks;
    homes: a_home_that_root_makes_is_a_user_at_once;
    host: a_full_host_disk_is_reported_and_the_machine_keeps_running,
        a_guest_reaches_the_hosts_loopback_only_if_allowed;
    isolation: writes_of_a_user_change_only_that_users_home,
        a_user_cannot_read_another_users_home;
    logon: an_unknown_user_takes_as_long_as_a_wrong_password,
        the_right_password_works_after_three_wrong_ones,
        a_second_session_joins_the_sandbox,
        a_logon_while_the_sandbox_ends_starts_a_new_sandbox,
        a_guest_logon_does_not_reset_the_delay_after_wrong_passwords,
        a_password_check_takes_no_memory_from_others,
        single_user_mode_lets_only_root_in,
        a_logon_to_a_refused_home_says_why;
    machine_file: a_machine_has_its_own_name_address_servers_and_zone,
        settings_that_are_broken_or_not_roots_count_for_nothing;
    many: five_hundred_homes_boot;
    memory: file_pages_are_reclaimed_at_the_high_limit_of_a_policy,
        a_leak_ends_with_an_error_of_node;
    network: everything_that_a_dhcp_server_says_is_used,
        a_machine_without_a_name_takes_the_one_that_a_dhcp_server_gives,
        a_lease_is_renewed_and_ends_when_its_server_is_gone,
        a_cable_that_was_out_keeps_its_address_or_gets_another,
        an_address_that_a_neighbour_has_is_declined,
        of_two_dhcp_servers_one_is_used,
        a_hostile_dhcp_server_gets_no_insane_state,
        a_fixed_address_takes_no_server_and_off_leaves_the_cards_alone,
        of_two_cards_the_first_is_preferred_as_long_as_its_cable_is_in,
        a_net_program_that_is_killed_takes_its_address_over,
        an_ipv6_router_gives_addresses_and_name_servers_that_end;
    output: a_slow_console_does_not_hold_an_app_up,
        what_an_app_says_last_is_printed_after_its_end,
        lines_of_two_inits_stay_whole,
        an_init_goes_on_when_the_log_program_is_killed;
    pipes: an_app_reads_a_pipe_to_its_end_and_writes_to_two,
        a_pipe_that_is_read_late_loses_nothing,
        a_closed_pipe_stops_the_machine_quietly,
        a_detached_child_keeps_the_machine_up;
    power: files_survive_a_power_cut_a_few_seconds_later,
        a_commit_interval_in_usersflags_is_used;
    repair: a_damaged_folder_is_repaired_at_the_next_boot,
        an_e2fsck_that_stops_halfway_makes_the_partition_read_only,
        a_running_check_is_stopped_before_the_machine_restarts,
        a_partition_without_a_journal_is_checked_after_a_power_cut,
        a_corrupt_journal_does_not_prevent_booting;
    restart: an_app_of_a_medium_starts_again_and_a_crash_loop_is_reported,
        a_crash_loop_restarts_the_machine_if_the_policy_says_so,
        an_init_that_ran_out_of_memory_is_reported,
        a_stop_gives_programs_the_time_that_the_policy_says;
    several_apps: each_app_is_a_user_with_a_policy_of_its_own;
    shell: npm_in_too_little_memory_says_what_it_needs,
        an_app_with_a_shell_runs_commands,
        an_app_without_a_shell_is_told_how_to_get_one,
        a_person_uses_the_commands_and_changes_the_password,
        npm_installs_into_the_folder_where_a_person_starts;
    soak: services_that_are_killed_again_and_again_come_back_and_leave_no_growth;
    ssh: a_user_with_a_key_has_a_shell_and_files_over_ssh;
    stop: orphans_are_reaped;
    terminal: a_stalled_terminal_loses_no_output,
        only_a_second_ctrl_a_x_cuts_the_power;
    tls: an_app_that_waits_for_the_time_uses_tls_in_its_first_line;
    unwritable: quotas_and_the_read_only_feature_cause_a_read_only_mount_with_advice,
        an_unmountable_partition_is_reported_with_the_reason_and_keeps_its_homes,
        unused_ext4_features_do_not_prevent_mounting,
        a_dirty_journal_on_a_read_only_medium_is_not_replayed;
    users_live: root_sets_passwords_and_the_machines_settings,
        root_adds_and_removes_a_user_while_it_runs;
    users_partition: the_partition_is_found_by_device_uuid_or_partuuid,
        a_partition_on_a_disk_with_large_sectors_grows,
        without_a_partition_a_guest_gets_a_session_in_ram,
        a_partition_that_appears_late_is_awaited,
        waiting_for_a_missing_partition_times_out,
        of_two_partitions_with_the_label_the_first_is_used_and_both_are_reported,
        a_partition_that_is_not_ext4_is_reported,
        writes_to_a_read_only_partition_go_to_ram,
        unknown_mount_options_are_ignored,
        users_of_a_full_partition_can_free_space,
        a_partition_without_a_home_for_root_boots;
}
