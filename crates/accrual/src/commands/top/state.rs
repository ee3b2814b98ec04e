//! What was told last, what is chosen, and what keys do.

use accrual_client::types::{CampaignOverview, Meta, Overview, Status};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tokio::time::Instant;

use super::pace::Pace;
use super::words::span;
use crate::failure::{Failure, Outcome};

/// That blocks left the chain is said for so long.
const REWOUND_SECONDS: u64 = 30;
/// Rows of the screen beside those of its two lists.
const FRAME_ROWS: usize = 18;
const PAGE_ROWS: usize = 10;

/// All that one look shows.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) overview: Overview,
    pub(super) status: Status,
}

/// The list that keys act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Panel {
    Campaigns,
    Earners,
}

/// What lies over the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Nothing,
    Help,
    /// Everything of the row that is chosen.
    Details,
}

/// The view.
#[derive(Debug)]
pub(super) struct Top {
    pub(super) source: String,
    pub(super) look: Option<Look>,
    looked_at: Option<Instant>,
    /// Since when looks fail, and why.
    missed: Option<(Instant, String)>,
    rewound_at: Option<Instant>,
    pub(super) pace: Pace,
    pub(super) panel: Panel,
    pub(super) over: Over,
    /// By id: rows come and go.
    campaign: Option<String>,
    account: Option<String>,
    is_over: bool,
}

impl Top {
    pub(super) fn new(source: String, campaign: Option<String>) -> Self {
        Self {
            source,
            look: None,
            looked_at: None,
            missed: None,
            rewound_at: None,
            pace: Pace::default(),
            panel: Panel::Campaigns,
            over: Over::Nothing,
            campaign,
            account: None,
            is_over: false,
        }
    }

    /// That a campaign asked for by name is there.
    pub(super) fn check_campaign(&self, look: &Look) -> Outcome {
        let Some(asked) = &self.campaign else { return Ok(()) };
        let ids: Vec<&str> = look.overview.campaigns.iter().map(|one| one.campaign.id.as_str()).collect();
        if ids.contains(&asked.as_str()) {
            return Ok(());
        }
        Err(Failure::usage(format!("--campaign {asked}: there is none; there are {}", ids.join(", "))))
    }

    pub(super) fn looked(&mut self, look: Look, now: Instant) {
        if self.pace.take(&look.overview) {
            self.rewound_at = Some(now);
        }
        self.look = Some(look);
        self.looked_at = Some(now);
        self.missed = None;
    }

    /// Nothing came; what was told before stays.
    pub(super) fn missed(&mut self, what: String, now: Instant) {
        let since = self.missed.take().map_or(now, |(since, _)| since);
        self.missed = Some((since, what));
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(super) fn meta(&self) -> Option<&Meta> {
        self.look.as_ref().map(|look| &look.overview.meta)
    }

    /// How old the block is by now: what was told, and the time since.
    pub(super) fn age_seconds(&self, now: Instant) -> Option<u64> {
        Some(self.meta()?.age_seconds? + now.saturating_duration_since(self.looked_at?).as_secs())
    }

    /// What is wrong with the source, as a sentence; the figures on the screen stay those of their block.
    pub(super) fn trouble(&self, now: Instant) -> Option<String> {
        if let Some((since, what)) = &self.missed {
            let seconds = now.saturating_duration_since(*since).as_secs();
            return Some(format!("NO ANSWER for {}: {what}. It is asked again.", span(seconds)));
        }
        if self.meta()?.stale {
            let age = self
                .age_seconds(now)
                .map_or_else(|| "of unknown age".to_owned(), |age| format!("{} old", span(age)));
            return Some(format!(
                "STALE: the newest block is {age}. Figures are true at their block, not now."
            ));
        }
        let is_new = |at: &Instant| now.saturating_duration_since(*at).as_secs() < REWOUND_SECONDS;
        self.rewound_at
            .filter(is_new)
            .map(|_| "REORG: blocks left the chain, and what was earned in them is taken back.".to_owned())
    }

    /// Whether what is shown is of a source that does not answer.
    pub(super) fn is_gone(&self) -> bool {
        self.missed.is_some()
    }

    pub(super) fn campaigns(&self) -> &[CampaignOverview] {
        self.look.as_ref().map_or(&[], |look| &look.overview.campaigns)
    }

    /// The place of the campaign that is chosen: the first where none is, or it went.
    pub(super) fn campaign_place(&self) -> Option<usize> {
        let place = self.campaigns().iter().position(|one| Some(&one.campaign.id) == self.campaign.as_ref());
        place.or(Some(0)).filter(|_| !self.campaigns().is_empty())
    }

    pub(super) fn campaign(&self) -> Option<&CampaignOverview> {
        self.campaigns().get(self.campaign_place()?)
    }

    pub(super) fn earner_place(&self) -> Option<usize> {
        let rows = &self.campaign()?.top;
        let place = rows.iter().position(|row| Some(&row.account) == self.account.as_ref());
        place.or(Some(0)).filter(|_| !rows.is_empty())
    }

    /// How many rows one frame with everything in it needs.
    pub(super) fn rows_for(&self, earners_max: usize) -> u16 {
        let earners = self.campaign().map_or(0, |one| one.top.len()).clamp(1, earners_max);
        u16::try_from(FRAME_ROWS + self.campaigns().len().max(1) + earners).unwrap_or(u16::MAX).min(1_000)
    }

    pub(super) fn pressed(&mut self, key: KeyEvent) {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c' | 'd') if control => self.is_over = true,
            KeyCode::Char('q' | 'Q') if self.over == Over::Nothing => self.is_over = true,
            KeyCode::Char('q' | 'Q') | KeyCode::Esc => self.over = Over::Nothing,
            KeyCode::Char('?' | 'h') => {
                self.over = if self.over == Over::Help { Over::Nothing } else { Over::Help };
            }
            KeyCode::Enter => {
                self.over = if self.over == Over::Nothing { Over::Details } else { Over::Nothing };
            }
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right => {
                self.panel = match self.panel {
                    Panel::Campaigns => Panel::Earners,
                    Panel::Earners => Panel::Campaigns,
                };
            }
            KeyCode::Up | KeyCode::Char('k') => self.go(|place, _| place.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.go(|place, _| place + 1),
            KeyCode::PageUp => self.go(|place, _| place.saturating_sub(PAGE_ROWS)),
            KeyCode::PageDown => self.go(|place, _| place + PAGE_ROWS),
            KeyCode::Home => self.go(|_, _| 0),
            KeyCode::End => self.go(|_, count| count),
            _ => {}
        }
    }

    /// Chooses another row of the list that keys act on: `next` of the present place and of how many there are.
    fn go(&mut self, next: impl Fn(usize, usize) -> usize) {
        match self.panel {
            Panel::Campaigns => {
                let (Some(place), count) = (self.campaign_place(), self.campaigns().len()) else { return };
                let chosen = &self.campaigns()[next(place, count).min(count - 1)];
                self.campaign = Some(chosen.campaign.id.clone());
                self.account = None;
            }
            Panel::Earners => {
                let Some((place, one)) = self.earner_place().zip(self.campaign()) else { return };
                let count = one.top.len();
                let account = one.top[next(place, count).min(count - 1)].account.clone();
                self.account = Some(account);
            }
        }
    }
}
