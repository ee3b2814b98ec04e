//! How often one network may try to sign in, asked before any work is done.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use accrual_access::network::Network;
use accrual_rewards::unit::UnixSeconds;

/// In no span of so many seconds are more than [`CALLS_MAX`] calls of one network let through.
const WINDOW_SECONDS: u64 = 60;
const CALLS_MAX: usize = 10;
/// So many networks are remembered at once, about a kilobyte each at the most. Past that, new ones wait.
const NETWORKS_MAX: usize = 10_000;

/// The calls of the last minute, by network.
#[derive(Debug, Default)]
pub(crate) struct Gate(Mutex<HashMap<Network, VecDeque<UnixSeconds>>>);

impl Gate {
    /// Lets a call of `network` through at `now`, or says after how many seconds to come again. A call that is not let
    /// through does not count.
    pub(crate) fn admit(&self, network: Network, now: UnixSeconds) -> Result<(), u64> {
        let mut networks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !networks.contains_key(&network) && networks.len() >= NETWORKS_MAX {
            networks.retain(|_, calls| calls.back().is_some_and(|last| is_recent(*last, now)));
            if networks.len() >= NETWORKS_MAX {
                return Err(WINDOW_SECONDS);
            }
        }
        let calls = networks.entry(network).or_default();
        while calls.front().is_some_and(|first| !is_recent(*first, now)) {
            calls.pop_front();
        }
        match calls.front() {
            Some(first) if calls.len() >= CALLS_MAX => Err(WINDOW_SECONDS - now.since(*first)),
            _ => {
                calls.push_back(now);
                Ok(())
            }
        }
    }
}

fn is_recent(call: UnixSeconds, now: UnixSeconds) -> bool {
    now.since(call) < WINDOW_SECONDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(n: usize) -> Network {
        let [.., a, b, c] = u32::try_from(n).unwrap().to_be_bytes();
        Network::around([a, b, c, 9].into())
    }

    #[test]
    fn ten_a_minute_in_any_minute() {
        let gate = Gate::default();
        let admit = |network, now| gate.admit(network, UnixSeconds(now));
        let (one, other) = (network(1), network(2));
        for now in 100..110 {
            assert_eq!(admit(one, now), Ok(()));
        }
        assert_eq!(admit(one, 109), Err(51));
        assert_eq!(admit(one, 159), Err(1));
        assert_eq!(admit(other, 159), Ok(()), "others are not concerned");
        assert_eq!(admit(one, 160), Ok(()), "the first call is a minute ago");
        assert_eq!(admit(one, 160), Err(1), "the second is not");
        assert_eq!(admit(one, 400), Ok(()));
    }

    #[test]
    fn a_flood_of_networks_is_bounded_and_passes() {
        let gate = Gate::default();
        for n in 0..NETWORKS_MAX {
            assert_eq!(gate.admit(network(n), UnixSeconds(100)), Ok(()));
        }
        assert_eq!(gate.admit(network(NETWORKS_MAX), UnixSeconds(159)), Err(60));
        assert_eq!(gate.0.lock().unwrap().len(), NETWORKS_MAX);
        assert_eq!(gate.admit(network(0), UnixSeconds(159)), Ok(()), "who is known goes on");
        assert_eq!(gate.admit(network(NETWORKS_MAX), UnixSeconds(160)), Ok(()));
        assert_eq!(gate.0.lock().unwrap().len(), 2, "who came a minute ago is forgotten");
    }
}
