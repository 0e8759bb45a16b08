//! Consoles that keep up, lag behind, or stand still.

use super::{Output, PATIENCE, PIECE, REFUSALS, RING, USER};

fn output() -> Output {
    let mut output = Output {
        user: [0; USER],
        user_ends: 0,
        ring: [0; RING],
        printed: 0,
        followed: 0,
        piece: [0; PIECE],
        from: 0,
        to: 0,
        waits_since: 0,
        waits_from: 0,
        slow: false,
        refused: 0,
    };
    output.begin(b"ana");
    output
}

/// Everything that a console takes, `each` bytes at a time.
fn taken(output: &mut Output, each: usize) -> String {
    let mut all = Vec::new();
    while !output.is_taken() {
        let piece = output.piece();
        let some = &piece[..piece.len().min(each)];
        all.extend_from_slice(some);
        let length = some.len();
        output.take(length);
    }
    String::from_utf8(all).unwrap()
}

fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|number| format!("line {number:08}\n")).collect()
}

#[test]
fn a_console_that_keeps_up_shows_everything() {
    let mut output = output();
    let mut shown = String::new();
    for number in 0..1000 {
        let some = lines(10 * number..10 * number + 10);
        assert!(output.room(u64::from(number)) >= some.len());
        output.print(some.as_bytes());
        shown += &taken(&mut output, 100);
    }
    assert_eq!(shown, lines(0..10_000));
}

#[test]
fn the_last_lines_are_shown_again_without_what_acts_on_a_terminal() {
    let last = |printed: &str, count| {
        let mut output = output();
        output.print(printed.as_bytes());
        String::from_utf8(output.last_lines(count).collect()).unwrap()
    };
    assert_eq!(last("one\r\ntwo\r\n\u{1b}[31mthree\r\n", 2), "nodeos: | two\nnodeos: | three\n");
    assert_eq!(last("one\ntwo", 5), "nodeos: | one\nnodeos: | two\n");
    assert_eq!((last("", 5), last("\n\n", 1)), (String::new(), "nodeos: | \n".to_owned()));
    let many = last(&lines(0..10_000), 3);
    assert_eq!(many, "nodeos: | line 00009997\nnodeos: | line 00009998\nnodeos: | line 00009999\n");
    assert_eq!(last(&"x".repeat(2 * RING), 2).len(), RING + "nodeos: | \n".len());
    let mut output = output();
    output.print(b"x");
    assert!(output.is_of("ana") && !output.is_of("an"));
}

#[test]
fn a_program_waits_for_a_console_that_moves() {
    let mut output = output();
    output.print(lines(0..(RING / 14) as u32).as_bytes());
    assert_eq!(output.room(1000), 0);
    assert_eq!(output.waits_until(), Some(1000 + PATIENCE));
    let length = output.piece().len();
    output.take(length);
    assert!(output.room(1000 + PATIENCE - 1) > 0, "a piece was taken");
    assert!(!output.is_slow() && output.waits_until().is_none());
}

#[test]
fn it_waits_only_once_for_a_slow_console() {
    let mut output = output();
    output.print(&[b'.'; RING]);
    assert_eq!(output.room(0), 0);
    assert_eq!(output.room(PATIENCE), 0, "a wait that begins at 0 counts from 1");
    assert_eq!(output.room(PATIENCE + 1), PIECE);
    for now in 0..100 {
        assert_eq!(output.room(now), PIECE);
        output.print(&[b'.'; PIECE]);
    }
}

/// How long a program waited that prints as much as it may, while the console takes a piece every so many
/// milliseconds for ten seconds.
fn waited(every: u64) -> u64 {
    let mut output = output();
    (0..10_000)
        .filter(|now| {
            let room = output.room(*now);
            output.print(&vec![b'.'; room]);
            if now % every == 0 {
                let length = output.piece().len();
                output.take(length);
            }
            room == 0
        })
        .count() as u64
}

#[test]
fn a_console_is_slow_below_16_kib_a_second() {
    assert!(waited(1000 * PIECE as u64 / (20 << 10)) > 9000, "nothing is left out");
    let slow = waited(1000 * PIECE as u64 / (11 << 10));
    assert!((PATIENCE / 2..=PATIENCE).contains(&slow), "{slow} ms");
}

#[test]
fn a_slow_console_shows_whole_pieces_what_is_missing_and_the_last_words() {
    let mut output = output();
    output.print(lines(0..100).as_bytes());
    assert!(output.piece().starts_with(b"line 00000000\n"));
    output.take(3);
    output.print(lines(100..10_000).as_bytes());
    let shown = taken(&mut output, 7);
    let (before, after) = shown.split_once("\nnodeos: ana: ").unwrap();
    assert_eq!(format!("lin{before}"), lines(0..100), "the piece that was begun stays whole");
    let (missing, after) = after.split_once(" bytes of its output are not shown: this console is too slow\n").unwrap();
    let missing: usize = missing.parse().unwrap();
    assert_eq!(before.len() + 3 + missing + after.len(), lines(0..10_000).len());
    assert!(after.starts_with("line ") && after.ends_with("line 00009999\n"), "{after}");
    assert!(after.len() > RING - 14, "{}", after.len());
    assert!(!output.is_slow());
}

#[test]
fn once_everything_is_taken_a_program_waits_again() {
    let mut output = output();
    output.print(&[b'.'; RING]);
    output.room(0);
    output.room(PATIENCE + 1);
    assert!(output.is_slow());
    taken(&mut output, PIECE);
    assert!(!output.is_slow());
    output.print(&[b'.'; RING]);
    assert_eq!(output.room(5000), 0);
}

#[test]
fn a_line_of_another_program_comes_after_a_whole_line() {
    let mut output = output();
    output.print(b"whole\nhal");
    assert_eq!(output.piece(), b"whole\n");
    output.take(6);
    output.print(b"f\n");
    assert_eq!(output.piece(), b"half\n");
    output.take(5);
    output.print(b"> ");
    assert_eq!(output.piece(), b"> ", "a prompt has no end of line");
    assert!(output.is_halfway());
}

#[test]
fn a_console_that_refuses_for_a_moment_loses_nothing() {
    let mut output = output();
    output.print(b"one\ntwo");
    output.piece();
    (0..REFUSALS).for_each(|_| output.refuse());
    assert!(output.is_slow() && !output.is_taken(), "its reader rests between two tries");
    assert_eq!(taken(&mut output, 1), "one\ntwo");
    assert!(!output.is_slow());
}

#[test]
fn a_console_that_is_gone_is_not_waited_for() {
    let mut output = output();
    output.print(b"one\ntwo");
    output.piece();
    (0..=REFUSALS).for_each(|_| output.refuse());
    assert!(output.is_taken() && !output.is_halfway());
    output.print(b"three");
    output.piece();
    output.refuse();
    assert!(output.is_taken());
    assert_eq!(output.room(0), PIECE, "its program goes on");
}
