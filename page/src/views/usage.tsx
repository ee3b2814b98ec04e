// What this client has called, against what its plan has.

import { path, download } from "../lib/api";
import { useAskOn } from "../lib/ask";
import { count, microUsd, ppm } from "../lib/format";
import type { Data, Usage as UsageView, UsageRow } from "../lib/types";
import { adjust, useQuery } from "../lib/url";
import { Choice, Fact, Facts, Panel, Part, Pending, Trouble, Waiting, When } from "../ui/bits";
import { type Column, Table } from "../ui/table";

const BY = [["day", "day"], ["hour", "hour"], ["endpoint", "endpoint"], ["key", "key"], ["status", "status"]] as const;

export function Usage() {
  const query = useQuery();
  const by = BY.find(([name]) => name === query.by)?.[0] ?? "day";
  const asked = path("/v1/usage", { by, client: query.client });
  const { value, failure } = useAskOn<Data<UsageView>>(asked, "live");
  if (!value) return <Pending title="Usage" failure={failure} />;
  const usage = value.data;
  const { month, plan, invoice } = usage;
  const used = month.calls_included > 0 ? Math.floor((month.calls / month.calls_included) * 1_000_000) : 0;
  const most = Math.max(1, ...usage.rows.map((row) => row.calls));
  const columns: Column<UsageRow>[] = [
    { name: by[0]!.toUpperCase() + by.slice(1), text: by !== "status", by: (row) => row.day ?? row.hour ?? row.endpoint ?? row.key ?? row.status, cell: (row) => label(row) },
    { name: "Calls", by: (row) => row.calls, cell: (row) => <Part of={row.calls / most}>{count(row.calls)}</Part> },
    { name: "of them counted", hint: "Calls that the plan counts", by: (row) => row.counted, cell: (row) => count(row.counted) },
  ];
  return (
    <>
      <header class="title"><h1>Usage</h1><p class="quiet">{usage.client}, plan {plan.name}</p></header>
      <Trouble failure={failure} />
      <Panel title="This month">
        <svg viewBox="0 0 100 8" preserveAspectRatio="none" class="bar" role="img" aria-label={`${ppm(used)} of the plan's calls are used`}>
          <rect width="100" height="8" class="rest" />
          <rect width={Math.min(100, used / 10_000)} height="8" class={used > 800_000 ? "idle" : "earned"} />
        </svg>
        <Facts>
          <Fact name="Calls" note={`${ppm(used)} of the plan`}>{count(month.calls)}</Fact>
          <Fact name="Plan" note={`${count(plan.calls_per_minute)} a minute`}>{count(month.calls_included)} a month</Fact>
          <Fact name="Left">{count(month.calls_left)}</Fact>
          <Fact name="Ends"><When at={month.ends_at} /></Fact>
          <Fact name="Bill so far" note={plan.overage_microusd === null ? "no calls beyond the plan" : `${microUsd(plan.overage_microusd)} a call beyond the plan`}>{microUsd(invoice.due_microusd)}</Fact>
          <Fact name="History begins">{plan.history_starts_at ? <When at={plan.history_starts_at} /> : "at the beginning"}</Fact>
        </Facts>
      </Panel>
      <Panel
        title="Calls"
        aside={<><Choice name="By" of={BY} now={by} choose={(value) => adjust({ by: value })} /><button type="button" class="small" onClick={() => void download(asked, `usage-by-${by}`)}>CSV</button></>}
      >
        {usage.rows.some((row) => row[by] === null) ? <Waiting /> : <Table caption={`Calls by ${by}`} columns={columns} rows={usage.rows} id={(row) => String(row.day ?? row.hour ?? row.endpoint ?? row.key ?? row.status)} empty="Nothing was called this month." />}
      </Panel>
    </>
  );
}

function label(row: UsageRow) {
  if (row.day) return <span title="A day in UTC">{row.day.slice(0, 10)}</span>;
  if (row.hour) return <When at={row.hour} />;
  return <span class="name" title={row.endpoint ?? row.key ?? undefined}>{row.endpoint ?? row.key ?? row.status ?? "unknown"}</span>;
}
