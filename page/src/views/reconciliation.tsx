// Our figures of a campaign against Merkl's, where this server compares.

import type { Campaign } from "../lib/types";
import { Panel } from "../ui/bits";

export function Reconciliation({ campaign }: { campaign: Campaign }) {
  return (
    <Panel title="Against Merkl">
      <p class="empty">
        {campaign.merkl_campaign_id
          ? "Unknown: this server has not read Merkl's figures of this campaign."
          : "Unknown: the configuration does not say which of Merkl's campaigns this is (merkl_campaign_id)."}
      </p>
    </Panel>
  );
}
