//! A pepper is exchanged for another: keys that are used move to the new one by themselves, and the old one can go.

use std::sync::Arc;

use accrual_api::keys::{Asker, KeyEdit};
use accrual_api::scope::Scope;
use accrual_api::{Api, ApiKey, Peppers, router};
use accrual_rewards::unit::UnixSeconds;
use axum::body::Body;
use axum::http::Request;
use secrecy::ExposeSecret;
use tower::ServiceExt;

use crate::rig::{Rig, START, settings};

const OLD: &str = "1:09090909090909090909090909090909";
const NEW: &str = "2:3333333333333333333333333333333333333333";

/// A server of its own over the rig's database, with its own peppers.
async fn server(rig: &Rig, peppers: &str) -> Api {
    let mut settings = settings(Arc::clone(&rig.now));
    settings.peppers = Peppers::parse(peppers).unwrap();
    let api = Api::new(rig.db.clone(), settings).unwrap();
    api.keys().refresh().await.unwrap();
    api.keys().beat().await.unwrap();
    api
}

/// The status of a call with `key` at a server that has read all changes.
async fn call(api: &Api, key: &ApiKey) -> u16 {
    api.keys().refresh().await.unwrap();
    let text = key.reveal();
    let request = Request::get("/v1/keys/self").header("x-api-key", text.expose_secret());
    let request = request.body(Body::empty()).unwrap();
    router(api).oneshot(request).await.unwrap().status().as_u16()
}

async fn versions(api: &Api) -> Vec<(u32, u64)> {
    accrual_store::keys::by_pepper(api.db(), UnixSeconds(START + 12)).await.unwrap()
}

#[tokio::test]
async fn a_used_key_moves_to_the_new_pepper_and_the_old_one_can_go() {
    let rig = Rig::told(|settings| settings.peppers = Peppers::parse(OLD).unwrap()).await;
    let (used, unused) =
        (rig.issue("desk", &[Scope::ReadPublic]).await, rig.issue("shelf", &[Scope::ReadPublic]).await);
    let both = server(&rig, &format!("{NEW}\n{OLD}")).await;
    let before = versions(&both).await;
    assert_eq!(before.iter().map(|(version, _)| *version).collect::<Vec<_>>(), [1]);
    assert_eq!(call(&both, &used).await, 200);
    assert_eq!(both.keys().renew_macs().await.unwrap(), 1);
    assert_eq!(both.keys().renew_macs().await.unwrap(), 0, "once");
    assert_eq!(versions(&both).await, [(1, before[0].1 - 1), (2, 1)]);
    assert_eq!(call(&both, &used).await, 200);
    assert_eq!(both.keys().renew_macs().await.unwrap(), 0, "it is under the new one");

    let only_new = server(&rig, NEW).await;
    assert_eq!((call(&only_new, &used).await, call(&only_new, &unused).await), (200, 401));
    let last =
        accrual_store::audit::after(&rig.db, 0, Default::default(), 1_000).await.unwrap().pop().unwrap();
    assert_eq!((last.action.as_str(), last.actor.as_str()), ("key.renew_mac", "accrual"));
    assert!(
        last.after_json.contains("\"pepper_version\":2") && !last.after_json.contains("mac"),
        "{}",
        last.after_json
    );
}

#[tokio::test]
async fn nothing_moves_while_a_server_lacks_the_new_pepper() {
    let rig = Rig::told(|settings| settings.peppers = Peppers::parse(OLD).unwrap()).await;
    let key = rig.issue("desk", &[Scope::ReadPublic]).await;
    let late = server(&rig, OLD).await;
    let both = server(&rig, &format!("{NEW}\n{OLD}")).await;
    assert_eq!(call(&both, &key).await, 200);
    assert_eq!(both.keys().renew_macs().await.unwrap(), 0, "the other would refuse the key");
    assert_eq!((call(&late, &key).await, call(&both, &key).await), (200, 200));
    // It stops, and comes back with both peppers, the old one first as it may be.
    accrual_store::replicas::leave(&rig.db, late.keys().replica_id()).await.unwrap();
    // By then what it held of the minute is free again.
    rig.set_now(START + 12 + 131);
    both.keys().beat().await.unwrap();
    let late = server(&rig, &format!("{OLD}\n{NEW}")).await;
    assert_eq!(call(&both, &key).await, 200);
    assert_eq!(both.keys().renew_macs().await.unwrap(), 1);
    assert_eq!(call(&late, &key).await, 200);
    assert_eq!(late.keys().renew_macs().await.unwrap(), 0, "never back to the older one");
    assert_eq!((call(&late, &key).await, call(&both, &key).await), (200, 200));
}

#[tokio::test]
async fn a_revoke_between_the_call_and_the_new_mac_stays() {
    let rig = Rig::told(|settings| settings.peppers = Peppers::parse(OLD).unwrap()).await;
    let key = rig.issue("desk", &[Scope::ReadPublic]).await;
    let both = server(&rig, &format!("{NEW}\n{OLD}")).await;
    assert_eq!(call(&both, &key).await, 200);
    rig.api.keys().edit(key.id(), &KeyEdit::Revoke, &Asker::default()).await.unwrap();
    assert_eq!(both.keys().renew_macs().await.unwrap(), 0);
    assert_eq!(call(&both, &key).await, 401);
    assert_eq!(both.keys().get(key.id()).await.unwrap().pepper_version, 1);
}
