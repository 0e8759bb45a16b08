//! What reaches the thread that waits for a machine. Each machine has a channel of its own: what the threads of one still
//! say is not taken for the next. Only signals are kept.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shim::last_word::LastWord;

/// What happened.
#[derive(Debug)]
pub enum News {
    /// Ctrl-a x was pressed.
    Pressed,
    /// There is one more signal to take.
    Signalled,
    /// The console ended, with that last word.
    Ended(Option<LastWord>),
    /// All that the console printed is written, or cannot be.
    Written(io::Result<()>),
}

/// Signals for the machine that runs, else for the next.
#[derive(Clone, Default)]
pub struct Signals(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Those that no machine has taken.
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

    /// The first that no machine has taken.
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

        // none of this is seen before it ends
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
