//! Tests of what the command does to files and terminals of the host, one module per behaviour.

mod a_full_disk_leaves_nothing_half_written;
mod a_machine_has_settings_of_its_own;
mod a_medium_uses_only_its_own_files;
mod a_policy_is_stored_beside_the_homes;
mod an_interrupted_change_leaves_nothing_behind;
mod an_unavailable_port_is_refused_before_building;
mod an_unusable_stream_is_refused_before_building;
mod architecture_rules_hold;
mod command;
mod every_link_resolves;
mod explain_takes_apps_and_media;
mod files_outside_the_app_need_permission;
mod filesystems_made_by_other_tools_are_read;
mod foreign_images_are_inspected_safely;
mod log_asks_a_machine_by_ssh;
mod man_pages_and_completions_are_generated;
mod pty;
mod report_errors_are_found_before_measuring;
mod roots_files;
mod terminal;
mod tracked;
mod update_app_explains_what_it_refuses;
#[path = "../../../tests/it/users.rs"]
mod users;
