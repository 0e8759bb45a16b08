//! Events for the thread that waits for a machine. Each machine has its own channel, so that late events of one machine
//! are not taken for events of the next. Only signals are kept.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shim::last_word::LastWord;

/// An event.
#[derive(Debug)]
pub enum News {
    /// Ctrl-a x was pressed.
    Pressed,
    /// There is a new signal to take.
    Signalled,
    /// The console ended, with that last word.
    Ended(Option<LastWord>),
    /// All output of the console was written, or cannot be written.
    Written(io::Result<()>),
}

/// Signals for the running machine, or else for the next one.
#[derive(Clone, Default)]
pub struct Signals(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Signals that no machine has taken yet.
    came: VecDeque<i32>,
    /// The newest machine, which may have ended.
    machine: Option<Sender<News>>,
}

impl Signals {
    /// A signal came.
    pub fn add(&self, signal: i32) {
        let mut state = self.state();
        state.came.push_back(signal);
        if let Some(machine) = &state.machine {
            let _ = machine.send(News::Signalled);
        }
    }

    /// The first signal that no machine has taken yet.
    pub fn take(&self) -> Option<i32> {
        self.state().came.pop_front()
    }

    /// The channel of the next machine.
    pub fn channel(&self) -> (Sender<News>, Receiver<News>) {
        let (sender, news) = mpsc::channel();
        let mut state = self.state();
        for _ in &state.came {
            let _ = sender.send(News::Signalled);
        }
        state.machine = Some(sender.clone());
        (sender, news)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{News, Signals};

    #[test]
    fn only_signals_carry_over_to_the_next_machine() {
        let signals = Signals::default();
        signals.add(1);
        let (first, news) = signals.channel();
        signals.add(2);
        assert!(matches!(news.try_iter().collect::<Vec<_>>()[..], [News::Signalled, News::Signalled]));
        assert_eq!((signals.take(), signals.take(), signals.take()), (Some(1), Some(2), None));

        // the first machine ends before it reads any of these
        first.send(News::Pressed).unwrap();
        signals.add(15);
        first.send(News::Written(Ok(()))).unwrap();
        drop(news);
        signals.add(1);

        let (_second, news) = signals.channel();
        let _ = first.send(News::Pressed);
        assert!(matches!(news.try_iter().collect::<Vec<_>>()[..], [News::Signalled, News::Signalled]));
        assert_eq!((signals.take(), signals.take(), signals.take()), (Some(15), Some(1), None));
    }
}
