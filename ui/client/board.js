// The board: every panel of the page registers here, the feed hands over frames, and each frame is
// painted once, in one animation frame. A frame that is overtaken before it is painted is skipped.

function createBoard() {
  const panels = new Map(); // name -> {paint(entry, frame), destroy()}
  let latest = null;
  let scheduled = false;

  const board = {
    painted: 0, // frames painted, for measuring
    received: 0,
    bytes: 0,
    pick: { index: null, pinned: false }, // the character of the sample that is looked at; null: the last
    get latest() {
      return latest;
    },

    async mount({ data, parentElement }) {
      const current = panels.get(data.panel);
      if (current && current.home === parentElement && current.kind === data.kind) {
        current.update(data);
        board.repaint(data.panel);
        return current.cleanup;
      }
      const panel = KINDS[data.kind](data, parentElement, board);
      panel.home = parentElement;
      panel.kind = data.kind;
      panel.cleanup = () => {
        if (panels.get(data.panel) === panel) panels.delete(data.panel);
        panel.destroy?.();
      };
      panels.set(data.panel, panel);
      board.repaint(data.panel);
      return panel.cleanup;
    },

    feed(bytes) {
      latest = new Frame(bytes);
      board.received += 1;
      board.bytes += latest.size;
      schedule();
    },

    repaint(name) {
      const panel = panels.get(name);
      const entry = latest?.panel(name);
      // A panel whose figure has changed waits for the frame that was made for the new figure.
      if (!panel || !entry || entry.revision !== panel.revision) return;
      panel.paint(entry, latest);
    },

    repick(index, pinned) {
      board.pick = { index, pinned };
      for (const name of ["sample", "softmax", "candidates"]) board.repaint(name);
    },
  };

  function schedule() {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      if (!latest) return;
      for (const name of panels.keys()) board.repaint(name);
      board.painted += 1;
      board.paintedSequence = latest.sequence;
    });
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
