//! `accrual top`: the live view for a shell, over ssh: how the service is, campaigns, and who earns.
//!
//! - [`source`]: where figures come from: a server by [`accrual_client`], or the database through the API's own handlers.
//! - [`state`]: what was told last, what is chosen, and how fast figures grow; [`pace`] measures that.
//! - [`screen`]: a frame of it; [`words`] writes figures, [`paint`] has the colours.
//!
//! Nothing is computed here: the figures are those of `GET /v1/overview` and `GET /status.json`.

mod pace;
mod paint;
mod screen;
mod source;
mod state;
mod words;

use std::io::{IsTerminal, stdout};
use std::time::Duration;

use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::{DefaultTerminal, Terminal};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cli::Top as Args;
use crate::failure::{Failure, Outcome};
use crate::signals;
use paint::Paint;
use source::{LookError, Source};
use state::{Look, Top};

/// The screen is drawn at least so often: ages count up between looks.
const TICK: Duration = Duration::from_secs(1);
/// How long the reader of keys waits before it sees whether it is still needed.
const KEY_WAIT: Duration = Duration::from_millis(100);
/// A frame for scripts is so wide unless `COLUMNS` says otherwise.
const ONCE_COLUMNS: u16 = 120;
const ONCE_EARNERS: usize = 20;

pub(super) async fn top(args: Args) -> Outcome {
    if !args.once && !stdout().is_terminal() {
        return Err(Failure::usage("standard output is no terminal: use --once for one frame of it"));
    }
    let shutdown = signals::shutdown()?;
    let source = Source::open(&args).await?;
    let mut top = Top::new(source.name(), args.campaign.as_ref().map(ToString::to_string));
    // Before the screen is taken: what no waiting mends is said as any other command says it.
    match source.look().await {
        Ok(look) => {
            top.check_campaign(&look)?;
            top.looked(look, Instant::now());
        }
        Err(LookError::Final(failure)) => return Err(failure),
        Err(LookError::Passing(what)) if args.once => return Err(anyhow::anyhow!("{what}").into()),
        Err(LookError::Passing(what)) => top.missed(what, Instant::now()),
    }
    if args.once {
        print!("{}", once(&top)?);
        return Ok(());
    }
    let mut terminal = ratatui::try_init()?;
    let lived = live(&mut terminal, &mut top, source, Duration::from_secs(args.every), shutdown).await;
    ratatui::try_restore()?;
    lived
}

/// One frame as text, as high as it needs to be.
fn once(top: &Top) -> Result<String, Failure> {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let columns: u16 = columns.unwrap_or(ONCE_COLUMNS).clamp(screen::COLUMNS_MIN, 400);
    let mut terminal = Terminal::new(TestBackend::new(columns, top.rows_for(ONCE_EARNERS)))?;
    terminal.draw(|frame| screen::draw(frame, top, Paint::Plain, Instant::now()))?;
    let buffer = terminal.backend().buffer();
    let lines = buffer.content().chunks(usize::from(columns)).map(|cells| {
        let line: String = cells.iter().map(|cell| cell.symbol()).collect();
        format!("{}\n", line.trim_end())
    });
    Ok(lines.collect())
}

/// Draws until somebody has seen enough.
async fn live(
    terminal: &mut DefaultTerminal,
    top: &mut Top,
    source: Source,
    every: Duration,
    shutdown: CancellationToken,
) -> Outcome {
    let paint = Paint::of_environment();
    let stop = shutdown.child_token();
    let mut keys = read_keys(stop.clone());
    let mut looks = keep_looking(source, every, stop.clone());
    let mut tick = tokio::time::interval(TICK);
    while !top.is_over() {
        terminal.draw(|frame| screen::draw(frame, top, paint, Instant::now()))?;
        tokio::select! {
            () = shutdown.cancelled() => break,
            event = keys.recv() => match event {
                Some(Event::Key(key)) if key.kind != KeyEventKind::Release => top.pressed(key),
                Some(_) => {}
                None => break,
            },
            look = looks.recv() => match look {
                Some(Ok(look)) => top.looked(look, Instant::now()),
                Some(Err(what)) => top.missed(what.to_string(), Instant::now()),
                None => break,
            },
            _ = tick.tick() => {}
        }
    }
    stop.cancel();
    source::closed(&mut looks).await;
    Ok(())
}

/// Looks at once and again after each pause, so that a slow server is not asked twice at a time.
fn keep_looking(
    source: Source,
    every: Duration,
    stop: CancellationToken,
) -> mpsc::Receiver<Result<Look, LookError>> {
    let (tell, told) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let look = tokio::select! {
                () = async { tokio::time::sleep(every).await } => source.look().await,
                () = stop.cancelled() => break,
            };
            if tell.send(look).await.is_err() {
                break;
            }
        }
        source.close().await;
    });
    told
}

/// Keys and changes of size, from a thread of their own: the terminal is read by waiting for it.
fn read_keys(stop: CancellationToken) -> mpsc::Receiver<Event> {
    let (tell, told) = mpsc::channel(16);
    tokio::task::spawn_blocking(move || {
        while !stop.is_cancelled() {
            match event::poll(KEY_WAIT) {
                Ok(false) => {}
                Ok(true) => {
                    let told = event::read().is_ok_and(|event| tell.blocking_send(event).is_ok());
                    if !told {
                        return;
                    }
                }
                // The terminal is gone, and with it whoever looked.
                Err(_) => return,
            }
        }
    });
    told
}
