//! Nonces and claims: what is good for once is had once, whoever asks and however many at once.

use accrual_rewards::unit::UnixSeconds;
use accrual_store::sign_in;
use accrual_tests::db::on_each_engine;

fn at(seconds: u64) -> UnixSeconds {
    UnixSeconds(seconds)
}

#[tokio::test]
async fn a_nonce_is_good_for_once_and_for_a_while() {
    on_each_engine(async |fresh| {
        let db = &fresh.db;
        for (nonce, issued_at) in [("a", 100), ("b", 100), ("c", 101)] {
            sign_in::issue(db, nonce, at(issued_at)).await.unwrap();
        }
        assert!(sign_in::issue(db, "a", at(100)).await.is_err(), "nobody else is given the same");
        let cases = [
            // nonce, now, issued after, whether it was good
            ("never issued", 110, 0, false),
            ("a", 110, 100, false),
            ("a", 110, 99, true),
            ("a", 110, 99, false),
            ("c", 701, 101, false),
            ("c", 700, 100, true),
        ];
        for (nonce, now, after, good) in cases {
            let used = sign_in::use_once(db, nonce, at(now), at(after)).await.unwrap();
            assert_eq!(used, good, "{nonce} at {now}");
        }
        assert_eq!(sign_in::prune(db, at(99)).await.unwrap(), 0);
        assert_eq!(sign_in::prune(db, at(100)).await.unwrap(), 2, "used or not");
        assert!(!sign_in::use_once(db, "b", at(110), at(0)).await.unwrap());
        assert_eq!(sign_in::prune(db, at(u64::MAX)).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn of_many_at_once_one_has_it() {
    on_each_engine(async |fresh| {
        sign_in::issue(&fresh.db, "n", at(5)).await.unwrap();
        let uses = (0..16).map(|_| sign_in::use_once(&fresh.db, "n", at(6), at(0)));
        let used = futures::future::join_all(uses).await;
        assert_eq!(used.into_iter().filter(|used| *used.as_ref().unwrap()).count(), 1, "nonce");
        let claims = (0..16).map(|_| sign_in::claim(&fresh.db, "w", at(6), at(36)));
        let claimed = futures::future::join_all(claims).await;
        assert_eq!(claimed.into_iter().filter(|claimed| *claimed.as_ref().unwrap()).count(), 1, "claim");
    })
    .await;
}

#[tokio::test]
async fn a_claim_ends_by_itself_and_is_given_back_by_its_holder_only() {
    on_each_engine(async |fresh| {
        let claim =
            async |wallet, now, until| sign_in::claim(&fresh.db, wallet, at(now), at(until)).await.unwrap();
        assert!(claim("w", 10, 40).await);
        assert!(!claim("w", 39, 69).await, "busy");
        assert!(claim("v", 39, 69).await, "another wallet is another matter");
        assert!(claim("w", 40, 70).await, "its holder was killed");
        sign_in::release(&fresh.db, "w", at(40)).await.unwrap();
        assert!(!claim("w", 41, 71).await, "the late holder gave back what was not its own any more");
        sign_in::release(&fresh.db, "w", at(70)).await.unwrap();
        assert!(claim("w", 42, 72).await);
    })
    .await;
}
