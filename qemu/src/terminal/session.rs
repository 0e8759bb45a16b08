//! A running machine: waits for its end, and stops it when it is told to.

use std::io;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use shim::last_word::LastWord;

use super::news::{News, Signals};
use super::output::Output;
use super::stop::{Cause, Due, Stop, WITHIN};
use super::{Cut, LAST_PIECE, Say};
use crate::monitor::Monitor;

/// How often the request to stop is repeated: a machine that is just starting does not read its keyboard yet.
const AGAIN: Duration = Duration::from_secs(2);

/// A running machine.
pub struct Session<'a> {
    pub child: Child,
    pub monitor: Option<UnixStream>,
    /// Of the console and of pipes.
    pub outputs: Vec<Arc<Output>>,
    /// How many of them are not written to their end.
    pub unwritten: usize,
    pub say: &'a Say,
    pub stop: Stop,
    pub cut: Option<Cut>,
    /// A channel to the thread that sends the requests to stop: that thread ends when this is dropped.
    pub asking: Option<Sender<()>>,
    /// Closed after the last message was printed.
    pub saying: Option<Receiver<()>>,
    /// Its last word, and the time when its console ended.
    pub ended: Option<(Option<LastWord>, Instant)>,
}

impl Session<'_> {
    /// Waits until the machine has ended and its output is written, and handles the commands that come.
    pub fn wait(&mut self, news: &Receiver<News>, signals: &Signals) -> (Option<LastWord>, io::Result<()>) {
        let mut written = Ok(());
        loop {
            let deadline = match (&self.ended, self.stop.cause) {
                (Some((_, at)), Some(_)) => Some(*at + LAST_PIECE),
                (Some(_), None) => None,
                (None, _) => self.stop.deadline.filter(|_| self.cut.is_none()),
            };
            match next(news, deadline) {
                Some(News::Pressed) => self.order(Cause::Key),
                Some(News::Signalled) => {
                    if let Some(signal) = signals.take() {
                        self.order(Cause::Signal(signal));
                    }
                }
                Some(News::Ended(word)) => (self.ended, self.asking) = (Some((word, Instant::now())), None),
                Some(News::Written(result)) => {
                    if result.is_err() && self.ended.is_none() {
                        self.order(Cause::Unread);
                    }
                    written = written.and(result);
                    self.unwritten = self.unwritten.saturating_sub(1);
                }
                None if self.ended.is_none() => self.cut(Cut::Overdue),
                None => self.unwritten = 0,
            }
            if let (Some((word, _)), 0) = (self.ended, self.unwritten) {
                return (word, written);
            }
        }
    }

    fn order(&mut self, cause: Cause) {
        if self.ended.is_some() {
            // there is nothing left to stop, but the cause is still recorded
            self.stop.cause.get_or_insert(cause);
            return;
        }
        match self.stop.ordered(cause, Instant::now()) {
            Due::Nothing => {}
            Due::Ask => {
                self.outputs.iter().for_each(|output| output.stopping());
                self.asking = self.monitor.take().map(|monitor| ask(monitor, Arc::clone(self.say)));
            }
            Due::Cut => return self.cut(Cut::Pressed),
        }
        let text = match cause {
            Cause::Key => "stopping the machine; ctrl-a x again cuts its power".to_owned(),
            Cause::Signal(_) => format!("stopping the machine; its power is cut if it takes {} s", WITHIN.as_secs()),
            Cause::Unread => return,
        };
        // a stalled terminal blocks only this thread
        let (said, saying) = mpsc::channel();
        self.saying = Some(saying);
        let say = Arc::clone(self.say);
        thread::spawn(move || {
            say(&text);
            drop::<Sender<()>>(said);
        });
    }

    fn cut(&mut self, why: Cut) {
        self.cut.get_or_insert(why);
        let _ = self.child.kill();
    }
}

fn next(news: &Receiver<News>, deadline: Option<Instant>) -> Option<News> {
    let Some(deadline) = deadline else { return news.recv().ok() };
    news.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
}

/// Presses ctrl-alt-del on the machine's keyboard until it ends or the sender is dropped.
fn ask(monitor: UnixStream, say: Say) -> Sender<()> {
    let (sender, over) = mpsc::channel();
    thread::spawn(move || {
        let asked = Monitor::over(monitor).and_then(|mut monitor| {
            while over.recv_timeout(Duration::ZERO) == Err(RecvTimeoutError::Timeout) {
                monitor.human("sendkey ctrl-alt-delete")?;
                let _ = over.recv_timeout(AGAIN);
            }
            Ok(())
        });
        // a machine that has just ended has no monitor
        if let Err(error) = asked
            && over.recv_timeout(AGAIN) == Err(RecvTimeoutError::Timeout)
        {
            say(&format!("press ctrl-alt-del at the machine's keyboard: {error}"));
        }
    });
    sender
}
