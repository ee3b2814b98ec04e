//! Where a simulation runs. It waits for its database's thread at each step, and that one waits for it: on one core they take turns,
//! on two each wakes the other across them, which takes nearly twice as long in all.

/// Keeps this thread, and those that it starts, on one of the cores that the process may use.
#[cfg(target_os = "linux")]
pub(crate) fn stay_on_one(number: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect();
    let Some(core) = number.checked_rem(cores.len()).map(|place| cores[place]) else { return };
    let mut one = CpuSet::new();
    one.set(core);
    // Without it all is only slower.
    let _ = sched_setaffinity(None, &one);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn stay_on_one(_: usize) {}
