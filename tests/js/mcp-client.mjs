// The official client against accrual: lists everything, calls tools, and prints what came back as JSON. It holds each
// answer against the tool's own output schema and throws where the two differ.
//
// usage: ACCRUAL_KEY=... node mcp-client.mjs URL auto|default

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const [url, mode] = process.argv.slice(2);
const options = mode === "auto" ? { versionNegotiation: { mode: "auto" } } : {};
const client = new Client({ name: "accrual-tests", version: "1.0.0" }, options);
const headers = { "X-API-Key": process.env.ACCRUAL_KEY };
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));

const { tools } = await client.listTools();
const { resources } = await client.listResources();
const { resourceTemplates } = await client.listResourceTemplates();
const { prompts } = await client.listPrompts();
const call = async (name, args = {}) => {
  const answer = await client.callTool({ name, arguments: args });
  if (answer.isError) throw new Error(`${name}: ${answer.content[0].text}`);
  return answer.structuredContent;
};

const answers = {};
answers.list_campaigns = await call("list_campaigns");
const campaign = answers.list_campaigns.data[0].id;
answers.get_campaign = await call("get_campaign", { campaign, earners: 10 });
const address = answers.get_campaign.data.earners[0].account;
answers.list_pools = await call("list_pools");
const pool = answers.list_pools.data[0].id;
answers.compare_pools = await call("compare_pools", { window: "7d" });
answers.get_pool_history = await call("get_pool_history", { pool, interval: "1h" });
answers.explain_apr = await call("explain_apr", { campaign });
answers.get_wallet_rewards = await call("get_wallet_rewards", { address });
answers.get_wallet_history = await call("get_wallet_history", { address, campaign });
answers.get_api_usage = await call("get_api_usage");
answers.get_status = await call("get_status");
const wrong = await client.callTool({ name: "get_campaign", arguments: { campaign: "nowhere" } });
const glossary = await client.readResource({ uri: "accrual://glossary" });
const prompt = await client.getPrompt({ name: "campaign_brief", arguments: { campaign } });

console.log(
  JSON.stringify({
    version: client.getNegotiatedProtocolVersion(),
    server: client.getServerVersion(),
    tools: tools.map((tool) => tool.name),
    resources: resources.map((resource) => resource.uri),
    templates: resourceTemplates.map((template) => template.uriTemplate),
    prompts: prompts.map((prompt) => prompt.name),
    wrong: wrong.content[0].text,
    glossary: glossary.contents[0].text.length,
    prompt: prompt.messages[0].content.text,
    answers,
  }),
);
await client.close();
