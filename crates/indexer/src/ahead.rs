//! Work that goes on while whoever asked for it is busy, and ends with them. Where there is only one thread, as in a
//! simulation, it is done when it is asked for.

use std::pin::pin;

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// So many items wait for whoever takes them, beside the one that is being handed over.
const WAITING_MAX: usize = 1;

/// The outcome of `work`, which runs on whichever thread is free.
pub(crate) async fn task<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    if is_alone() {
        return work.await;
    }
    finished(AbortOnDropHandle::new(tokio::spawn(work))).await
}

/// The items of `stream`, which is driven on even while nobody waits for the next.
pub(crate) fn driven<T: Send + 'static>(
    stream: impl Stream<Item = T> + Send + 'static,
) -> BoxStream<'static, T> {
    if is_alone() {
        return stream.boxed();
    }
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let driver = AbortOnDropHandle::new(tokio::spawn(async move {
        let mut stream = pin!(stream);
        while let Some(item) = stream.next().await {
            if sender.send(item).await.is_err() {
                return;
            }
        }
    }));
    let next = async |(mut receiver, driver): (mpsc::Receiver<T>, AbortOnDropHandle<()>)| {
        match receiver.recv().await {
            Some(item) => Some((item, (receiver, driver))),
            // It came to its end, or broke off.
            None => {
                finished(driver).await;
                None
            }
        }
    };
    futures::stream::unfold((receiver, driver), next).boxed()
}

async fn finished<T>(running: AbortOnDropHandle<T>) -> T {
    match running.await {
        Ok(done) => done,
        Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        // Nobody aborts it but the runtime's own end.
        Err(_) => std::future::pending().await,
    }
}

fn is_alone() -> bool {
    Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_driven_stream_goes_on_and_keeps_its_order() {
        let made = Arc::new(AtomicUsize::new(0));
        let counted = made.clone();
        let numbers = futures::stream::iter(0..50).inspect(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let mut driven = driven(numbers);
        while made.load(Ordering::SeqCst) < WAITING_MAX + 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(driven.next().await, Some(0));
        assert_eq!(driven.collect::<Vec<_>>().await, (1..50).collect::<Vec<_>>());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_that_is_dropped_is_driven_no_more() {
        let held = Arc::new(());
        let kept = held.clone();
        let driven = driven(futures::stream::repeat_with(move || Arc::strong_count(&kept)));
        drop(driven);
        while Arc::strong_count(&held) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    #[should_panic(expected = "the third")]
    async fn one_that_breaks_off_does_not_look_like_its_end() {
        let numbers = futures::stream::iter(0..9).inspect(|number| assert!(*number != 3, "the third"));
        driven(numbers).collect::<Vec<_>>().await;
    }

    #[tokio::test]
    async fn with_one_thread_nothing_is_made_before_it_is_asked_for() {
        let made = AtomicUsize::new(0);
        let made: &'static AtomicUsize = Box::leak(Box::new(made));
        let mut driven = driven(futures::stream::iter(0..9).inspect(|_| {
            made.fetch_add(1, Ordering::SeqCst);
        }));
        tokio::task::yield_now().await;
        assert_eq!(made.load(Ordering::SeqCst), 0);
        assert_eq!(driven.next().await, Some(0));
        assert_eq!(task(async { 7 }).await, 7);
    }
}
