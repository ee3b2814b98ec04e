//! Who stands between the store and its engine, where somebody does: a simulation, which lets steps fail or the process
//! end between any two of them. In service nobody does.

use std::fmt::Debug;

/// One thing that is asked of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A statement that reads outside a transaction.
    Read,
    /// The beginning of a transaction that writes.
    Begin,
    /// A statement inside one.
    Statement,
    /// Its end, by which all of it is kept.
    Commit,
}

/// What comes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// What the engine says.
    GoOn,
    /// An error; what the engine did stays done.
    Fail,
    /// Nothing, ever: the process ends here.
    Never,
}

/// Told of each step before and after the engine takes it.
pub trait Steps: Debug + Send + Sync {
    /// Asked before a step. Unless it goes on, the engine hears nothing of it.
    fn before(&self, step: Step) -> Fate;
    /// Asked once the engine has answered, before anybody hears of it.
    fn after(&self, step: Step) -> Fate;
}

/// The fate as an engine's answer.
pub(crate) async fn meet(fate: Fate) -> Result<(), sqlx::Error> {
    match fate {
        Fate::GoOn => Ok(()),
        Fate::Fail => Err(sqlx::Error::Io(std::io::Error::other("a simulated failure"))),
        Fate::Never => std::future::pending().await,
    }
}
