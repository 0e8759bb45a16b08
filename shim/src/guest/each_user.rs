//! What PID 1 tells one of its programs of the users: their records, in a pipe that is the program's standard input.

use crate::{
    handover::{ROOM, Reader, Record},
    op::User,
    sys::{self, Stream},
};

/// For the program: calls `each` for each user.
pub fn take(mut each: impl FnMut(User<'_>)) {
    let Ok(Ok((records, _))) = sys::room(ROOM).map(|room| rustix::io::read(Stream(0), room)) else { return };
    let mut rest = Reader::of(records);
    while let Some(Record { numbers: [uid, gid, _], name }) = rest.take() {
        each(User { name, uid, gid });
    }
}
