//! A seed's lives: process after process in its weather, and two more when it has cleared up.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use accrual_indexer::complete::Completeness;
use accrual_indexer::rpc::RpcOptions;
use accrual_store::{Db, checkpoints};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::campaigns::{campaigns, pools};
use crate::chain::Shape;
use crate::chance::Chance;
use crate::disk::Disk;
use crate::process::{follow, options};
use crate::rows::Rows;
use crate::stage::{End, Stage};
use crate::weather::Weather;

/// How long the last process may take to come to the chain's end in calm weather, and one that is told to stop to stop.
pub(crate) const PATIENCE: Duration = Duration::from_secs(900);
/// More lives than this in one simulation is a process that dies at every start.
const LIVES_MAX: u32 = 40;

/// The disturbed run of a seed.
pub(crate) struct Run {
    pub(crate) chance: Chance,
    pub(crate) stage: Arc<Stage>,
    pub(crate) shape: Shape,
    pub(crate) rpc: RpcOptions,
    pub(crate) completeness: Completeness,
    pub(crate) disk: Disk,
    pub(crate) end: Duration,
    pub(crate) deaths: u64,
}

impl Run {
    /// Process after process in bad weather, then the last in good; what is stored in the end.
    pub(crate) async fn run_to_the_end(&mut self) -> Result<Rows, String> {
        let (mut lives, pace) = (0, self.shape.pace_seconds());
        while self.stage.chain_elapsed() < self.end {
            lives += 1;
            let is_last = lives == LIVES_MAX || self.chance.permille(150);
            let steps_max = self.chance.pick(&[60, 400, 1500]);
            let steps = (!is_last).then(|| self.chance.between(1, steps_max));
            // A slow node takes minutes to tell a process all that it asks before it begins.
            let time = Duration::from_secs(if is_last { 3600 } else { self.chance.between(1, 1200) });
            self.one_life(steps, time).await?;
            if self.chance.permille(400) {
                // Nobody is there to see what happens on the chain.
                sleep(Duration::from_secs(self.chance.between(1, 12 * pace))).await;
            }
        }
        self.stage.weather(Weather::clear_up);
        self.in_calm_weather().await
    }

    /// A process that opens the database, follows until it dies or its time is over, and perhaps stops by itself.
    async fn one_life(&mut self, steps: Option<u64>, time: Duration) -> Result<(), String> {
        let db = self.stage.held(self.disk.open()).await.map_err(|error| format!("no database: {error}"))?;
        let options = options(self.shape, self.completeness, &mut self.chance);
        let stage = self.stage.clone();
        let shutdown = CancellationToken::new();
        let has_begun = Cell::new(false);
        let life = follow(&stage, &db, &options, &self.rpc, &shutdown, &has_begun);
        let end = self.end;
        let over = async {
            while stage.chain_elapsed() < end {
                sleep(Duration::from_secs(5)).await;
            }
        };
        let life = async {
            tokio::select! { biased; () = life => {}, () = over => {} }
        };
        let is_told = self.chance.permille(300);
        let ended = if is_told {
            let told = async {
                sleep(time).await;
                shutdown.cancel();
                std::future::pending::<()>().await
            };
            let life = async {
                tokio::select! { biased; () = life => {}, () = told => {} }
            };
            stage.live(life, steps, time + PATIENCE).await
        } else {
            stage.live(life, steps, time).await
        };
        stage.note(("a life ends", ended == End::Died));
        self.deaths += u64::from(ended == End::Died);
        stage.held(db.close()).await;
        match ended {
            End::TimeUp if is_told => Err("told to stop, it went on for a quarter of an hour".to_owned()),
            _ => Ok(()),
        }
    }

    /// Two processes more, which nothing disturbs: the first must come to the chain's end by itself, and the second
    /// must find nothing to do.
    async fn in_calm_weather(&mut self) -> Result<Rows, String> {
        let mut rows: Option<Rows> = None;
        for _ in 0..2 {
            let db =
                self.stage.held(self.disk.open()).await.map_err(|error| format!("no database: {error}"))?;
            let options = options(self.shape, self.completeness, &mut self.chance);
            let (stage, shutdown) = (self.stage.clone(), CancellationToken::new());
            let has_begun = Cell::new(false);
            let life = async {
                let following = follow(&stage, &db, &options, &self.rpc, &shutdown, &has_begun);
                tokio::select! { biased; () = following => {}, () = self.arrives(&db, &has_begun) => {} }
            };
            let ended = stage.live(life, None, PATIENCE).await;
            let found = stage.held(Rows::read(&db, &pools(), &campaigns())).await;
            stage.held(db.close()).await;
            if ended != End::Ended(()) {
                return Err(
                    "a quarter of an hour of calm weather, and it is not at the chain's end".to_owned()
                );
            }
            rows = Some(found.map_err(|error| format!("its rows cannot be read: {error}"))?);
        }
        Ok(rows.expect("two processes ran"))
    }

    /// Waits until a process has begun and every pool stands at the chain's last block.
    async fn arrives(&self, db: &Db, has_begun: &Cell<bool>) {
        let last = self.stage.chain.last().hash;
        loop {
            sleep(Duration::from_secs(1)).await;
            let all = self.stage.held(checkpoints::all(db)).await.unwrap_or_default();
            let is_there = all.len() == pools().len() && all.iter().all(|checkpoint| checkpoint.hash == last);
            if has_begun.get() && is_there {
                return;
            }
        }
    }
}
