// An LP: what is earned now, position by position, when and why not, and what another range would change.

import { useMemo, useState } from "preact/hooks";
import { path } from "../lib/api";
import { useAsk, useAskOn } from "../lib/ask";
import { count, ppm, tokensSensibly, usd } from "../lib/format";
import { numbers, sum } from "../lib/sums";
import type { Campaign, History, List, Pool, Position, Reward } from "../lib/types";
import { adjust, useQuery } from "../lib/url";
import { reason } from "../lib/words";
import { Amount, Choice, Copy, Empty, Hint, Link, Panel, Pending, Trouble, Waiting, When } from "../ui/bits";
import { Chart } from "../ui/chart";
import { Many } from "../ui/many";
import { RangePicker, useRange } from "../ui/range";
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
  const total = useMemo(() => worth(positions.value?.data ?? []), [positions.value]);
  if (!rewards.value || !positions.value) return <><Pending title={address} failure={failure} />{failure && <LookUp now={address} />}</>;
  const name = rewards.value.data[0]?.account ?? address;
  return (
    <>
      <header class="title">
        <h1 class="mono address" title={name}>{name}</h1>
        <Copy text={name} what="the address" />
        <p class="quiet">
          {positions.value.meta.next_cursor ? "more than " : ""}{count(positions.value.data.length)} {positions.value.data.length === 1 ? "position" : "positions"}
          {positions.value.data.length > 0 && <> worth {total.isWhole ? "" : "at least "}{usd(total.usd, true)}</>}
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

/** What all of them are worth, as far as that is known. */
function worth(positions: Position[]): { usd: string | null; isWhole: boolean } {
  const known = positions.map((one) => one.value_usd).filter((one) => one !== null);
  return { usd: sum(known), isWhole: known.length === positions.length };
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

interface PositionsProps {
  positions: Position[];
  explained: Position[] | null;
  why: string | null;
  rewards: Reward[];
  pools: Pool[];
}

function Positions({ positions, explained, why, rewards, pools }: PositionsProps) {
  const [isIdleOnly, setIdleOnly] = useState(false);
  const sorted = useMemo(() => byWorth(positions), [positions]);
  const idle = useMemo(() => sorted.filter(isIdle), [sorted]);
  const timelines = useMemo(() => new Map(explained?.map((one) => [one.position, one.timelines])), [explained]);
  const earned = useMemo(() => earnedBy(rewards), [rewards]);
  return (
    <Panel
      title="Positions"
      aside={positions.length > 1 && idle.length > 0 && (
        <label class="check"><input type="checkbox" checked={isIdleOnly} onChange={(event) => setIdleOnly(event.currentTarget.checked)} /> idle ones only ({count(idle.length)})</label>
      )}
    >
      {positions.length === 0 && <Empty>This account holds no position with liquidity in the pools of this server.</Empty>}
      {why && <p class="quiet">Since when and why is unknown: {why}</p>}
      <Many
        rows={isIdleOnly ? idle : sorted}
        id={(one) => one.position}
        draw={(one) => (
          <PositionCard
            position={one}
            timelines={timelines.get(one.position)}
            earned={earned.get(one.position) ?? []}
            pool={pools.find((pool) => pool.id === one.pool)}
          />
        )}
      />
    </Panel>
  );
}

function isIdle(one: Position): boolean {
  return one.campaigns.some(runs) && !one.campaigns.some((standing) => standing.earning);
}

/** The largest first; what is not known last. */
function byWorth(positions: Position[]): Position[] {
  const worth = new Map(positions.map((one) => [one, one.value_usd === null ? -1 : Number(one.value_usd)]));
  return [...positions].sort((a, b) => (worth.get(b) ?? -1) - (worth.get(a) ?? -1));
}

/** What each position has earned for the account, campaign by campaign. */
function earnedBy(rewards: Reward[]): Map<string, { reward: Reward; units: string }[]> {
  const earned = new Map<string, { reward: Reward; units: string }[]>();
  for (const reward of rewards) {
    for (const { position, earned_units: units } of reward.positions) {
      const others = earned.get(position);
      if (others) others.push({ reward, units });
      else earned.set(position, [{ reward, units }]);
    }
  }
  return earned;
}
