// One position: its range against the price, how it stands in each campaign and since when, and what it has earned.

import { duration, percent, positionName, ppm } from "../lib/format";
import type { Pool, Position, Reward, Standing, Timeline } from "../lib/types";
import { adjust, useQuery } from "../lib/url";
import { pair, reason, venue } from "../lib/words";
import { Account, Amount, Chip, Known, Link, Usd, When } from "../ui/bits";
import { isEverywhere, SpanPicture } from "../ui/span";
import { InRangeSince } from "../ui/since";
import { Strip, since } from "../ui/strip";
import { Simulate } from "./simulate";

interface Props {
  position: Position;
  timelines: Timeline[] | undefined;
  earned: { reward: Reward; units: string }[];
  pool: Pool | undefined;
}

export function PositionCard({ position, timelines, earned, pool }: Props) {
  const query = useQuery();
  const isOpen = query.position === position.position;
  const timelineOf = (campaign: string) => timelines?.find((one) => one.campaign === campaign);
  return (
    <article class="position">
      <header>
        <h3>
          <Link to={{ pool: position.pool }} class="name" title={position.pool}>{pool ? pair(pool) : position.pool}</Link>
          <span class="quiet" title={position.position}> {pool && `${venue(pool.venue)} · `}{positionName(position.position)}</span>
        </h3>
        {isEverywhere(position) ? <Chip>shares</Chip> : position.in_range ? <Chip kind="good">in range</Chip> : <Chip kind="idle">out of range</Chip>}
      </header>
      <div class="body">
        <SpanPicture position={position} tick={pool?.tick ?? null} price={pool?.price ?? null} />
        <dl class="facts">
          <div><dt>Value</dt><dd><Usd value={position.value_usd} why={position.value_reason} exact /></dd>
            {position.shared && <dd class="note">the whole vault's: this account has a share of it</dd>}</div>
          <div><dt>Holds</dt>
            <dd><Amount units={position.held_units[0] ?? null} token={position.token0 ?? { symbol: null, decimals: null }} /></dd>
            <dd><Amount units={position.held_units[1] ?? null} token={position.token1 ?? { symbol: null, decimals: null }} /></dd></div>
          <div><dt title="What trades of the last 24 full hours pay it a year, by its part of the liquidity in range now">Fee APR</dt>
            <dd><Known text={percent(position.base_percent)} why={position.base_reason} /></dd></div>
          <Exposure timeline={timelines?.[0]} token0={position.token0?.symbol ?? "token0"} />
        </dl>
      </div>
      <InRangeSince position={position} />
      {position.via.length > 0 && <p class="quiet">held through {position.via.map((one) => <><Account of={one} /> </>)}</p>}
      {position.campaigns.map((standing) => (
        <InCampaign
          key={standing.campaign}
          standing={standing}
          timeline={timelineOf(standing.campaign)}
          units={earned.find((one) => one.reward.campaign === standing.campaign)?.units ?? null}
          now={position.as_of.at}
        />
      ))}
      {pool && (
        <button type="button" class="small" aria-expanded={isOpen} onClick={() => adjust({ position: isOpen ? "" : position.position, lower: "", upper: "", amount: "" })}>
          {isOpen ? "Close" : "What if it left, or took another range?"}
        </button>
      )}
      {isOpen && pool && <Simulate pool={pool} instead={position} />}
    </article>
  );
}

function InCampaign({ standing, timeline, units, now }: { standing: Standing; timeline: Timeline | undefined; units: string | null; now: string }) {
  const begun = since(timeline);
  const token = standing.reward_token;
  return (
    <section class="standing">
      <header>
        <h4><Link to={{ campaign: standing.campaign }} class="name" title={standing.campaign}>{standing.campaign}</Link></h4>
        {standing.earning ? <Chip kind="good">earning</Chip> : runs(standing) ? <Chip kind="idle" title={reason(standing.reason)}>idle</Chip> : <Chip>{standing.reason === "not_started" ? "not begun" : "over"}</Chip>}
        <p class="quiet">
          {!standing.earning && runs(standing) && `${reason(standing.reason)}, `}
          {begun && <>since <When at={begun.at} short /> · {duration(Math.max(0, (Date.parse(now) - Date.parse(begun.at)) / 1000))}</>}
        </p>
      </header>
      <dl class="facts">
        <div><dt title="What this position has earned for the account">Earned</dt><dd>{units === null ? <span class="quiet">nothing</span> : <Amount units={units} token={token} />}</dd></div>
        {runs(standing) && <>
        <div><dt title="What it earns a day if the state of this block holds">A day</dt><dd><Amount units={standing.reward_units_per_day} token={token} why={standing.reward_reason} /></dd></div>
        <div><dt title="Its part of what the campaign sets free now">Share now</dt><dd><Known text={ppm(standing.share_ppm)} why={standing.reward_reason} /></dd></div>
        <div><dt title="What the campaign pays this very position a year on what it holds now">Reward APR</dt><dd><Known text={percent(standing.reward_percent)} why={standing.reward_reason} /></dd></div>
        </>}
      </dl>
      {timeline && <Strip timeline={timeline} token={token} now={now} own={units} />}
    </section>
  );
}

/** Whether the campaign is under way, so that a position earns or stands idle. */
export function runs(standing: Standing): boolean {
  return standing.reason !== "campaign_over" && standing.reason !== "not_started";
}

/** What it is worth against holding the tokens. */
function Exposure({ timeline, token0 }: { timeline: Timeline | undefined; token0: string }) {
  if (!timeline) return null;
  const { exposure, exposure_reason: why } = timeline;
  return (
    <div>
      <dt title="What the position is worth less than its tokens would be, had they been held; below zero for a gain. Neither fees nor rewards count">Against holding</dt>
      <dd><Known text={percent(exposure?.loss_percent == null ? null : negated(exposure.loss_percent))} why={why} /></dd>
      {exposure?.token0_percent && <dd class="note">{percent(exposure.token0_percent)} in {token0}</dd>}
    </div>
  );
}

function negated(text: string): string {
  if (/^-?0*\.?0*$/.test(text)) return "0";
  return text.startsWith("-") ? text.slice(1) : `-${text}`;
}
