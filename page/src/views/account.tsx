// An LP: what is earned now, position by position, when and why not, and what another range would change.

import { useState } from "preact/hooks";
import { path } from "../lib/api";
import { useAsk, useAskOn } from "../lib/ask";
import { ppm, tokensSensibly, usd } from "../lib/format";
import { numbers, sum } from "../lib/sums";
import type { Campaign, History, List, Pool, Position, Reward } from "../lib/types";
import { adjust, useQuery } from "../lib/url";
import { reason } from "../lib/words";
import { Amount, Choice, Copy, Empty, Hint, Link, Panel, Pending, Trouble, Waiting, When } from "../ui/bits";
import { Chart } from "../ui/chart";
import { RangePicker, useRange } from "../ui/range";
import { useShown } from "../ui/table";
import { LookUp } from "./look_up";
import { PositionCard, runs } from "./position";
import { missing, useComparison } from "./reconciliation";

export function Account({ address }: { address: string }) {
  const base = `/v1/accounts/${encodeURIComponent(address)}`;
  const rewards = useAsk<List<Reward>>(`${base}/rewards?limit=500`, "block", true);
  const positions = useAsk<List<Position>>(`${base}/positions?limit=500`, "block", true);
  // Why and since when is read from all stored events: seldom.
  const explained = useAsk<List<Position>>(`${base}/positions?explain=true&limit=500`, "slow", true);
  const pools = useAsk<List<Pool>>("/v1/pools");
  const campaigns = useAsk<List<Campaign>>("/v1/campaigns");
  const failure = rewards.failure ?? positions.failure;
  if (!rewards.value || !positions.value) return <><Pending title={address} failure={failure} />{failure && <LookUp now={address} />}</>;
  const name = rewards.value.data[0]?.account ?? address;
  const values = positions.value.data.map((one) => one.value_usd);
  const total = sum(values);
  return (
    <>
      <header class="title">
        <h1 class="mono address" title={name}>{name}</h1>
        <Copy text={name} what="the address" />
        <p class="quiet">
          {positions.value.meta.next_cursor ? "more than " : ""}{positions.value.data.length} {positions.value.data.length === 1 ? "position" : "positions"}
          {positions.value.data.length > 0 && <> worth {total === null ? "at least " : ""}{usd(total ?? sum(values.filter((one) => one !== null)), true)}</>}
        </p>
      </header>
      <Trouble failure={failure} />
      <Earned rewards={rewards.value.data} campaigns={campaigns.value?.data ?? []} />
      {rewards.value.data.length > 0 && <OverTime base={base} address={name} rewards={rewards.value.data} campaigns={campaigns.value?.data ?? []} />}
      <Positions
        positions={positions.value.data}
        explained={explained.value?.data ?? null}
        why={explained.failure?.message ?? null}
        rewards={rewards.value.data}
        pools={pools.value?.data ?? []}
      />
      <LookUp now={address} />
    </>
  );
}

function Earned({ rewards, campaigns }: { rewards: Reward[]; campaigns: Campaign[] }) {
  return (
    <Panel title="Earned up to this block">
      {rewards.length === 0 && <Empty>This account has earned nothing in the campaigns of this server.</Empty>}
      <div class="earned">
        {rewards.map((reward) => {
          const campaign = campaigns.find((one) => one.id === reward.campaign);
          return (
            <article key={reward.campaign}>
              <h3><Link to={{ campaign: reward.campaign }} class="name" title={reward.campaign}>{reward.campaign}</Link></h3>
              <p class="large" aria-live="off">
                <Amount units={reward.earned_units} token={reward.token} places={6} why={whyUnknown(reward)} />
              </p>
              <p class="quiet">
                {reward.earned_units === null
                  ? reason(whyUnknown(reward))
                  : <><Hint says="Its part of all that was earned of this campaign">{ppm(reward.share_ppm)} of all earned</Hint> · {campaign?.status ?? ""}</>}
              </p>
            </article>
          );
        })}
      </div>
      {rewards.length > 0 && (
        <div class="merkl">
          <h3><Hint says="What Merkl says of the same campaigns: credited is in its live tree, claimable is credited less claimed, pending is not claimable yet. It is never added to ours.">At Merkl</Hint></h3>
          <Merkl rewards={rewards} campaigns={campaigns} />
        </div>
      )}
    </Panel>
  );
}

/** Why what it earned is unknown; null where it is known. */
function whyUnknown(reward: Reward): string | null {
  return "reason" in reward ? reward.reason : null;
}

/** What Merkl says of each campaign; those that cannot be compared are told of together. */
function Merkl({ rewards, campaigns }: { rewards: Reward[]; campaigns: Campaign[] }) {
  const campaignOf = (reward: Reward) => campaigns.find((one) => one.id === reward.campaign);
  const without = rewards.filter((reward) => campaignOf(reward)?.merkl_campaign_id === null);
  return (
    <>
      {rewards.filter((reward) => !without.includes(reward)).map((reward) => <AtMerkl key={reward.campaign} reward={reward} campaign={campaignOf(reward)} />)}
      {without.length > 0 && (
        <p class="quiet">
          {without.length === rewards.length ? "Credited" : `Of ${without.map((one) => one.campaign).join(", ")} credited`}, claimed, claimable and pending are unknown: the
          configuration does not say which of Merkl's campaigns {without.length === 1 ? "this is" : "these are"} (<code>merkl_campaign_id</code>).
        </p>
      )}
    </>
  );
}

/** What Merkl says of one campaign, kept apart from ours. */
function AtMerkl({ reward, campaign }: { reward: Reward; campaign: Campaign | undefined }) {
  const { value, failure } = useComparison(campaign, { account: reward.account });
  const theirs = value?.data[0]?.theirs;
  const why = !campaign ? "" : value ? "Merkl does not know this account in this campaign" : missing(campaign, failure);
  const parts = [["Credited", theirs?.amount_units], ["Claimed", theirs?.claimed_units], ["Claimable", theirs?.claimable_units], ["Pending", theirs?.pending_units]] as const;
  return (
    <div class="at-merkl">
      <span class="name quiet" title={reward.campaign}>{reward.campaign}</span>
      {theirs
        ? <dl class="facts">{parts.map(([name, units]) => <div key={name}><dt>{name}</dt><dd><Amount units={units ?? null} token={reward.token} places={4} /></dd></div>)}</dl>
        : <span class="unknown" title={why}>credited, claimed, claimable and pending are unknown</span>}
      {value && <span class="quiet">as of <When at={value.computed_until} short /></span>}
    </div>
  );
}

function OverTime({ base, address, rewards, campaigns }: { base: string; address: string; rewards: Reward[]; campaigns: Campaign[] }) {
  const query = useQuery();
  const chosen = rewards.find((one) => one.campaign === query.of) ?? rewards.find((one) => one.earned_units !== null) ?? rewards[0];
  if (!chosen) return null;
  const names = rewards.map((one) => [one.campaign, one.campaign] as const);
  return (
    <Panel
      title="Earned over time"
      aside={<>{names.length > 1 && <Choice name="Campaign" of={names} now={chosen.campaign} choose={(of) => adjust({ of })} />}<RangePicker /></>}
    >
      <EarnedCharts
        key={chosen.campaign}
        base={base}
        file={`${address}-${chosen.campaign}`}
        reward={chosen}
        begins={campaigns.find((one) => one.id === chosen.campaign)?.starts_at}
      />
    </Panel>
  );
}

function EarnedCharts({ base, file, reward, begins }: { base: string; file: string; reward: Reward; begins: string | undefined }) {
  const range = useRange(reward.as_of.at, begins);
  const asked = range ? path(`${base}/history`, { campaign: reward.campaign, ...range }) : null;
  const { value, failure } = useAskOn<History>(asked, "slow");
  const { symbol, decimals } = reward.token;
  if (!value || !asked) return failure ? <Trouble failure={failure} /> : <Waiting />;
  const rows = value.data;
  if (rows.length === 0) return <Empty>No full hour is stored for this time.</Empty>;
  const scale = 10 ** -(decimals ?? 0);
  const exact = (field: string) => (index: number) => tokensSensibly((rows[index]?.[field] ?? null) as string | null, decimals);
  const common = { times: rows.map((row) => Date.parse(row.at) / 1000), csv: asked, file };
  const line = (field: string) => ({ name: "Earned", values: numbers(rows, field, scale), unit: "" as const, exact: exact(field) });
  return (
    <>
      <Trouble failure={failure} />
      <div class="charts">
        <Chart {...common} title={`In all, ${symbol ?? "units"}`} hint="What the account had earned up to the end of each interval"
          lines={[{ ...line("earned_total_units"), kind: "area" }]} />
        <Chart {...common} title={range?.interval === "1d" ? "Each day" : "Each hour"} hint="What the account earned in each interval"
          lines={[{ ...line("earned_units"), kind: "bars" }]} />
      </div>
    </>
  );
}

/** A position is a picture, so few are made at once. */
const CARDS = 20;

interface PositionsProps {
  positions: Position[];
  explained: Position[] | null;
  why: string | null;
  rewards: Reward[];
  pools: Pool[];
}

function Positions({ positions, explained, why, rewards, pools }: PositionsProps) {
  const [shown, end] = useShown(positions.length, CARDS);
  const [isIdleOnly, setIdleOnly] = useState(false);
  const isIdle = (one: Position) => one.campaigns.some(runs) && !one.campaigns.some((standing) => standing.earning);
  const worth = (one: Position) => (one.value_usd === null ? -1 : Number(one.value_usd));
  const wanted = positions.filter((one) => !isIdleOnly || isIdle(one)).sort((a, b) => worth(b) - worth(a));
  const idle = positions.filter(isIdle).length;
  const timelines = new Map(explained?.map((one) => [one.position, one.timelines]));
  return (
    <Panel
      title="Positions"
      aside={positions.length > 1 && idle > 0 && (
        <label class="check"><input type="checkbox" checked={isIdleOnly} onChange={(event) => setIdleOnly(event.currentTarget.checked)} /> idle ones only ({idle})</label>
      )}
    >
      {positions.length === 0 && <Empty>This account holds no position with liquidity in the pools of this server.</Empty>}
      {why && <p class="quiet">Since when and why is unknown: {why}</p>}
      <div class="positions">
        {wanted.slice(0, shown).map((one) => (
          <PositionCard
            key={one.position}
            position={one}
            timelines={timelines.get(one.position)}
            earned={rewards.flatMap((reward) => reward.positions.filter((part) => part.position === one.position).map((part) => ({ reward, units: part.earned_units })))}
            pool={pools.find((pool) => pool.id === one.pool)}
          />
        ))}
      </div>
      {shown < wanted.length && <div ref={end} class="more">…</div>}
    </Panel>
  );
}
