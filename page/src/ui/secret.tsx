// A key that is shown once.

import { Copy } from "./bits";

export function Secret({ of, used, done }: { of: string; used?: () => void; done?: () => void }) {
  return (
    <div class="secret" role="status">
      <p><strong>This key is shown once.</strong> Keep it now: nobody, the server included, can show it again.</p>
      <p class="line"><code class="mono">{of}</code> <Copy text={of} what="the key" /></p>
      <p>
        {used && <button type="button" class="main" onClick={used}>Look with it</button>}
        {done && <button type="button" onClick={done}>I have it</button>}
      </p>
    </div>
  );
}
