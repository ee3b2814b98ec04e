//! `GET /v1/overview`: the first paint.

use crate::rig::Rig;

#[tokio::test]
async fn one_call_tells_what_the_others_tell() {
    let rig = Rig::new(12).await;
    let told = rig.get("/v1/overview?top=5").await.json();
    let (campaigns, pools) = (rig.get("/v1/campaigns").await.json(), rig.get("/v1/pools").await.json());
    let earners = rig.get("/v1/campaigns/first/accruals?limit=5").await.json();
    let mut campaign = told["campaigns"][0].clone();
    let top = campaign.as_object_mut().unwrap().remove("top").unwrap();
    assert_eq!((&campaign, &top), (&campaigns["data"][0], &earners["data"]));
    assert_eq!((&told["pools"], &told["meta"]), (&pools["data"], &pools["meta"]));
    let default = rig.get("/v1/overview").await.json();
    assert_eq!(default["campaigns"][0]["top"].as_array().unwrap().len(), 10);
    assert_eq!(rig.get("/v1/overview?top=51").await.code(), "bad_parameter");
    let empty = Rig::empty(None).await.get("/v1/overview").await.json();
    assert_eq!(empty["campaigns"][0]["top"], serde_json::json!([]));
}
