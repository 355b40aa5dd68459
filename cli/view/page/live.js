/** What goes on now: the server sends what has changed as long as its tab is looked at (server-sent events). */
const sources = { crawl: ['/api/crawl/live', 'crawl'], training: ['/api/runs/live', 'runs'] };

let open = null;

/** Listens for what the tab shows, and to nothing else. */
export function watch(state) {
  open?.close();
  open = null;
  const [path, key] = sources[state.tab] ?? [];
  if (path === undefined) return;
  open = new EventSource(path);
  open.onmessage = ({ data }) => {
    state[key] = JSON.parse(data);
    state.draw();
  };
  // The browser tries again by itself, unless it was refused.
  open.onerror = ({ target }) => {
    if (target.readyState === EventSource.CLOSED)
      state.fail(new Error('The workbench does not answer: is `lait view` still running?'));
  };
}
