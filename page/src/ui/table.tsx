// A table whose figures line up, and which sorts by the column that is chosen. Where the screen is narrow a wide one becomes
// a list of cards with each column's name beside its figure; any other scrolls in itself.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

export interface Column<Row> {
  name: string;
  hint?: string;
  /** What a cell shows. */
  cell: (row: Row) => ComponentChildren;
  /** What rows are sorted by; a column without is not sorted by. */
  by?: (row: Row) => number | bigint | string | null;
  text?: boolean;
}

interface Props<Row> {
  caption: string;
  columns: Column<Row>[];
  rows: Row[];
  id: (row: Row) => string;
  empty: ComponentChildren;
}

/** So many rows are made at once; more as the reader comes near the end. */
const CHUNK = 100;
/** So many columns are too many for a phone. */
const COLUMNS_MANY = 5;
/** Fewer cards than this are seen at once. */
const SORTED_MIN = 4;

export function Table<Row>({ caption, columns, rows, id, empty }: Props<Row>) {
  const [sort, setSort] = useState<{ column: number; falls: boolean } | null>(null);
  const [shown, more] = useShown(rows.length);
  if (rows.length === 0) return <p class="empty">{empty}</p>;
  const by = sort && columns[sort.column]?.by;
  const sorted = by ? [...rows].sort((a, b) => compare(by(a), by(b)) * (sort.falls ? -1 : 1)) : rows;
  const choose = (column: number) =>
    setSort(sort?.column === column ? { column, falls: !sort.falls } : { column, falls: !columns[column]?.text });
  const isMany = columns.length >= COLUMNS_MANY;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      {isMany && rows.length >= SORTED_MIN && <SortChoice columns={columns} now={sort?.column} choose={choose} clear={() => setSort(null)} />}
      <table class={isMany ? "cards" : undefined}>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column, index) => {
              const order = sort?.column === index ? (sort.falls ? "descending" : "ascending") : undefined;
              return (
                <th scope="col" class={column.text ? "text" : ""} aria-sort={order} title={column.hint} key={column.name}>
                  {column.by ? <button type="button" onClick={() => choose(index)}>{column.name}</button> : column.name}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {sorted.slice(0, shown).map((row) => (
            <tr key={id(row)}>
              {columns.map((column, index) => {
                const kind = column.text ? "text" : "";
                return index === 0
                  ? <th scope="row" class={kind} key={column.name}>{column.cell(row)}</th>
                  : <td class={kind} key={column.name} data-name={column.name}>{column.cell(row)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {shown < rows.length && <div ref={more} class="more">…</div>}
    </div>
  );
}

/** What the head of the table does where there is no room for one. */
function SortChoice<Row>({ columns, now, choose, clear }: { columns: Column<Row>[]; now: number | undefined; choose: (column: number) => void; clear: () => void }) {
  return (
    <label class="sort">
      Sorted by{" "}
      <select value={now ?? ""} onChange={({ currentTarget: { value } }) => (value === "" ? clear() : choose(Number(value)))}>
        <option value="">as given</option>
        {columns.map((column, index) => column.by && <option value={index} key={column.name}>{column.name}</option>)}
      </select>
    </label>
  );
}

/** How many of so many rows are shown, and what to watch for more. */
export function useShown(all: number, chunk = CHUNK) {
  const [shown, setShown] = useState(chunk);
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!end.current) return;
    const watcher = new IntersectionObserver(
      (seen) => seen.some((one) => one.isIntersecting) && setShown((count) => count + chunk),
      { rootMargin: "600px" },
    );
    watcher.observe(end.current);
    return () => watcher.disconnect();
  }, [shown < all, shown]);
  return [shown, end] as const;
}

/** What is not known comes last, whichever way. */
function compare(a: number | bigint | string | null, b: number | bigint | string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
