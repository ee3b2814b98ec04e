// Our figures of a campaign against Merkl's: how far apart, by how many of whom, and what shows why.

import { useState } from "preact/hooks";
import { path } from "../lib/api";
import { useAsk } from "../lib/ask";
import { ppm } from "../lib/format";
import type { Campaign, ComparedAccount, Comparison } from "../lib/types";
import { Account, Amount, Chip, Fact, Facts, Hint, Known, Panel, Trouble, Waiting, When } from "../ui/bits";
import { type Column, Table } from "../ui/table";

const PAGE = 25;

/** The newest comparison of a campaign; nothing is asked where none can be. */
export function useComparison(campaign: Campaign | undefined, query: Record<string, string | number | undefined> = {}) {
  const base = campaign?.merkl_campaign_id ? `/v1/campaigns/${encodeURIComponent(campaign.id)}/reconciliation` : null;
  return useAsk<Comparison>(base && path(base, query), "slow");
}

/** Why there is nothing to show, as a sentence. */
export function missing(campaign: Campaign, failure: { status: number; message: string } | null): string {
  if (!campaign.merkl_campaign_id) return "Unknown: the configuration does not say which of Merkl's campaigns this is (merkl_campaign_id).";
  if (failure && failure.status !== 404) return `Unknown: ${failure.message}`;
  return "Unknown: this server has not compared this campaign with Merkl yet.";
}

export function Reconciliation({ campaign }: { campaign: Campaign }) {
  const [cursors, setCursors] = useState<string[]>([]);
  const { value, failure } = useComparison(campaign, { limit: PAGE, cursor: cursors.at(-1) });
  if (!value) {
    const isWaiting = campaign.merkl_campaign_id && !failure;
    return <Panel title="Against Merkl">{isWaiting ? <Waiting /> : <p class="empty">{missing(campaign, failure)}</p>}</Panel>;
  }
  const token = campaign.reward_token;
  const next = value.meta.next_cursor;
  return (
    <Panel title="Against Merkl" aside={<Apart of={value} />}>
      <Trouble failure={failure} />
      {value.alarms.map((one) => <p class="trouble" role="alert" key={one.alarm}>{one.text}</p>)}
      <Facts>
        <Fact name="They paid" hint="Roots and pending together"><Amount units={value.paid_units} token={token} places={4} /></Fact>
        <Fact name="We come to"><Amount units={value.ours_units} token={token} places={4} /></Fact>
        <Fact name="Expected" hint="What time has set free up to then"><Amount units={value.expected_units} token={token} places={4} /></Fact>
        <Fact name="Yet to pay" hint="What they have yet to pay for that time"><Amount units={value.remainder_units} token={token} places={4} /></Fact>
        <Fact name="They computed up to" note={<>compared <When at={value.compared_at} short /></>}><When at={value.computed_until} /></Fact>
        <Fact name="Scoring" hint="The scoring that is configured, and the one that fits their figures best" note={`fits best: ${value.best_scoring.replace("_", " ")}`}>{value.scoring.replace("_", " ")}</Fact>
      </Facts>
      <Table caption={`Accounts of ${campaign.id} against Merkl`} columns={columns(token)} rows={value.data} id={(one) => one.account} empty="No account was compared." />
      {(next || cursors.length > 0) && (
        <nav class="pages" aria-label="Pages of accounts">
          <button type="button" disabled={cursors.length === 0} onClick={() => setCursors(cursors.slice(0, -1))}>Larger</button>
          <button type="button" disabled={!next} onClick={() => next && setCursors([...cursors, next])}>Smaller</button>
        </nav>
      )}
      {value.gaps.length > 0 && <ul class="list quiet">{value.gaps.map((one) => <li key={one.text}>{one.text}</li>)}</ul>}
    </Panel>
  );
}

/** How far apart both are. */
export function Apart({ of: comparison }: { of: Comparison }) {
  const says = `All accounts' differences together, of what we come to; up to ${ppm(comparison.tolerance_ppm)} is within tolerance`;
  return <Chip kind={comparison.is_beyond ? "bad" : "good"} title={says}>{fine(comparison.difference_ppm)} apart</Chip>;
}

/** Millionths, where a hundredth of a per cent says too little. */
function fine(millionths: number): string {
  return millionths > 0 && millionths < 1_000 ? `${millionths} ppm` : ppm(millionths);
}

function columns(token: Campaign["reward_token"]): Column<ComparedAccount>[] {
  return [
    { name: "Account", text: true, cell: (one) => <Account of={one.account} roomy /> },
    { name: "Theirs", cell: (one) => one.theirs ? <Amount units={one.theirs.computed_units} token={token} places={4} bare /> : <span class="quiet" title="They do not know this account">none</span> },
    { name: "Ours", cell: (one) => <Amount units={one.ours[one.best_scoring] ?? null} token={token} places={4} bare /> },
    { name: "Difference", hint: "Theirs less ours", cell: (one) => <Amount units={one.difference_units} token={token} places={4} bare /> },
    { name: "of ours", cell: (one) => <Known text={one.difference_ppm === null ? "unknown" : fine(one.difference_ppm)} why="nothing_held" /> },
    {
      name: "Why", text: true,
      cell: (one) => one.reason
        ? <Hint says={one.evidence?.text ?? "Nothing shows why"}>{one.reason.replaceAll("_", " ")}</Hint>
        : <span class="quiet">the same</span>,
    },
  ];
}
