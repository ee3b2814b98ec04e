// Server-sent events by fetch: the browser's own EventSource cannot send a key.

import { request } from "./api";
import { key } from "./key";

export interface StreamEvent {
  kind: string;
  data: string;
  id: string | null;
}

/** Events from `path`, after the one with this id; ends when the server ends it, or the key is another one. */
export async function* events(path: string, after: string | null): AsyncGenerator<StreamEvent> {
  const abort = new AbortController();
  const unwatch = key.watch(() => abort.abort());
  try {
    const answer = await request(path, { accept: "text/event-stream", signal: abort.signal, lastEventId: after });
    if (!answer.body) return;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += value;
      const blocks = rest.split(/\r?\n\r?\n/);
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = parse(block);
        if (event) yield event;
      }
    }
  } finally {
    unwatch();
    abort.abort();
  }
}

function parse(block: string): StreamEvent | null {
  const event: StreamEvent = { kind: "message", data: "", id: null };
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const at = line.indexOf(":");
    // A line that begins with a colon is a sign of life.
    if (at === 0) continue;
    const [name, value] = at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1).replace(/^ /, "")];
    if (name === "event") event.kind = value;
    if (name === "id") event.id = value;
    if (name === "data") data.push(value);
  }
  event.data = data.join("\n");
  return data.length ? event : null;
}
