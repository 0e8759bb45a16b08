//! What the library does to files of the host: one module per behaviour.

mod a_bad_users_image_is_refused_and_left_as_it_was;
mod a_closure_of_real_programs;
mod a_medium_is_inspected_and_its_homes_are_changed;
mod a_medium_with_homes_is_its_owners_alone;
mod a_users_image_is_equal_when_made_twice;
mod an_app_becomes_a_home;
mod an_image_is_built_once_and_equal;
mod every_change_of_a_users_image_leaves_it_clean;
mod every_home_has_its_own_owner;
mod homes_travel_in_an_archive;
mod tiny;
mod users;
