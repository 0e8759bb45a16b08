//! What the library does to files of the host: one module per behaviour.

mod a_bad_users_image_is_refused_and_left_as_it_was;
mod a_users_image_is_equal_when_made_twice;
mod every_change_of_a_users_image_leaves_it_clean;
mod every_home_has_its_own_owner;
mod users;
