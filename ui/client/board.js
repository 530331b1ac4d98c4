// The board: every panel of the page registers here, the feed hands over frames, and each frame is
// painted once, as far as the budget goes. A frame that is overtaken before it is painted is skipped.

const BUDGET_MS = 40;
const REST_MS = 250;
const CHART_REST = 1.5; // after painting charts, they rest for so many times what it took, so that clicks get through

function createBoard(chartsReady) {
  const mounts = new Map(); // name -> the promise of its newest mount, until that is done
  let lastTurn = chartsReady;
  const panels = new Map(); // name -> {paint(entry, frame), destroy()}, the one that is painted
  const standing = new Map(); // name -> all of them that the page has
  const newest = new Map(); // name -> {entry, frame}: a frame brings only what has changed
  let latest = null;
  let scheduled = false;
  let chartsAgain = 0; // when charts may be painted again
  let rest = 0; // the timer that finishes a frame when no further one comes

  const board = {
    painted: 0, // frames painted, for measuring
    paintedSequence: 0, // the newest of them
    received: 0,
    paints: {}, // how often each panel has been painted, and the milliseconds it took
    spent: {},
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
      // Kept on, it would hold the nodes of a panel whose page has long been left.
      const done = () => mounts.get(panel) === mounted && mounts.delete(panel);
      mounted.then(done, done);
      return mounted;
    },

    feed(bytes) {
      latest = new Frame(bytes);
      board.received += 1;
      board.bytes += latest.size;
      for (const [name, entry] of Object.entries(latest.panels)) {
        // What changes seldom is sent more than once, lest a frame be lost on the way.
        if (newest.get(name)?.entry.version !== entry.version) newest.set(name, { entry, frame: latest });
      }
      schedule();
    },

    // What panel `name` shows next or already shows, and the frame that its arrays are in.
    newest(name) {
      return newest.get(name);
    },

    repaint(name) {
      const panel = panels.get(name);
      const next = newest.get(name);
      if (!panel || !next) return;
      panel.shown = next;
      // A panel whose figure has changed waits for the frame that was made for the new figure.
      if (next.entry.revision !== panel.revision) return;
      complain(panel, next.entry.broken);
      if (next.entry.broken) return;
      const began = performance.now();
      panel.paint(next.entry, next.frame);
      board.spent[name] = (board.spent[name] ?? 0) + performance.now() - began;
      board.paints[name] = (board.paints[name] ?? 0) + 1;
    },

    repick(index, pinned) {
      board.pick = { index, pinned };
      for (const name of ["sample", "softmax", "candidates"]) board.repaint(name);
    },
  };

  // A panel that the server could not fill says so in its place.
  function complain(panel, sentence) {
    if (!sentence && !panel.complaint) return;
    panel.complaint ??= element("div", "rnn-complaint", panel.home);
    setText(panel.complaint, sentence ?? "");
  }

  // The next chart's turn comes after the page has had time to paint the last one.
  function turn() {
    const mine = lastTurn;
    lastTurn = mine.then(() => new Promise((resolve) => { setTimeout(resolve, 0); }));
    return mine;
  }

  function mountNow({ data, parentElement, setTriggerValue }) {
    const name = data.panel;
    const others = standing.get(name) ?? [];
    const kept = others.find((panel) => panel.home === parentElement && panel.kind === data.kind);
    if (kept) kept.update(data);
    const panel = kept ?? newPanel(data, parentElement);
    panel.send = data.picks ? setTriggerValue : null;
    arrange(name, [...others.filter((other) => other !== panel), panel]);
    board.repaint(name);
    return panel.cleanup;
  }

  function newPanel(data, home) {
    const name = data.panel;
    const panel = KINDS[data.kind](data, home, board, (value) => panel.send?.("picked", value));
    Object.assign(panel, { home, kind: data.kind });
    panel.cleanup = () => {
      arrange(name, (standing.get(name) ?? []).filter((other) => other !== panel));
      panel.complaint?.remove();
      panel.destroy?.();
      board.repaint(name);
    };
    return panel;
  }

  // The last of those that stand is the present one. While Streamlit rearranges a page it may put up a
  // second one for a moment, and take that one down again.
  function arrange(name, left) {
    if (left.length) {
      standing.set(name, left);
      panels.set(name, left.at(-1));
    } else {
      standing.delete(name);
      panels.delete(name);
    }
  }

  function schedule() {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      paintFrame();
    });
  }

  // Words are painted with every frame; charts while the budget lasts, those that have waited longest first.
  // So a slow browser shows each chart less often, and a click waits for one budget and one chart at most.
  function paintFrame() {
    clearTimeout(rest);
    const began = performance.now();
    const waiting = [...panels].filter(([name, panel]) => panel.shown !== newest.get(name));
    const age = (panel) => panel.shown?.frame.sequence ?? 0;
    waiting.sort(([, one], [, other]) => age(one) - age(other));
    for (const [name, panel] of waiting) {
      if (panel.kind !== "chart") board.repaint(name);
    }
    if (began >= chartsAgain) {
      for (const [name, panel] of waiting) {
        if (panel.kind !== "chart") continue;
        if (performance.now() - began > BUDGET_MS) break;
        board.repaint(name);
      }
      const now = performance.now();
      chartsAgain = now + CHART_REST * (now - began);
    }
    if (board.paintedSequence !== latest.sequence) board.painted += 1;
    board.paintedSequence = latest.sequence;
    // When no further frame comes, the charts that had to wait are painted all the same.
    rest = setTimeout(finish, REST_MS);
  }

  function finish() {
    if ([...panels].some(([name, panel]) => panel.shown !== newest.get(name))) schedule();
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
