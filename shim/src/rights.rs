//! What a user may ask of the machine through the door. `policy` reads it, `/sandbox` notes it, `/control` acts on it.

use crate::set;

set! {
    /// The rights. Root has all of them.
    Rights {
        /// To see the state of the machine and one's own log, and to restart one's own init.
        STATUS = 1, "status";
        /// To power the machine off, and to restart it.
        POWER = 2, "power";
    }
}
