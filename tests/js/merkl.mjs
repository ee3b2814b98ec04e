// Asks a server by Merkl's published client and prints what it gets, as one JSON object.
// usage: node merkl.mjs BASE_URL KEY CHAIN_ID CAMPAIGN ACCOUNT
import { MerklApi } from "@merkl/api";

const [base, key, chain, campaignId, address] = process.argv.slice(2);
const chainId = Number(chain);
const { v4 } = MerklApi(base, { headers: { "x-api-key": key } });

// The client makes a Date of each text that looks like one.
const datesIn = (value, path = "") => {
  if (value instanceof Date) return [path];
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, inner]) => datesIn(inner, `${path}/${name}`));
};

const ask = async (call) => {
  const { data, error, status } = await call;
  return { status, data, error: error?.value ?? null, dates: datesIn(data), parsed: typeof (data ?? error?.value) === "object" || typeof data === "number" };
};

const pages = async (call) => {
  const rows = [];
  for (let page = 0; ; page += 1) {
    const { data, error } = await call(page);
    if (error) throw new Error(JSON.stringify(error.value));
    if (data.length === 0) return rows;
    rows.push(...data);
  }
};

const query = { chainId, campaignId };
const answers = {
  leaderboard: await pages((page) => v4.rewards.get({ query: { ...query, page, items: 7 } })),
  total: await ask(v4.rewards.total.get({ query })),
  count: await ask(v4.rewards.count.get({ query })),
  user: await ask(v4.users({ address }).rewards.get({ query: { chainId: [String(chainId), "1"] } })),
  breakdowns: await ask(v4.users({ address }).rewards.breakdowns.get({ query: { chainIds: [String(chainId)] } })),
  campaigns: await ask(v4.campaigns.index.get({ query: { chainId, items: 100, withOpportunity: true } })),
  campaignCount: await ask(v4.campaigns.count.get({ query: { chainId } })),
  campaign: await ask(v4.campaigns({ id: campaignId }).get()),
  metrics: await ask(v4.campaigns({ id: campaignId }).metrics.get({ query: { tvl: { page: 0, limit: 500 }, apr: { page: 1, limit: 10 } } })),
  opportunities: await ask(v4.opportunities.index.get({ query: { campaigns: true } })),
  roots: await ask(v4.roots.index.get({ query: { chainId, fromTimestamp: "0", toTimestamp: "4000000000" } })),
  live: await ask(v4.roots.live.get()),
  tokens: await ask(v4.tokens.index.get({ query: {} })),
  chains: await ask(v4.chains.index.get({ query: {} })),
  refused: await ask(v4.rewards.get({ query: { chainId } })),
  missing: await ask(v4.campaigns({ id: "no-such" }).get()),
  keyless: await ask(MerklApi(base).v4.chains.index.get({ query: {} })),
};
answers.opportunity = await ask(v4.opportunities({ id: answers.campaign.data.opportunityId }).get({ query: {} }));
console.log(JSON.stringify(answers));
