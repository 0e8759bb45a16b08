//! What services say to PID 1, and what follows from it.

use crate::{
    guest::pid1::{boot::Machine, services::Service},
    handover::{LONGEST, Reader},
    last_word::LastWord,
    report::Says,
    supervise::State,
    upkeep::Needs,
};

/// Does what a service says now, if anything.
pub fn hear(service: &mut Service, machine: &mut Machine<'_>, state: &mut State) {
    let mut packet = [0; 1 + LONGEST];
    let Some(says) = service.hear(&mut packet) else { return };
    let homes = &mut machine.homes;
    let [_, packet @ ..] = &packet;
    let name = Reader::one(packet).map_or("", |record| record.name);
    match says {
        // without a network, nothing comes through it either
        Says::Nothing => state.provided(Needs::ALL),
        Says::Ready => state.provided(service.row.provides),
        Says::PowerOff => state.stop(LastWord::PowerOff(0)),
        Says::Reboot => state.stop(LastWord::Reboot),
        Says::Restart => {
            if let Some(home) = homes.named(name) {
                state.end(home, homes.has_init(home) && !machine.single);
            }
        }
        Says::Stop => drop(homes.stop(name).map(|home| state.end(home, false))),
        Says::Gone => drop(homes.leave(name).map(|home| state.end(home, false))),
        Says::Homes => {
            while let Some(home) = homes.settle() {
                state.end(home, false);
            }
        }
        Says::Home => {
            let news = homes.learn(packet, |home| !state.knows(home));
            if let Some(home) = news.ends {
                state.end(home, false);
            }
            if let Some(home) = news.runs.filter(|_| !machine.single) {
                state.begin(home);
            }
            let _ = news.begins.inspect(|_| state.user_begins());
        }
    }
    state.root = machine.homes.root();
}
