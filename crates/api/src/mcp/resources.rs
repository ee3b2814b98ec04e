//! Resources: what tools tell too, under addresses that a client can keep, and the glossary.

use rmcp::model::{Resource, ResourceContents, ResourceTemplate};
use serde_json::{Value, json};

use super::tools::{Desk, Tool};
use crate::app::Api;
use crate::error::ApiError;
use crate::params;

const JSON: &str = "application/json";
const GLOSSARY: &str = "accrual://glossary";
const GLOSSARY_TEXT: &str = include_str!("../../../../GLOSSARY.md");
/// A list of resources is for people to pick from; what is beyond it is found by the templates.
const LISTED_MAX: usize = 100;

/// The glossary, and each configured campaign and pool.
pub(super) fn all(api: &Api) -> Vec<Resource> {
    let glossary = Resource::new(GLOSSARY, "glossary")
        .with_title("Glossary")
        .with_description("What the words in answers mean.")
        .with_mime_type("text/markdown");
    let campaigns = api.book().campaigns().iter().map(|campaign| {
        let name = format!("campaign {}", campaign.id);
        Resource::new(format!("accrual://campaign/{}", campaign.id), name)
            .with_description("The campaign as get_campaign tells it.")
            .with_mime_type(JSON)
    });
    let chain_id = api.settings().chain_id;
    let mut places = Vec::new();
    let pools = api.book().pools().iter().filter_map(|info| {
        let place = info.pool.address;
        // Pools that differ in their wrappers alone are one resource.
        (!places.contains(&place)).then(|| {
            places.push(place);
            let name = format!("pool {}", info.pool.id);
            Resource::new(format!("accrual://pool/{chain_id}/{}", place.to_checksum(None)), name)
                .with_description("The pool as compare_pools tells it.")
                .with_mime_type(JSON)
        })
    });
    std::iter::once(glossary).chain(campaigns).chain(pools).take(LISTED_MAX).collect()
}

/// How the others are addressed.
pub(super) fn templates() -> Vec<ResourceTemplate> {
    let template = |uri: &str, name: &str, about: &str| {
        ResourceTemplate::new(uri, name).with_description(about).with_mime_type(JSON)
    };
    vec![
        template("accrual://campaign/{id}", "campaign", "A campaign as get_campaign tells it."),
        template("accrual://pool/{chain_id}/{address}", "pool", "A pool as compare_pools tells it."),
    ]
}

/// What is at `uri`.
///
/// # Errors
/// `not_found` when nothing is; else what the tool behind it refuses with.
pub(super) async fn read(desk: &Desk, uri: &str) -> Result<ResourceContents, ApiError> {
    if uri == GLOSSARY {
        return Ok(ResourceContents::text(GLOSSARY_TEXT, uri).with_mime_type("text/markdown"));
    }
    let place = uri.strip_prefix("accrual://").unwrap_or_default();
    let parts: Vec<&str> = place.split('/').collect();
    let (tool, arguments) = match parts[..] {
        ["campaign", id] => (Tool::GetCampaign, json!({ "campaign": id })),
        ["pool", chain_id, address] => (Tool::ComparePools, pools(desk, chain_id, address)?),
        _ => return Err(ApiError::no_such("resource", uri)),
    };
    let told = tool.call(desk, arguments).await?;
    Ok(ResourceContents::text(told.text, uri).with_mime_type(JSON))
}

/// The pools at an address, as `compare_pools` takes them.
fn pools(desk: &Desk, chain_id: &str, address: &str) -> Result<Value, ApiError> {
    let nothing = || ApiError::no_such("pool", address);
    if chain_id != desk.api.settings().chain_id.to_string() {
        return Err(nothing());
    }
    let address = params::address(address).map_err(|_| nothing())?;
    let there = desk.api.book().pools().iter().filter(|info| info.pool.address == address);
    let ids: Vec<&str> = there.map(|info| info.pool.id.as_str()).collect();
    if ids.is_empty() { Err(nothing()) } else { Ok(json!({ "pools": ids })) }
}
