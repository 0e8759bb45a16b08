//! What the library does to files of the host: one module per behaviour.

mod a_bad_users_image_is_refused_and_left_as_it_was;
mod a_closure_of_real_programs;
mod a_full_disk_leaves_nothing_half_written;
mod a_medium_is_named_and_made_of_its_own_files;
mod a_policy_is_kept_beside_the_homes;
mod a_port_that_cannot_be_had_is_refused_first;
mod a_report_fails_before_it_measures;
mod a_report_opens_in_a_browser;
mod a_users_image_is_equal_when_made_twice;
mod an_app_becomes_a_home;
mod an_image_is_built_once_and_equal;
mod an_interrupted_change_leaves_nothing;
mod command;
mod every_change_of_a_users_image_leaves_it_clean;
mod every_home_has_its_own_owner;
mod homes_travel_in_an_archive;
mod tiny;
mod users;
