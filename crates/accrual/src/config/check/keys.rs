//! What is configured of keys.

use accrual_access::change::ACCEPTED_MAX;
use accrual_access::network::Networks;
use accrual_access::rotation::{OVERLAP_SECONDS_DEFAULT, OVERLAP_SECONDS_MAX, OVERLAP_SECONDS_SELF_MIN};
use accrual_access::upkeep::Policy;
use accrual_api::keys::{ClientRule, KeyRules};

use super::super::Keys;
use super::super::file;
use super::super::load::Written;
use super::{Checked, parse_at};

const DAY_SECONDS: u64 = 86_400;

pub(super) fn keys(file: &file::Keys, written: &Written) -> Checked<Keys> {
    let env = match file.env.as_str() {
        "any" => None,
        text => Some(parse_at("keys.env", text, written)?),
    };
    let accepted_max = usize::from(file.accepted_max);
    if !(1..=ACCEPTED_MAX).contains(&accepted_max) {
        let what = format!("is {accepted_max}: a client may have 1 to {ACCEPTED_MAX} accepted keys at once");
        return Err(written.error("keys.accepted_max", what));
    }
    if !(1..=300).contains(&file.propagation_seconds_max) {
        let what =
            "a change must be everywhere within 1 to 300 seconds; servers look for changes each second";
        return Err(written.error("keys.propagation_seconds_max", what));
    }
    let refuse_all_when_unconfirmed = match file.when_unconfirmed.as_str() {
        "refuse_ending" => false,
        "refuse_all" => true,
        text => {
            let what = format!("{text:?} is no rule: it is \"refuse_ending\" or \"refuse_all\"");
            return Err(written.error("keys.when_unconfirmed", what));
        }
    };
    if file.age_days_max == Some(0) {
        return Err(written.error("keys.age_days_max", "is 0: every key would be exchanged at once"));
    }
    let rules = KeyRules {
        accepted_max,
        propagation_seconds_max: u64::from(file.propagation_seconds_max),
        refuse_all_when_unconfirmed,
        env,
        policy: Policy {
            age_seconds_max: file.age_days_max.map(|days| u64::from(days) * DAY_SECONDS),
            ..Policy::default()
        },
        rotate: rules_of_clients(&file.rotate, written)?,
        audit_heads_file: file.audit_heads_file.clone(),
    };
    Ok(Keys { pepper_file: file.pepper_file.clone(), rules })
}

/// What each client's keys are exchanged by: one rule a client, with a place where the new key goes.
fn rules_of_clients(rules: &[file::RotateRule], written: &Written) -> Checked<Vec<ClientRule>> {
    let mut checked: Vec<ClientRule> = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let at = |key: &str| format!("keys.rotate[{index}].{key}");
        if checked.iter().any(|other| other.client == rule.client) {
            return Err(written.error(&at("client"), format!("{:?} has a rule already", rule.client)));
        }
        if rule.every_days == 0 {
            return Err(written.error(&at("every_days"), "is 0: its keys would be exchanged without end"));
        }
        let age_seconds = u64::from(rule.every_days) * DAY_SECONDS;
        let overlap_seconds = rule.overlap_seconds.unwrap_or(OVERLAP_SECONDS_DEFAULT);
        let longest = OVERLAP_SECONDS_MAX.min(age_seconds - 1);
        if !(OVERLAP_SECONDS_SELF_MIN..=longest).contains(&overlap_seconds) {
            let what = format!(
                "is {overlap_seconds}: an overlap lasts {OVERLAP_SECONDS_SELF_MIN} to {longest} seconds here, so that callers find the new key and it does not reach the next exchange"
            );
            return Err(written.error(&at("overlap_seconds"), what));
        }
        checked.push(ClientRule {
            client: rule.client.clone(),
            policy: Policy { age_seconds_max: Some(age_seconds), overlap_seconds },
            deliver: parse_at(&at("deliver"), &rule.deliver, written)?,
        });
    }
    Ok(checked)
}

pub(super) fn networks(key: &str, texts: &[String], written: &Written) -> Checked<Networks> {
    let parse = |(index, text): (usize, &String)| parse_at(&format!("{key}[{index}]"), text, written);
    texts.iter().enumerate().map(parse).collect()
}
