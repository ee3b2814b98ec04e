// Who earned what of a campaign, largest first, page by page at one block.

import { useState } from "preact/hooks";
import { download, path } from "../lib/api";
import { useAsk } from "../lib/ask";
import { ppm } from "../lib/format";
import type { Campaign, Earner, List } from "../lib/types";
import { reason } from "../lib/words";
import { Account, Amount, Chip, Panel, Part, Trouble, Waiting } from "../ui/bits";
import { type Column, Table } from "../ui/table";

const PAGE = 25;

export function Earners({ campaign }: { campaign: Campaign }) {
  // The cursors of the pages before and of this one: a page is of the block of the first.
  const [cursors, setCursors] = useState<string[]>([]);
  const base = `/v1/campaigns/${encodeURIComponent(campaign.id)}/accruals`;
  const cursor = cursors.at(-1);
  const isKnown = campaign.sums_reason === null;
  const { value, failure } = useAsk<List<Earner>>(isKnown ? path(base, { limit: PAGE, cursor }) : null, cursor ? "once" : "block");
  const [why, setWhy] = useState<string | null>(null);
  const most = Math.max(0, ...(value?.data.map((one) => one.share_ppm ?? 0) ?? []));
  const columns: Column<Earner>[] = [
    {
      name: "Account", text: true,
      cell: (one) => (
        <>
          <Account of={one.account} roomy /> {one.flags?.includes("contract") && <Chip kind="idle" title="There is code at this account and no wrapper is known there: it probably holds for others">contract</Chip>}
        </>
      ),
    },
    { name: `Earned, ${campaign.reward_token.symbol ?? "units"}`, cell: (one) => <Amount units={one.earned_units} token={campaign.reward_token} places={4} bare /> },
    { name: "Share", hint: "Of all that was earned", cell: (one) => <Part of={(one.share_ppm ?? 0) / (most || 1)}>{ppm(one.share_ppm)}</Part> },
    { name: "Positions", cell: (one) => one.positions.length },
  ];
  const next = value?.meta.next_cursor;
  const save = () => void download(path(base, { limit: 500 }), `${campaign.id}-accruals`).catch((error: Error) => setWhy(error.message));
  return (
    <Panel title="Who earned what" aside={isKnown && <button type="button" class="small" onClick={save} title="The 500 largest; further pages by the API's cursor">CSV</button>}>
      {!isKnown && <p class="empty">Unknown: {reason(campaign.sums_reason)}.</p>}
      {why && <p class="trouble" role="alert">{why}</p>}
      <Trouble failure={failure} />
      {value
        ? <Table caption={`Who earned what of ${campaign.id}`} columns={columns} rows={value.data} id={(one) => one.account} empty="Nobody has earned yet." />
        : isKnown && !failure && <Waiting />}
      {(next || cursors.length > 0) && (
        <nav class="pages" aria-label="Pages of accounts">
          <button type="button" disabled={cursors.length === 0} onClick={() => setCursors(cursors.slice(0, -1))}>Larger</button>
          <span class="quiet">{cursors.length * PAGE + 1} to {cursors.length * PAGE + (value?.data.length ?? 0)} of {campaign.accounts_count ?? "?"}</span>
          <button type="button" disabled={!next} onClick={() => next && setCursors([...cursors, next])}>Smaller</button>
        </nav>
      )}
    </Panel>
  );
}
