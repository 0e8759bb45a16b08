//! Whose connection is served, where there is not room for all: no user keeps the others from the door.

/// The maximum number of connections.
pub const MAX_CONNECTIONS: usize = 64;
/// The maximum number of connections of a user who is not root.
pub(super) const MAX_OF_A_USER: usize = 4;

/// What to do with a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It has a place.
    Free,
    /// It takes the place of that connection.
    Instead(usize),
    /// Its user has enough.
    None,
}

/// Decides about a new connection of `uid`, from the places: the uid and the age of each connection that there is.
#[must_use]
pub fn room(uid: u32, places: &[Option<(u32, u64)>]) -> Room {
    let taken = || places.iter().enumerate().filter_map(|(at, place)| place.map(|(uid, since)| (at, uid, since)));
    let count = |uid: u32| taken().filter(|(_, of, _)| *of == uid).count();
    if uid != 0 && count(uid) >= MAX_OF_A_USER {
        return Room::None;
    }
    if places.iter().any(Option::is_none) {
        return Room::Free;
    }
    // the oldest connection of the user who has the most
    let most = taken().max_by_key(|(_, of, since)| (count(*of), u64::MAX.saturating_sub(*since)));
    most.map_or(Room::None, |(at, ..)| Room::Instead(at))
}
