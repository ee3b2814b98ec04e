// Light or dark: as the device says, or as the reader says.

import { store } from "./store";

export type Theme = "auto" | "light" | "dark";
const PLACE = "theme";

export const theme = store<Theme>(read());
/** Counts up when the colours on the screen change: charts draw theirs. */
export const repainted = store(0);

apply();
theme.watch(apply);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);

function read(): Theme {
  const kept = localStorage.getItem(PLACE);
  return kept === "light" || kept === "dark" ? kept : "auto";
}

function apply() {
  const now = theme.get();
  if (now === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = now;
  repainted.set(repainted.get() + 1);
}

/** What a colour's name stands for now. */
export function colour(name: string): string {
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export function chooseTheme(next: Theme) {
  if (next === "auto") localStorage.removeItem(PLACE);
  else localStorage.setItem(PLACE, next);
  theme.set(next);
}
