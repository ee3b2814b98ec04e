//! Shows how far indexing has come: a bar on a terminal, plain lines otherwise, and log lines where those are JSON.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use accrual_indexer::follow::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::ProgressMode;
use crate::logging;

pub(crate) enum Shown {
    Bar(Box<Bar>),
    Lines(Mutex<Lines>),
    Off,
}

pub(crate) struct Bar {
    bar: ProgressBar,
    first: Mutex<Option<u64>>,
}

pub(crate) struct Lines {
    begun: Instant,
    first: Option<u64>,
    shown: Option<Instant>,
}

const LINE_EVERY: Duration = Duration::from_secs(2);
const AT_HEAD_EVERY: Duration = Duration::from_secs(60);

impl Shown {
    pub(crate) fn new(mode: ProgressMode) -> Self {
        match mode {
            ProgressMode::Off => Self::Off,
            ProgressMode::Auto if std::io::stderr().is_terminal() && !logging::is_json() => {
                Self::Bar(Box::new(Bar::new()))
            }
            ProgressMode::Auto | ProgressMode::Plain => {
                Self::Lines(Mutex::new(Lines { begun: Instant::now(), first: None, shown: None }))
            }
        }
    }

    pub(crate) fn update(&self, progress: Progress) {
        match self {
            Self::Bar(bar) => bar.update(progress),
            Self::Lines(lines) => {
                lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner).update(progress);
            }
            Self::Off => {}
        }
    }

    pub(crate) fn finish(&self) {
        if let Self::Bar(bar) = self {
            bar.bar.finish_and_clear();
        }
    }
}

impl Bar {
    fn new() -> Self {
        let style = ProgressStyle::with_template(
            "{bar:32.cyan/blue} {percent:>3} %  {human_pos}/{human_len} blocks  {per_sec}  {eta} left  {msg}",
        )
        .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_style(style);
        Self { bar, first: Mutex::new(None) }
    }

    fn update(&self, progress: Progress) {
        let mut first = self.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let first = *first.get_or_insert(progress.from.0);
        self.bar.set_length(progress.target.0.saturating_sub(first) + 1);
        self.bar.set_position(progress.block.0.saturating_sub(first) + 1);
        self.bar.set_message(format!("block {}, {} events", progress.block, progress.events));
    }
}

impl Lines {
    /// A line every two seconds while catching up, one a minute at the head, and one when the first stretch is done.
    fn update(&mut self, progress: Progress) {
        let first = *self.first.get_or_insert(progress.from.0);
        let at_head = progress.block >= progress.target;
        let first_stretch = progress.from.0 == first;
        let pause = if at_head { AT_HEAD_EVERY } else { LINE_EVERY };
        let due = self.shown.is_none_or(|shown| shown.elapsed() >= pause) || (at_head && first_stretch);
        if !due {
            return;
        }
        self.shown = Some(Instant::now());
        let Progress { block, target, events, .. } = progress;
        if at_head && !first_stretch {
            if logging::is_json() {
                tracing::info!(block = block.0, events, "at the head");
            } else {
                eprintln!("block {block}: at the head, {events} events");
            }
            return;
        }
        let blocks = block.0.saturating_sub(first) + 1;
        let milliseconds = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let per_second = blocks.saturating_mul(1000) / milliseconds;
        let left = target.0.saturating_sub(block.0) / per_second.max(1);
        if logging::is_json() {
            tracing::info!(
                block = block.0,
                target_block = target.0,
                events,
                blocks_per_second = per_second,
                seconds_left = left,
                "indexing"
            );
        } else {
            eprintln!("block {block} of {target}: {events} events, {per_second} blocks/s, {left} s left");
        }
    }
}
