// The page: which view the address names, once there is a key.

import { render } from "preact";
import { useEffect } from "preact/hooks";
import "./style/base.css";
import "./style/parts.css";
import "./style/views.css";
import { shortAddress } from "./lib/format";
import { key, takeKeyFromFragment } from "./lib/key";
import { start } from "./lib/pulse";
import { useStore } from "./lib/store";
import { followTouches } from "./lib/touch";
import { type Query, useQuery } from "./lib/url";
import { Shell } from "./ui/shell";
import { Account } from "./views/account";
import { Audit } from "./views/audit";
import { Campaign } from "./views/campaign";
import { Gate } from "./views/gate";
import { Key } from "./views/key";
import { Keys } from "./views/keys";
import { Overview } from "./views/overview";
import { Pool } from "./views/pool";
import { Status } from "./views/status";
import { Usage } from "./views/usage";

takeKeyFromFragment();
addEventListener("hashchange", takeKeyFromFragment);

function App() {
  const held = useStore(key);
  return <Shell>{held ? <View /> : <Gate />}</Shell>;
}

function View() {
  const query = useQuery();
  useEffect(() => {
    document.title = [titleOf(query), "accrual"].filter(Boolean).join(" · ");
  }, [query]);
  if (query.account) return <Account address={query.account} key={query.account} />;
  if (query.campaign) return <Campaign id={query.campaign} key={query.campaign} />;
  if (query.pool) return <Pool id={query.pool} key={query.pool} />;
  switch (query.view) {
    case "status": return <Status />;
    case "keys": return query.id ? <Key id={query.id} key={query.id} /> : <Keys />;
    case "usage": return <Usage />;
    case "audit": return <Audit />;
    default: return <Overview />;
  }
}

/** What a tab and the browser's history call a view. */
function titleOf(query: Query): string {
  if (query.account) return shortAddress(query.account);
  const named = query.campaign ?? query.pool;
  if (named) return named;
  const view = query.view ?? "";
  return query.id ? `Key ${query.id}` : view.charAt(0).toUpperCase() + view.slice(1);
}

const place = document.getElementById("app");
if (place) render(<App />, place);
start();
followTouches();
