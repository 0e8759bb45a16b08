//! Tests of what the library does to files of the host, one module per behaviour.

mod a_bad_users_image_is_refused_and_left_unchanged;
mod a_medium_is_inspected_and_its_homes_are_changed;
mod a_users_image_is_identical_when_made_twice;
mod an_app_becomes_a_layer;
mod an_app_on_a_medium_is_replaced;
mod an_image_is_built_once_and_reproducibly;
mod an_update_of_an_app_never_damages_a_medium;
mod cards;
mod every_change_of_a_users_image_leaves_it_clean;
mod every_home_has_its_own_owner;
mod homes_are_packed_into_an_archive;
mod hostile_files_of_an_app_are_refused;
mod install_scripts_run_in_a_copy;
mod libraries_of_real_programs_are_found;
mod local_packages_keep_their_secrets;
mod only_the_owner_can_read_a_medium_with_homes;
mod packages_come_into_an_image;
mod tiny;
mod updates;
mod users;
