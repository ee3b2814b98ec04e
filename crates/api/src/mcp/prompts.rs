//! Prompts that users pick: which tools to call, and what to make of them.

use rmcp::model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role};

/// No campaign's id and no address is longer.
const ARGUMENT_CHARS_MAX: usize = 100;

struct Offered {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    argument: &'static str,
    about: &'static str,
    /// With `{}` where the argument goes.
    text: &'static str,
}

const OFFERED: [Offered; 2] = [
    Offered {
        name: "campaign_brief",
        title: "Brief on a campaign",
        description: "What a campaign pays, to whom, and what its rate is made of.",
        argument: "campaign",
        about: "The campaign's id, as list_campaigns tells it.",
        text: "Write a brief on the reward campaign {} for a liquidity provider. Call get_campaign and explain_apr for it. \
               Say what it pays and until when, how much of the budget was earned and how much nobody earned and why, the \
               yearly rate with its parts and whether it is an estimate, and who earned most. Name the block and the time \
               of the figures, and whether they are final. Write amounts in whole tokens, exactly. Say what is unknown and \
               why; guess nothing.",
    },
    Offered {
        name: "wallet_week",
        title: "A wallet's last week",
        description: "What a wallet earned in the last seven days, and which of its positions stand idle.",
        argument: "address",
        about: "The wallet: 0x and 40 hexadecimal digits.",
        text: "Review the last seven days of the wallet {}. Call get_wallet_rewards, and for each campaign in which it \
               earned something get_wallet_history with interval 1d and from seven days ago. Say what it earned each day \
               and in all, in whole tokens, exactly; which positions earn now, and for each idle one why and what would \
               change that. Name the block and the time of the figures. These are earnings by our own count, not what has \
               been credited or claimed. Say what is unknown and why; guess nothing.",
    },
];

pub(super) fn all() -> Vec<Prompt> {
    let prompt = |offered: &Offered| {
        let argument =
            PromptArgument::new(offered.argument).with_description(offered.about).with_required(true);
        Prompt::new(offered.name, Some(offered.description), Some(vec![argument])).with_title(offered.title)
    };
    OFFERED.iter().map(prompt).collect()
}

/// A prompt with its argument in place; or what is wrong.
pub(super) fn filled(name: &str, arguments: Option<&JsonObject>) -> Result<GetPromptResult, String> {
    let found = OFFERED.iter().find(|offered| offered.name == name);
    let names = OFFERED.map(|offered| offered.name).join(", ");
    let offered = found.ok_or_else(|| format!("There is no such prompt; there are {names}."))?;
    let given = arguments.and_then(|arguments| arguments.get(offered.argument)?.as_str());
    let is_name = |text: &str| {
        let named = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        (1..=ARGUMENT_CHARS_MAX).contains(&text.len()) && text.chars().all(named)
    };
    // It becomes part of what a model is told to do: an id or an address, and nothing that could say more.
    let value = given.map(str::trim).filter(|text| is_name(text)).ok_or_else(|| {
        format!(
            "The argument {} is needed: {} Letters, digits and - _ . : only.",
            offered.argument, offered.about
        )
    })?;
    let message = PromptMessage::new_text(Role::User, offered.text.replace("{}", value));
    Ok(GetPromptResult::new(vec![message]).with_description(offered.description))
}
