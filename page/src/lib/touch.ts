// What a mouse is told by hovering, a finger is told by touching: the same words, at the foot of the screen until the next
// touch.

const SHOWN_MS = 6_000;
/** What a touch already does something with. */
const BUSY = "a, button, input, select, textarea, summary, label";

export function followTouches() {
  const place = document.createElement("p");
  place.className = "told";
  place.setAttribute("role", "status");
  document.body.append(place);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tell = (text: string) => {
    place.textContent = text;
    clearTimeout(timer);
    if (text) timer = setTimeout(() => tell(""), SHOWN_MS);
  };
  document.addEventListener("click", (event) => {
    const touched = event.target instanceof Element ? event.target : null;
    // A mouse hovers, and a keyboard's click has no pointer.
    if ((event as PointerEvent).pointerType !== "touch" || touched?.closest(BUSY)) return tell("");
    tell(words(touched?.closest("[title], rect, svg")));
  });
}

function words(of: Element | null | undefined): string {
  return of?.getAttribute("title") ?? of?.querySelector("title")?.textContent ?? "";
}
