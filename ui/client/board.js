// The board: every panel of the page registers here, the feed hands over frames, and each frame is
// painted in rounds over all panels. A frame that is overtaken before its round begins is skipped.

const BUDGET_MS = 40;
const SLOW = new Set(["weights", "health", "diary"]);

function createBoard(chartsReady) {
  const mounts = new Map(); // name -> the promise of its newest mount
  let lastTurn = chartsReady;
  const panels = new Map(); // name -> {paint(entry, frame), destroy()}
  let latest = null;
  let fresh = false; // whether a frame has come since the round began
  let scheduled = false;
  const waiting = new Set(); // panels that the round has yet to paint

  const board = {
    painted: 0, // rounds painted, for measuring
    received: 0,
    spent: {}, // milliseconds spent on each panel, for measuring
    bytes: 0,
    pick: { index: null, pinned: false }, // the character of the sample that is looked at; null: the last
    get latest() {
      return latest;
    },

    // Mounts of one panel follow each other; charts take turns, so that the first is seen early.
    mount(component) {
      const { panel, kind } = component.data;
      const before = Promise.all([mounts.get(panel), kind === "chart" ? turn() : null]);
      const mounted = before.then(() => mountNow(component));
      mounts.set(panel, mounted);
      return mounted;
    },

    feed(bytes) {
      latest = new Frame(bytes);
      board.received += 1;
      board.bytes += latest.size;
      fresh = true;
      if (!waiting.size) startRound();
    },

    repaint(name) {
      const panel = panels.get(name);
      const entry = latest?.panel(name);
      // A panel whose figure has changed waits for the frame that was made for the new figure.
      if (!panel || !entry || entry.revision !== panel.revision) return;
      const began = performance.now();
      panel.paint(entry, latest);
      board.spent[name] = (board.spent[name] ?? 0) + performance.now() - began;
    },

    repick(index, pinned) {
      board.pick = { index, pinned };
      for (const name of ["sample", "softmax", "candidates"]) board.repaint(name);
    },
  };

  // The next chart's turn comes after the page has had time to paint the last one.
  function turn() {
    const mine = lastTurn;
    lastTurn = mine.then(() => new Promise((resolve) => { setTimeout(resolve, 0); }));
    return mine;
  }

  function mountNow({ data, parentElement }) {
    const current = panels.get(data.panel);
    if (current && current.home === parentElement && current.kind === data.kind) {
      current.update(data);
      board.repaint(data.panel);
      return current.cleanup;
    }
    const panel = KINDS[data.kind](data, parentElement, board);
    panel.home = parentElement;
    panel.kind = data.kind;
    panel.slow = SLOW.has(data.panel);
    panel.cleanup = () => {
      if (panels.get(data.panel) === panel) panels.delete(data.panel);
      panel.destroy?.();
    };
    panels.set(data.panel, panel);
    board.repaint(data.panel);
    return panel.cleanup;
  }

  function schedule() {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      paintRound();
    });
  }

  // Paints the panels of the current round until the budget is spent, and the rest in the next animation
  // frame, so that a click never waits for more than one budget and one chart. A round takes the newest
  // frame it can get for each panel; a new round begins when all have been painted.
  function paintRound() {
    const began = performance.now();
    for (const name of waiting) {
      waiting.delete(name);
      board.repaint(name);
      if (performance.now() - began > BUDGET_MS) break;
    }
    if (waiting.size) {
      schedule();
      return;
    }
    board.painted += 1;
    if (fresh) startRound();
  }

  function startRound() {
    fresh = false;
    for (const [name, panel] of panels) {
      // What changes slowly is painted in every second round.
      if (!panel.slow || board.painted % 2) waiting.add(name);
    }
    schedule();
  }

  return board;
}

// A panel that is scrolled out of sight is not painted until it comes back.
function whenVisible(node, repaint) {
  let visible = true;
  const observer = new IntersectionObserver((entries) => {
    const now = entries.at(-1).isIntersecting;
    const returned = now && !visible;
    visible = now;
    if (returned) repaint();
  }, { rootMargin: "80px" });
  observer.observe(node);
  return { get visible() { return visible; }, stop: () => observer.disconnect() };
}

function element(tag, className, parent, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
