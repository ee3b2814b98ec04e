// The page of accrual. It uses the public API only, with the key that its reader brings.
"use strict";

const REFRESH_SECONDS = 3;
const EARNERS_SHOWN = 10;
const byId = (id) => document.getElementById(id);

let timer = null;

start();

function start() {
  takeKeyFromFragment();
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem("key", byId("key").value.trim());
    byId("key").value = "";
    refresh();
  });
  byId("forget").addEventListener("click", () => askForKey(""));
  addEventListener("hashchange", () => takeKeyFromFragment() && refresh());
  refresh();
}

// A fragment never leaves the browser; it is taken out of the address bar at once.
function takeKeyFromFragment() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!key) return false;
  sessionStorage.setItem("key", key);
  history.replaceState(null, "", location.pathname);
  return true;
}

async function refresh() {
  clearTimeout(timer);
  const key = sessionStorage.getItem("key");
  if (!key) return askForKey("");
  try {
    const campaigns = await ask("/v1/campaigns", key);
    const asked = campaigns.data.map((campaign) => topEarners(campaign, key));
    const earners = await Promise.all(asked);
    show(campaigns, earners);
  } catch (error) {
    if (error.status === 401 || error.status === 403) return askForKey(error.message);
    trouble(`${error.message} Trying again.`);
  }
  timer = setTimeout(refresh, REFRESH_SECONDS * 1000);
}

async function topEarners(campaign, key) {
  if (campaign.sums_reason) return [];
  const path = `/v1/campaigns/${encodeURIComponent(campaign.id)}/accruals?limit=${EARNERS_SHOWN}`;
  return (await ask(path, key)).data;
}

async function ask(path, key) {
  const answer = await fetch(path, { headers: { "X-API-Key": key }, cache: "no-store" });
  const body = await answer.json();
  if (answer.ok) return body;
  throw Object.assign(new Error(body.detail || body.title), { status: answer.status });
}

function askForKey(why) {
  clearTimeout(timer);
  sessionStorage.removeItem("key");
  byId("key-form").hidden = false;
  for (const id of ["as-of", "campaigns", "forget"]) byId(id).hidden = true;
  trouble(why);
}

function trouble(text) {
  byId("trouble").textContent = text;
  byId("trouble").hidden = !text;
}

function show(campaigns, earners) {
  trouble("");
  byId("key-form").hidden = true;
  for (const id of ["as-of", "campaigns", "forget"]) byId(id).hidden = false;
  byId("as-of").replaceChildren(...asOf(campaigns.meta));
  byId("campaigns").replaceChildren(...campaigns.data.map((campaign, at) => card(campaign, earners[at])));
}

function asOf({ as_of: block, finality, age_seconds: age, stale }) {
  if (!block) return [fact("As of", "nothing is indexed yet")];
  const sure = { finalized: "final", safe: "safe, not final yet", latest: "not final yet" };
  const facts = [
    fact("As of block", grouped(String(block.block_number))),
    fact("Time of the block", instant(block.at)),
    fact("Finality", sure[finality] ?? finality),
  ];
  if (stale) facts.push(fact("Late", `${grouped(String(age))} s old, older than promised`, "late"));
  return facts;
}

function card(campaign, earners) {
  const symbol = campaign.reward_token.symbol ?? "";
  const amount = (units) => inTokens(units, campaign.reward_token.decimals);
  const withSymbol = (units) => (units === null ? "unknown" : `${amount(units)} ${symbol}`.trim());
  const parts = partsOfBudget(campaign);
  const ofBudget = (part) => `${percent(part)} of the budget`;
  return element("section", {}, [
    element("div", { class: "title" }, [
      element("h2", {}, [campaign.id]),
      element("span", { class: `chip ${campaign.status}` }, [campaign.status]),
    ]),
    element("p", { class: "quiet" }, [`Pool ${campaign.pool}, scoring ${campaign.scoring}`]),
    progress(parts),
    element("dl", { class: "facts" }, [
      fact("Earned", withSymbol(campaign.earned_units), "dot-earned", ofBudget(parts.earned)),
      fact("Undistributed", withSymbol(campaign.undistributed_units), "dot-idle", ofBudget(parts.idle)),
      fact("Still to come", withSymbol(unitsToCome(campaign)), "dot-rest", ofBudget(parts.rest)),
      fact("Budget", withSymbol(campaign.budget_units)),
      fact("Runs (UTC)", runs(campaign)),
      fact("Reward APR", apr(campaign.apr), "", eligible(campaign)),
    ]),
    earners.length
      ? earnersTable(earners, amount, symbol)
      : element("p", { class: "quiet" }, [noEarners(campaign)]),
  ]);
}

function noEarners({ sums_reason: reason }) {
  const reasons = {
    fees_unknown: "Who earned what is unknown: this campaign is paid by fees, and those of a trade cannot be known.",
    not_indexed: "Nothing is indexed yet.",
  };
  return reason === null ? "Nobody has earned yet." : (reasons[reason] ?? `Who earned what is unknown (${reason}).`);
}

function fact(name, value, kind = "", beneath = "") {
  const dot = kind.startsWith("dot") ? `dot ${kind}` : "";
  const told = beneath ? [value, element("small", {}, [beneath])] : [value].flat();
  return element("div", { class: dot ? "" : kind }, [
    element("dt", { class: dot }, [name]),
    element("dd", {}, told),
  ]);
}

function unitsToCome(campaign) {
  if (campaign.sums_reason === "fees_unknown") return null;
  if (campaign.emitted_units === null) return campaign.budget_units;
  return String(BigInt(campaign.budget_units) - BigInt(campaign.emitted_units));
}

// Millionths of the budget, as integers: amounts are too large for a number.
function partsOfBudget(campaign) {
  const part = (units) => (units === null ? 0 : Number((BigInt(units) * 1000000n) / BigInt(campaign.budget_units)));
  return {
    earned: part(campaign.earned_units),
    idle: part(campaign.undistributed_units),
    rest: part(unitsToCome(campaign)),
  };
}

function progress({ earned, idle }) {
  const label = `${percent(earned)} of the budget earned, ${percent(idle)} undistributed`;
  return element("div", { class: "bar", role: "img", "aria-label": label }, [bar("bar-earned", earned), bar("bar-idle", idle)]);
}

function bar(kind, millionths) {
  const node = element("div", { class: kind }, []);
  node.style.width = `${millionths / 10000}%`;
  return node;
}

function apr({ reward_percent: rate, reason }) {
  if (rate !== null) return `${cut(rate)} %`;
  const reasons = {
    campaign_not_running: "none: the campaign does not run",
    nobody_eligible: "none: nobody is eligible",
    no_price: "unknown: a price is missing",
    not_indexed: "unknown: nothing is indexed yet",
  };
  return reasons[reason] ?? `unknown (${reason})`;
}

function eligible({ tvl_usd: usd }) {
  return usd === null ? "" : `on ${cut(usd)} USD eligible`;
}

function earnersTable(earners, amount, symbol) {
  const row = ({ account, earned_units: units, share_ppm: share, positions }) =>
    element("tr", {}, [
      element("td", { title: account }, shortened(account)),
      element("td", {}, [amount(units)]),
      element("td", {}, [fourPlaces(share)]),
      element("td", { class: "positions" }, [String(positions.length)]),
    ]);
  const head = (name, kind = "") => element("th", { scope: "col", class: kind }, [name]);
  return element("table", {}, [
    element("thead", {}, [
      element("tr", {}, [head("Account"), head(`Earned ${symbol}`.trim()), head("Share %"), head("Positions", "positions")]),
    ]),
    element("tbody", {}, earners.map(row)),
  ]);
}

// The middle of an address is hidden where the screen is narrow.
function shortened(account) {
  return [account.slice(0, 6), element("span", { class: "middle" }, [account.slice(6, -4)]), account.slice(-4)];
}

// Four decimals, cut and not rounded: nobody is shown more than was earned.
function inTokens(units, decimals) {
  if (units === null) return "unknown";
  if (decimals === null) return `${grouped(units)} units`;
  const digits = units.padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const part = digits.slice(whole.length).slice(0, 4);
  return grouped(whole) + (part ? `.${part}` : "");
}

function grouped(digits) {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

function percent(millionths) {
  return `${fourPlaces(millionths)} %`;
}

function fourPlaces(millionths) {
  return `${Math.floor(millionths / 10000)}.${String(millionths % 10000).padStart(4, "0")}`;
}

// Two decimals of a decimal text, cut.
function cut(text) {
  const [whole, part = ""] = text.split(".");
  return `${grouped(whole)}.${part.padEnd(2, "0").slice(0, 2)}`;
}

// RFC 3339 in UTC, as the API writes it, for eyes.
function instant(text) {
  return `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`;
}

function runs({ starts_at: from, ends_at: to }) {
  const minute = (text) => `${text.slice(0, 10)} ${text.slice(11, 16)}`;
  const whole = (text) => element("span", { class: "whole" }, [text]);
  return [whole(`${minute(from)} to`), " ", whole(minute(to))];
}

// Text goes in as text nodes only: names of tokens and campaigns are chosen by strangers.
function element(name, attributes, children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
