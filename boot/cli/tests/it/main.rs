//! What the command does to files and terminals of the host: one module per behaviour.

mod a_full_disk_leaves_nothing_half_written;
mod a_medium_is_named_and_made_of_its_own_files;
mod a_policy_is_kept_beside_the_homes;
mod a_port_that_cannot_be_had_is_refused_first;
mod a_report_fails_before_it_measures;
mod an_image_of_others_is_read_and_nothing_is_written;
mod an_interrupted_change_leaves_nothing;
mod command;
mod every_link_leads_somewhere;
mod filesystems_as_others_make_them_are_read;
mod pages_and_completions_are_made_of_the_words;
mod pty;
mod terminal;
mod the_house_has_its_walls;
mod tracked;
#[path = "../../../tests/it/users.rs"]
mod users;
mod what_nodeos_toml_takes_from_outside_is_asked_for;
