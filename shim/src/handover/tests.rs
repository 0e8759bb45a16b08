//! Records there and back, and what PID 1 learns of users.

use super::*;
use crate::users::Found;

fn admit(homes: &mut Homes, name: &str, uid: u32, has_init: bool) {
    homes.admit(name.as_bytes(), Found { directory: true, uid, gid: uid + 1, has_init }).unwrap();
}

fn written(settings: Settings, console: Option<Record<'_>>, homes: &Homes) -> std::vec::Vec<u8> {
    let mut bytes = std::vec::Vec::new();
    let mut send = |piece: &[u8]| bytes.extend_from_slice(piece);
    let mut writer = Writer::new(settings, &mut send);
    console.into_iter().for_each(|console| writer.push(console));
    writer.users(homes);
    assert!(bytes.len() <= ROOM);
    bytes
}

/// The users in what is written for those homes.
fn with_users<T>(homes: &Homes, work: impl FnOnce(Users<'_>) -> T) -> T {
    let bytes = written(counted(homes), None, homes);
    let (settings, rest) = Reader::new(&bytes).unwrap();
    work(Users::new(rest, settings.users, &mut Vec::new()).unwrap())
}

fn counted(homes: &Homes) -> Settings {
    Settings { users: u32::try_from(homes.count()).unwrap(), ..Settings::default() }
}

#[test]
fn settings_consoles_and_users_round_trip() {
    let settings = Settings { single: true, apps: false, unattended: true, consoles: 1, users: 2 };
    let mut homes = Homes::new();
    for (name, uid, has_init) in [("ana", 1000, true), ("a", 7, false), ("b", 7, false), ("root", 0, false)] {
        admit(&mut homes, name, uid, has_init);
    }
    let console = Record { numbers: [1, 38400, u32::MAX], name: "ttyS0" };
    let bytes = written(settings, Some(console), &homes);
    let (read, mut rest) = Reader::new(&bytes).unwrap();
    assert_eq!((read, rest.take()), (settings, Some(console)));
    let mut room = Vec::new();
    let users = Users::new(rest, 2, &mut room).unwrap();
    let names: Vec<&str, 4> = users.ids().map(|id| users.get(id).unwrap().name).collect();
    assert_eq!(names, ["ana", "root"], "the two that share a uid are no users");
    let (ana, root) = (users.named("ana").unwrap(), users.root().unwrap());
    assert_eq!(users.get(ana), Some(User { name: "ana", uid: 1000, gid: 1001 }));
    assert!(users.has_init(ana) && !users.has_init(root));
    assert_eq!((users.named("an"), users.get(u16::MAX)), (None, None));
}

/// The ids of a table with as many homes as it holds.
pub fn all_ids() -> std::vec::Vec<HomeId> {
    let mut homes = Homes::new();
    for uid in 0..u32::try_from(MAX_HOMES).unwrap() {
        admit(&mut homes, &format!("{uid:032}"), 1000 + uid, true);
    }
    with_users(&homes, |users| users.ids().collect())
}

#[test]
fn every_table_of_homes_fits() {
    assert_eq!(all_ids().len(), MAX_HOMES);
}

#[test]
fn each_user_has_a_slot() {
    let (mut slots, mut homes) = ([false; SLOTS], Homes::new());
    for uid in 0..u32::try_from(MAX_HOMES).unwrap() {
        admit(&mut homes, &format!("{uid:x}"), 1000 + uid, true);
    }
    with_users(&homes, |users| {
        for id in users.ids() {
            assert!(!std::mem::replace(&mut slots[slot(id)], true), "{id}");
        }
    });
    assert!(all_ids().into_iter().all(|id| slot(id) < SLOTS));
}

#[test]
fn what_is_cut_off_is_refused() {
    let mut homes = Homes::new();
    for (name, uid) in [("ana", 1000), ("eva", 1001)] {
        admit(&mut homes, name, uid, true);
    }
    let bytes = written(counted(&homes), None, &homes);
    let count = |length| {
        let (settings, rest) = Reader::new(&bytes[..length])?;
        Users::new(rest, settings.users, &mut Vec::new()).map(|users| users.count())
    };
    assert_eq!(count(bytes.len()), Some(2));
    for length in 0..bytes.len() {
        assert_eq!(count(length), None, "{length}");
    }
}

/// ana (1000) and root, and what `/users` tells.
struct Told<'a>(Users<'a>);

impl Told<'_> {
    fn with(work: impl FnOnce(Told<'_>)) {
        let mut homes = Homes::new();
        admit(&mut homes, "ana", 1000, false);
        admit(&mut homes, "root", 0, false);
        with_users(&homes, |users| work(Told(users)));
    }

    /// As names, with the new user after a plus.
    fn learn(&mut self, name: &str, uid: u32, bits: u32) -> String {
        let record = Record { numbers: [uid, uid.wrapping_add(1), bits], name }.bytes();
        let News { ends, begins, runs } = self.0.learn(&record, |_| true);
        let name = |id: Option<HomeId>| id.map_or("", |id| self.0.get(id).unwrap().name);
        format!("-{} +{} >{}", name(ends), name(begins), name(runs))
    }

    fn settled(&mut self) -> std::vec::Vec<String> {
        let mut gone = std::vec::Vec::new();
        while let Some(id) = self.0.settle() {
            gone.push(self.0.get(id).unwrap().name.to_owned());
        }
        gone
    }
}

#[test]
fn a_new_home_is_a_user_and_one_that_is_not_told_is_gone() {
    Told::with(|mut told| {
        assert_eq!(told.learn("ana", 1000, 0), "- + >");
        assert_eq!(told.learn("root", 0, 0), "- + >");
        assert_eq!(told.learn("eva", 1001, users::INIT), "- +eva >eva");
        assert_eq!(told.settled(), [""; 0]);
        let eva = told.0.named("eva").unwrap();
        assert!(told.0.has_init(eva) && told.0.count() == 3);
        assert_eq!(told.learn("eva", 1001, users::INIT), "- + >", "it runs already");
        assert_eq!(told.learn("root", 0, 0), "- + >");
        assert_eq!(told.settled(), ["ana"]);
        assert_eq!((told.0.named("ana"), told.0.count()), (None, 2));
        assert_eq!(told.settled(), ["root", "eva"], "each time all of them are told");
    });
}

#[test]
fn an_init_that_appears_runs_and_another_owner_is_another_user() {
    Told::with(|mut told| {
        assert_eq!(told.learn("ana", 1000, users::INIT), "- + >ana");
        let before = told.0.named("ana").unwrap();
        let News { ends, begins, .. } = told.0.learn(&Record { numbers: [7, 8, 0], name: "ana" }.bytes(), |_| false);
        assert_eq!((ends, begins), (Some(before), None), "it begins when the old one has ended");
        assert_eq!((told.0.named("ana"), told.learn("ana", 7, 0).as_str()), (None, "- +ana >"));
        assert_eq!(told.0.get(told.0.named("ana").unwrap()).unwrap().uid, 7);
        assert_eq!(told.learn("eva", 7, 0), "- + >", "no two users have one uid");
    });
}

#[test]
fn what_is_no_user_is_not_learnt() {
    Told::with(|mut told| {
        assert_eq!(told.0.leave("root").map(|_| ()), Some(()));
        for (name, uid) in [
            ("ana/x", 7),
            ("../ana", 7),
            (".policy", 7),
            ("eva\0-1", 7),
            ("eva", u32::MAX),
            ("eva", 0),
            ("lost+found", 0),
            ("root", 7),
        ] {
            assert_eq!(told.learn(name, uid, users::INIT), "- + >", "{name:?} {uid}");
        }
        assert_eq!(told.learn("root", 0, users::INIT), "- +root >root");
    });
}

#[test]
fn a_refused_home_stays_what_it_was() {
    Told::with(|mut told| {
        assert_eq!(told.learn("ana", 0, REFUSED), "- + >");
        assert_eq!(told.learn("eva", 0, REFUSED), "- + >");
        assert_eq!(told.settled(), ["root"]);
        assert_eq!(told.0.get(told.0.named("ana").unwrap()).unwrap().uid, 1000);
    });
}

#[test]
fn a_stopped_user_counts_again_when_the_home_was_gone() {
    Told::with(|mut told| {
        let ana = told.0.stop("ana").unwrap();
        assert_eq!((told.0.named("ana"), told.0.may_run(ana), told.0.stop("ana")), (None, false, None));
        assert_eq!(told.learn("ana", 1000, users::INIT), "- + >", "it stays stopped");
        assert_eq!(told.0.leave("ana"), Some(ana));
        assert_eq!(told.0.leave("ana"), None);
        assert_eq!(told.learn("ana", 1000, users::INIT), "- +ana >ana");
        assert!(told.0.named("ana").is_some());
    });
}

#[test]
fn places_are_used_again_and_a_full_table_takes_no_more() {
    Told::with(|mut told| {
        let before = told.0.records().len();
        for uid in 1..100_u32 {
            assert_eq!(told.learn(&format!("job{uid:05}"), 2000 + uid, 0), format!("- +job{uid:05} >"));
            told.0.leave(&format!("job{uid:05}")).unwrap();
        }
        assert_eq!(told.0.records().len(), before + FIXED + "job00001".len());
        let mut added = 0;
        while told.learn(&format!("{added:0100}"), 3000 + added, 0).contains("+0") {
            added += 1;
        }
        assert!(told.0.records().len() <= ROOM && added > 300, "{added}");
        assert!(told.0.named("ana").is_some() && told.0.root().is_some());
    });
}
