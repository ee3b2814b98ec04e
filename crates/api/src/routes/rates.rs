//! What trades pay a year, over a window of stored hours.

use std::collections::BTreeMap;

use accrual_rewards::apr::{AprUnknown, Held, Usd, fee_percent};
use accrual_rewards::id::PoolId;
use accrual_rewards::series::{HOUR_SECONDS, PoolPoint};
use accrual_rewards::unit::UnixSeconds;
use accrual_store::series::{self, Hours};
use rust_decimal::Decimal;

use crate::app::Api;
use crate::book::PoolState;
use crate::error::ApiError;
use crate::prices::{Prices, pools_behind};

/// The window where the caller does not choose one.
pub(crate) const WINDOW_DEFAULT_SECONDS: u64 = 86_400;

/// `window=`: how long back fees are counted.
pub(crate) fn window(text: &str) -> Result<u64, String> {
    match text {
        "1h" => Ok(HOUR_SECONDS),
        "24h" => Ok(24 * HOUR_SECONDS),
        "7d" => Ok(7 * 24 * HOUR_SECONDS),
        _ => Err("must be 1h, 24h or 7d".to_owned()),
    }
}

/// The yearly rate of a pool's fees over the full hours of the window up to its newest block.
pub(crate) async fn fees(
    api: &Api,
    pool: &PoolState,
    window_seconds: u64,
) -> Result<Result<Decimal, AprUnknown>, ApiError> {
    let told = Told::read(api, pool, window_seconds).await?;
    Ok(fee_percent(&told.rows, pool.moment.at, window_seconds, |point, held| told.worth(point, held)))
}

/// What trades paid all liquidity in the last 24 full hours, each hour's by the prices of its end.
pub(crate) async fn fees_a_day(api: &Api, pool: &PoolState) -> Result<Result<Usd, AprUnknown>, ApiError> {
    let told = Told::read(api, pool, WINDOW_DEFAULT_SECONDS).await?;
    Ok(told.fees())
}

/// The stored hours of a window, with those of other pools that prices are made of.
struct Told<'a> {
    api: &'a Api,
    pool: &'a PoolId,
    hours: Hours,
    rows: Vec<PoolPoint>,
    others: BTreeMap<UnixSeconds, Vec<(PoolId, PoolPoint)>>,
}

impl<'a> Told<'a> {
    async fn read(api: &'a Api, pool: &'a PoolState, window_seconds: u64) -> Result<Self, ApiError> {
        let (id, at) = (&pool.info.pool.id, pool.moment.at);
        let to = UnixSeconds(at.0 / HOUR_SECONDS * HOUR_SECONDS);
        let hours = Hours { from: UnixSeconds(to.0.saturating_sub(window_seconds)), to };
        let mut others: BTreeMap<UnixSeconds, Vec<(PoolId, PoolPoint)>> = BTreeMap::new();
        for other in pools_behind(api, api.tokens_of(id)).into_iter().filter(|other| other != id) {
            for point in points(api, &other, hours).await? {
                others.entry(point.at).or_default().push((other.clone(), point));
            }
        }
        Ok(Self { api, pool: id, hours, rows: points(api, id, hours).await?, others })
    }

    fn worth(&self, point: &PoolPoint, held: &Held) -> Option<Usd> {
        let others = self.others.get(&point.at).into_iter().flatten().map(|(id, point)| (id, point));
        let own = std::iter::once((self.pool, point));
        Prices::at_hour(self.api, own.chain(others), point.at).worth(self.pool, held).ok()
    }

    fn fees(&self) -> Result<Usd, AprUnknown> {
        let ends = self.rows.first().zip(self.rows.last());
        if ends.is_none_or(|(first, last)| first.at != self.hours.from || last.at != self.hours.to) {
            return Err(AprUnknown::WindowNotCovered);
        }
        self.rows.windows(2).try_fold(Usd::default(), |sum, pair| {
            let hour = pair[1].since(&pair[0]).map_err(|_| AprUnknown::WindowNotCovered)?;
            let fees = Held(hour.fees.ok_or(AprUnknown::FeesUnknown)?);
            let usd = self.worth(&pair[1], &fees).ok_or(AprUnknown::NoPrice)?;
            sum.checked_add(usd).ok_or(AprUnknown::OutOfBounds)
        })
    }
}

/// A pool's stored hours.
pub(super) async fn points(api: &Api, pool: &PoolId, hours: Hours) -> Result<Vec<PoolPoint>, ApiError> {
    let rows = series::pool_points(api.db(), pool, hours, HOUR_SECONDS, u32::MAX).await?;
    rows.iter().map(|row| super::history::parsed(&row.body)).collect()
}
