// How far a campaign's budget has gone.

import { ppm } from "../lib/format";
import { ofBudget } from "../lib/sums";
import type { Campaign } from "../lib/types";
import { Known } from "./bits";

export function Bar({ campaign }: { campaign: Campaign }) {
  const [earned, idle] = [ofBudget(campaign.earned_units, campaign), ofBudget(campaign.undistributed_units, campaign)];
  if (earned === null || idle === null) return <Known text="unknown" why={campaign.sums_reason} />;
  const gone = ofBudget(campaign.emitted_units, campaign);
  const words = `${ppm(earned)} of the budget earned, ${ppm(idle)} undistributed`;
  return (
    <span class="bar-cell" title={words}>
      <svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={words} class="bar">
        <rect width="100" height="8" class="rest" />
        <rect width={earned / 10_000} height="8" class="earned" />
        <rect x={earned / 10_000} width={idle / 10_000} height="8" class="idle" />
      </svg>
      <span>{ppm(gone)}</span>
    </span>
  );
}
