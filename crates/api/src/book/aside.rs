//! Work over all positions, on a thread of its own that lets those go first who answer.

use std::sync::mpsc;
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// The thread; begun with the first work, and over with the book.
#[derive(Debug, Default)]
pub(super) struct Aside(Mutex<Option<mpsc::Sender<Job>>>);

impl Aside {
    /// Does `work` there, after what it has to do already.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (tell, told) = oneshot::channel();
        self.later(move || {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // Whoever waited may be gone, as at a shutdown.
            let _ = tell.send(done);
        });
        match told.await {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            // The thread is gone only with the process.
            Err(_) => std::future::pending().await,
        }
    }

    /// Has `work` done there; nobody waits for it.
    pub(super) fn later(&self, work: impl FnOnce() + Send + 'static) {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = jobs.get_or_insert_with(begin);
        if let Err(mpsc::SendError(work)) = sender.send(Box::new(work)) {
            // No thread can be had: then it is done here.
            work();
        }
    }
}

fn begin() -> mpsc::Sender<Job> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let work = move || {
        go_last();
        jobs.into_iter().for_each(|job| job());
    };
    if let Err(error) = std::thread::Builder::new().name("book".to_owned()).spawn(work) {
        tracing::warn!(%error, "no thread can be had for the read model, so callers wait for its work");
    }
    sender
}

/// Has this thread run when those that answer have nothing to do, and for a sixteenth of a processor where they always have.
#[cfg(target_os = "linux")]
fn go_last() {
    const NICENESS: i32 = 12;
    // Linux takes this of a thread alone. Without it all is only slower for those who ask meanwhile.
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

#[cfg(not(target_os = "linux"))]
fn go_last() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_in_turn_and_a_panic_is_the_callers() {
        let aside = Aside::default();
        let (sender, said) = mpsc::channel();
        let first = sender.clone();
        aside.later(move || first.send(1).unwrap());
        assert_eq!(aside.run(move || sender.send(2).map(|()| "done").unwrap()).await, "done");
        assert_eq!(said.into_iter().collect::<Vec<_>>(), [1, 2]);
        let failing = std::panic::AssertUnwindSafe(aside.run(|| panic!("no such row")));
        assert!(futures::FutureExt::catch_unwind(failing).await.is_err());
        assert_eq!(aside.run(|| 3).await, 3, "it goes on");
    }
}
