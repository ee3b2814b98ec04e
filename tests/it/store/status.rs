//! What the service was like: booked once, added up, forgotten.

use accrual_rewards::unit::UnixSeconds;
use accrual_store::status::{
    HourSeconds, IncidentRow, Standing, StateSeconds, StatusClock, account, begin, clock, days, forget,
    incidents, sum,
};
use accrual_tests::db::on_each_engine;

/// The first second of a day.
const DAY: u64 = 1_749_081_600;

fn at(seconds: u64) -> UnixSeconds {
    UnixSeconds(DAY + seconds)
}

fn hour(component: &'static str, hour: u64, (operational, degraded, down): (u64, u64, u64)) -> HourSeconds {
    HourSeconds { component, hour: at(hour * 3_600), seconds: StateSeconds { operational, degraded, down } }
}

fn standing(seconds: u64, trouble: Option<&'static str>) -> Standing {
    let trouble = trouble.map(|state| (state, format!("it was {state}")));
    Standing { component: "api", at: at(seconds), trouble }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stretch_of_time_is_booked_once() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        assert_eq!(clock(db).await.unwrap(), None);
        begin(db, at(0)).await.unwrap();
        begin(db, at(5)).await.unwrap();
        assert_eq!(clock(db).await.unwrap(), Some(StatusClock { since: at(0), told_to: at(0) }));

        // Two servers look at the same moment.
        let seconds = [hour("api", 0, (10, 0, 0))];
        let book = |to| account(db, (at(0), at(to)), &seconds, &[]);
        let (first, second) = tokio::join!(book(10), book(11));
        assert_eq!([first.unwrap(), second.unwrap()].iter().filter(|booked| **booked).count(), 1);
        let whole = StateSeconds { operational: 10, degraded: 0, down: 0 };
        assert_eq!(sum(db, "api", at(0)).await.unwrap(), whole, "once");
        let StatusClock { since, told_to } = clock(db).await.unwrap().unwrap();
        assert!(since == at(0) && (told_to == at(10) || told_to == at(11)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_add_up_to_days_and_are_forgotten() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        begin(db, at(0)).await.unwrap();
        let looks: [(u64, u64, &[HourSeconds]); 3] = [
            (
                0,
                3_610,
                &[hour("api", 0, (3_600, 0, 0)), hour("api", 1, (4, 6, 0)), hour("keys", 1, (10, 0, 0))],
            ),
            (3_610, 3_620, &[hour("api", 1, (0, 3, 7))]),
            (3_620, 86_410, &[hour("api", 24, (10, 0, 0))]),
        ];
        for (from, to, hours) in looks {
            assert!(account(db, (at(from), at(to)), hours, &[]).await.unwrap());
        }
        let told = days(db, at(0)).await.unwrap();
        let state = |operational, degraded, down| StateSeconds { operational, degraded, down };
        assert_eq!(told["api"][&at(0)], state(3_604, 9, 7));
        assert_eq!(told["api"][&at(86_400)], state(10, 0, 0));
        assert_eq!(told["keys"][&at(0)], state(10, 0, 0));
        assert_eq!(sum(db, "api", at(3_600)).await.unwrap(), state(14, 9, 7), "from that hour on");
        assert_eq!(sum(db, "nothing", at(0)).await.unwrap(), StateSeconds::default());
        forget(db, at(86_400)).await.unwrap();
        let told = days(db, at(0)).await.unwrap();
        assert_eq!(told.keys().collect::<Vec<_>>(), ["api"]);
        assert_eq!(told["api"].len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_lasts_until_it_is_over() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        begin(db, at(0)).await.unwrap();
        let looks = [
            (10, vec![standing(10, None)]),
            (20, vec![standing(20, Some("degraded"))]),
            (30, vec![standing(30, Some("degraded"))]),
            (40, vec![standing(40, Some("down"))]),
            // Nobody ran for a while, and all is well again.
            (500, vec![standing(50, Some("down")), standing(480, None)]),
            (510, vec![standing(510, Some("degraded"))]),
        ];
        let mut from = 0;
        for (to, standings) in looks {
            assert!(account(db, (at(from), at(to)), &[], &standings).await.unwrap());
            from = to;
        }
        let row = |began: u64, ended: Option<u64>, state: &str| IncidentRow {
            component: "api".to_owned(),
            began_at: at(began),
            ended_at: ended.map(at),
            state: state.to_owned(),
            reason: format!("it was {state}"),
        };
        let all = [row(510, None, "degraded"), row(40, Some(480), "down"), row(20, Some(40), "degraded")];
        assert_eq!(incidents(db, at(0), 10).await.unwrap(), all);
        assert_eq!(incidents(db, at(0), 1).await.unwrap(), all[..1]);
        assert_eq!(incidents(db, at(100), 10).await.unwrap(), all[..2]);
        forget(db, at(1_000)).await.unwrap();
        assert_eq!(incidents(db, at(0), 10).await.unwrap(), all[..1], "what lasts is kept");
    })
    .await;
}
