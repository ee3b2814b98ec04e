//! From looks to seconds: how the time between two looks is booked.

use accrual_rewards::unit::UnixSeconds;
use accrual_store::allowances::LEASE_MS;
use accrual_store::status::{HourSeconds, Standing, StateSeconds};

use super::components::{Component, Look, State};

const HOUR: u64 = 3_600;
/// A server that starts finds that another has booked at most so long ago, where another runs.
const UNSEEN_SECONDS_MAX: u64 = 20;
/// Servers serve so long without the database.
pub(super) const LEASE_SECONDS: u64 = LEASE_MS / 1_000;

/// The time from one booking to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Between {
    /// Up to where it was booked.
    pub(crate) from: UnixSeconds,
    /// Now.
    pub(crate) to: UnixSeconds,
    /// When the server that books first looked.
    pub(crate) alive_since: UnixSeconds,
    /// Since when it could not book, if that is why so much time has passed.
    pub(crate) failing_since: Option<UnixSeconds>,
}

/// A stretch of one state.
type Stretch = (UnixSeconds, UnixSeconds, State);

/// What is to be written of the time between, and what everything is like now.
pub(crate) fn book(between: &Between, look: &Look) -> (Vec<HourSeconds>, Vec<Standing>) {
    let (mut hours, mut standings) = (Vec::new(), Vec::new());
    for seen in &look.components {
        let stretches = stretches(between, seen.component, seen.state);
        for (from, to, state) in &stretches {
            hours.extend(by_hour(*from, *to).map(|(hour, seconds)| HourSeconds {
                component: seen.component.as_str(),
                hour,
                seconds: state.seconds(seconds),
            }));
        }
        standings.extend(troubles(&stretches, seen.component, between));
        let trouble = (seen.state != State::Operational)
            .then(|| (seen.state.as_str(), seen.reason.clone().unwrap_or_default()));
        standings.push(Standing { component: seen.component.as_str(), at: between.to, trouble });
    }
    (hours, standings)
}

/// How the time between was for a component that is now in `state`, in order of time.
fn stretches(between: &Between, component: Component, state: State) -> Vec<Stretch> {
    let Between { from, to, alive_since, failing_since } = *between;
    if let Some(failed) = failing_since.map(|failed| failed.max(from)) {
        // This server ran, and looked, and the database was away: since the last look, as far as anybody knows.
        let served_to = UnixSeconds(from.0.saturating_add(LEASE_SECONDS)).min(to);
        return match component {
            Component::Database => vec![(from, failed, State::Operational), (failed, to, State::Down)],
            Component::Api => vec![(from, served_to, State::Degraded), (served_to, to, State::Down)],
            _ => Vec::new(),
        };
    }
    if alive_since.since(from) > UNSEEN_SECONDS_MAX {
        // Nobody ran.
        return match component {
            Component::Api => vec![(from, alive_since, State::Down), (alive_since, to, state)],
            _ => vec![(alive_since, to, state)],
        };
    }
    vec![(from, to, state)]
}

/// What went wrong between and is over: the state now is noted after it.
fn troubles(stretches: &[Stretch], component: Component, between: &Between) -> Vec<Standing> {
    let [before @ .., _] = stretches else { return Vec::new() };
    let reason = match between.failing_since {
        Some(_) => "the database did not answer",
        None => "no server ran",
    };
    let trouble = |(at, to, state): &Stretch| {
        let is_trouble = *state != State::Operational && at < to;
        is_trouble.then(|| Standing {
            component: component.as_str(),
            at: *at,
            trouble: Some((state.as_str(), reason.to_owned())),
        })
    };
    let mut told: Vec<Standing> = before.iter().filter_map(trouble).collect();
    if between.failing_since.is_some() {
        told.extend(stretches.last().and_then(trouble));
    }
    told
}

/// The seconds of each hour from `from` to `to`.
fn by_hour(from: UnixSeconds, to: UnixSeconds) -> impl Iterator<Item = (UnixSeconds, u64)> {
    let (first, last) = (from.0 / HOUR, to.0 / HOUR);
    (first..=last).filter_map(move |hour| {
        let (begins, ends) = (hour * HOUR, (hour + 1) * HOUR);
        let seconds = to.0.min(ends).saturating_sub(from.0.max(begins));
        (seconds > 0).then_some((UnixSeconds(begins), seconds))
    })
}

impl State {
    fn seconds(self, seconds: u64) -> StateSeconds {
        let mut all = StateSeconds::default();
        match self {
            Self::Operational => all.operational = seconds,
            Self::Degraded => all.degraded = seconds,
            Self::Down => all.down = seconds,
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::super::components::Seen;
    use super::*;

    const T: u64 = 1_749_999_600; // a full hour

    fn at(seconds: u64) -> UnixSeconds {
        UnixSeconds(T + seconds)
    }

    fn look(state: State) -> Look {
        let seen = |component| Seen { reason: Some("so it is".to_owned()), ..Seen::new(component, state) };
        Look {
            at: at(0),
            components: vec![seen(Component::Api), seen(Component::Database), seen(Component::Book)],
            webhooks_pending: None,
        }
    }

    /// Operational, degraded and down seconds of a component.
    fn sum(hours: &[HourSeconds], component: Component) -> (u64, u64, u64) {
        let own = hours.iter().filter(|hour| hour.component == component.as_str());
        own.fold((0, 0, 0), |(a, b, c), hour| {
            let StateSeconds { operational, degraded, down } = hour.seconds;
            (a + operational, b + degraded, c + down)
        })
    }

    #[test]
    fn what_is_booked() {
        let between = |from, to, alive, failing: Option<u64>| Between {
            from: at(from),
            to: at(to),
            alive_since: at(alive),
            failing_since: failing.map(at),
        };
        let cases = [
            ("a look after ten seconds", between(100, 110, 0, None), [(10, 0, 0), (10, 0, 0), (10, 0, 0)]),
            ("a busy machine was late", between(100, 190, 0, None), [(90, 0, 0), (90, 0, 0), (90, 0, 0)]),
            ("a second server starts", between(100, 112, 110, None), [(12, 0, 0), (12, 0, 0), (12, 0, 0)]),
            (
                "nobody ran for an hour",
                between(100, 3_710, 3_700, None),
                [(10, 0, 3_600), (10, 0, 0), (10, 0, 0)],
            ),
            (
                "a short outage of the database",
                between(100, 150, 0, Some(110)),
                [(0, 50, 0), (10, 0, 40), (0, 0, 0)],
            ),
            ("a long one", between(100, 400, 0, Some(110)), [(0, 65, 235), (10, 0, 290), (0, 0, 0)]),
        ];
        for (name, between, expected) in cases {
            let (hours, _) = book(&between, &look(State::Operational));
            let [api, database, other] = [Component::Api, Component::Database, Component::Book];
            let found = [api, database, other].map(|component| sum(&hours, component));
            assert_eq!(found, expected, "{name}");
            let span = between.to.since(between.from);
            assert_eq!(found[0].0 + found[0].1 + found[0].2, span, "{name}: the service's time is whole");
        }
    }

    #[test]
    fn hours_are_cut_where_they_end() {
        let cut = |from, to| by_hour(at(from), at(to)).map(|(hour, s)| (hour.0 - T, s)).collect::<Vec<_>>();
        assert_eq!(cut(3_590, 3_605), [(0, 10), (3_600, 5)]);
        assert_eq!(cut(0, 3_600), [(0, 3_600)]);
        assert_eq!(cut(10, 10), []);
        assert_eq!(cut(3_000, 11_000), [(0, 600), (3_600, 3_600), (7_200, 3_600), (10_800, 200)]);
    }

    #[test]
    fn incidents_begin_and_end() {
        let told = |between: Between, state| {
            let (_, standings) = book(&between, &look(state));
            let own = standings.into_iter().filter(|one| one.component == "api");
            own.map(|one| (one.at.0 - T, one.trouble.map(|(state, why)| format!("{state}: {why}"))))
                .collect::<Vec<_>>()
        };
        let usual = Between { from: at(0), to: at(10), alive_since: at(0), failing_since: None };
        assert_eq!(told(usual, State::Operational), [(10, None)]);
        assert_eq!(told(usual, State::Degraded), [(10, Some("degraded: so it is".to_owned()))]);
        let started = Between { alive_since: at(100), to: at(110), ..usual };
        assert_eq!(
            told(started, State::Operational),
            [(0, Some("down: no server ran".to_owned())), (110, None)]
        );
        let failed = Between { to: at(110), failing_since: Some(at(10)), ..usual };
        let why = |state| Some(format!("{state}: the database did not answer"));
        assert_eq!(told(failed, State::Operational), [(0, why("degraded")), (65, why("down")), (110, None)]);
    }
}
