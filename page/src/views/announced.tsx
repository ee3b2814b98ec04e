// What was announced of a campaign beside what it is: nobody is paid by the one, everybody by the other.

import { percent } from "../lib/format";
import type { Announced, Campaign } from "../lib/types";
import { Amount, Fact, Facts, Known, Panel, Usd } from "../ui/bits";

export function AnnouncedBeside({ campaign, announced }: { campaign: Campaign; announced: Announced }) {
  const { reward_token: token } = campaign;
  const implied = announced.implied_apr_percent;
  return (
    <Panel title="Announced beside real">
      <Facts>
        <Fact name="Budget announced" note={announced.budget_differs ? "another budget is handed out" : undefined}>
          <Amount units={announced.budget_units} token={token} places={0} why="not_announced" />
        </Fact>
        <Fact name="Budget handed out">
          <Amount units={campaign.budget_units} token={token} places={0} />
        </Fact>
        <Fact name="APR announced" note={implied === null ? undefined : `its budget over its TVL is ${percent(implied)}`}>
          <Known text={percent(announced.apr_percent)} why="not_announced" />
        </Fact>
        <Fact name="APR now" hint="What the campaign pays a year on what its eligible positions hold now">
          <Known text={percent(campaign.apr.reward_percent)} why={campaign.apr.reason} />
        </Fact>
        <Fact name="TVL announced"><Usd value={announced.tvl_usd} why="not_announced" exact /></Fact>
        <Fact name="Eligible TVL now"><Usd value={campaign.tvl_usd} why={campaign.tvl_reason} exact /></Fact>
      </Facts>
      {announced.source && <p class="quiet">Said at {announced.source}</p>}
    </Panel>
  );
}
