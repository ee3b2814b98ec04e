// What is looked at is in the address, so that an address is a view that can be shared.

import { store, useStore } from "./store";

export type Query = Record<string, string>;

const here = store<Query>(read());

addEventListener("popstate", () => here.set(read()));

function read(): Query {
  return Object.fromEntries(new URLSearchParams(location.search));
}

export function useQuery(): Query {
  return useStore(here);
}

export function address(query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== "");
  return given.length ? `/?${new URLSearchParams(given)}` : "/";
}

/** To another view. */
export function go(query: Query) {
  history.pushState(null, "", address(query));
  here.set(read());
  scrollTo(0, 0);
  // A screen reader goes on where the new view begins.
  requestAnimationFrame(() => document.querySelector<HTMLElement>("main")?.focus({ preventScroll: true }));
}

/** The same view, looked at differently; what is empty is left out. */
export function adjust(part: Query) {
  history.replaceState(null, "", address({ ...here.get(), ...part }));
  here.set(read());
}

/** A view's own link: followed by script, opened in a tab as any other. */
export function onFollow(query: Query): (event: MouseEvent) => void {
  return (event) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(query);
  };
}
