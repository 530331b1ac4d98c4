// The live sample: each character shaded by the probability the network gave it. Text is only ever
// set as text. Resting on a character, clicking it, or the arrow keys choose the one that is looked at.

const SHADES = 8;
const CONTEXT = 12;

function sampleEntries(board) {
  const { entry, frame } = board.newest("sample") ?? {};
  if (!entry?.ids) return null;
  entry.decoded ??= {
    ids: frame.value(entry.ids),
    drawn: frame.value(entry.drawn),
    topIds: frame.value(entry.top_ids),
    top: frame.value(entry.top),
  };
  return entry.decoded;
}

let vocabulary = { chars: [], marks: [], names: [] };

function pickedCharacter(board) {
  const sample = sampleEntries(board);
  if (!sample || sample.ids.length === 0) return null;
  const length = sample.ids.length;
  const marks = Array.from(sample.ids, (id) => vocabulary.marks[id]);
  if (marks.includes(undefined)) return null; // its vocabulary has not arrived yet
  const index = Math.min(board.pick.index ?? length - 1, length - 1);
  const id = sample.ids[index];
  const candidates = Array.from(sample.topIds[index], (candidate, rank) => ({
    id: candidate, probability: sample.top[index][rank],
  })).filter((candidate) => candidate.probability > 0 || candidate.id === id);
  if (!candidates.some((candidate) => candidate.id === id)) {
    candidates.pop();
    candidates.push({ id, probability: sample.drawn[index] });
  }
  for (const candidate of candidates) {
    candidate.mark = vocabulary.marks[candidate.id];
    candidate.name = vocabulary.names[candidate.id];
    candidate.drawn = candidate.id === id;
  }
  const before = marks.slice(Math.max(0, index - CONTEXT), index).join("");
  return { index, length, candidates, before, marks };
}

function samplePanel(data, parentElement, board) {
  const root = element("div", "rnn-sample", parentElement);
  const head = element("div", "rnn-head", root);
  const title = element("span", "rnn-title", head);
  const legend = element("span", "rnn-legend", head);
  element("span", "", legend, "surprised ");
  for (let shade = 0; shade < SHADES; shade += 1) element("i", `rnn-p${shade}`, legend);
  element("span", "", legend, " sure");
  const toggle = element("label", "rnn-toggle", head);
  const box = element("input", "", toggle);
  box.type = "checkbox";
  element("span", "", toggle, " show spaces");
  const text = element("div", "rnn-text", root);
  text.tabIndex = 0;
  text.setAttribute("role", "textbox");
  text.setAttribute("aria-readonly", "true");
  text.setAttribute("aria-multiline", "true");
  const greedyHead = element("div", "rnn-subtitle", root, "What it would write if it always took its first choice");
  const greedy = element("div", "rnn-text rnn-greedy", root);
  const spans = [];

  const indexOf = (event) => (event.target.rnnIndex === undefined ? null : event.target.rnnIndex);
  text.addEventListener("mouseover", (event) => {
    const index = indexOf(event);
    if (index !== null && !board.pick.pinned) board.repick(index, false);
  });
  text.addEventListener("mouseleave", () => {
    if (!board.pick.pinned) board.repick(null, false);
  });
  text.addEventListener("click", (event) => {
    const index = indexOf(event);
    if (index === null || (board.pick.pinned && board.pick.index === index)) board.repick(null, false);
    else board.repick(index, true);
  });
  text.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") board.repick(null, false);
    if (!step) return;
    event.preventDefault();
    const length = spans.length;
    const index = Math.min(board.pick.index ?? length - 1, length - 1);
    board.repick(Math.max(0, Math.min(length - 1, index + step)), true);
  });
  box.addEventListener("change", () => board.repaint("sample"));

  function resize(count) {
    while (spans.length < count) {
      const span = element("span", "", text);
      span.rnnIndex = spans.length;
      spans.push(span);
    }
    while (spans.length > count) spans.pop().remove();
  }

  function visible(id) {
    const char = vocabulary.chars[id];
    if (char === "\n") return box.checked ? "↵\n" : "\n";
    return box.checked || char < " " ? vocabulary.marks[id] : char;
  }

  const panel = {
    update(next) {
      vocabulary = next.vocabulary;
      panel.revision = next.revision;
      // They may have been painted before the vocabulary was here.
      for (const name of ["softmax", "candidates"]) board.repaint(name);
    },
    paint(entry, frame) {
      setText(title, entry.title);
      const sample = sampleEntries(board);
      resize(sample ? sample.ids.length : 0);
      greedyHead.hidden = !entry.greedy;
      if (!sample) return;
      const picked = Math.min(board.pick.index ?? sample.ids.length - 1, sample.ids.length - 1);
      spans.forEach((span, index) => {
        setText(span, visible(sample.ids[index]));
        const shade = Math.min(SHADES - 1, Math.floor(sample.drawn[index] * SHADES));
        const name = index === picked ? `rnn-p${shade} rnn-picked` : `rnn-p${shade}`;
        if (span.className !== name) span.className = name;
      });
      const ids = entry.greedy ? frame.value(entry.greedy) : [];
      setText(greedy, Array.from(ids, visible).join(""));
    },
    destroy: () => root.remove(),
  };
  panel.update(data);
  return panel;
}

// The likeliest characters at the place that is looked at, as bars; the one that was drawn is marked.
function candidatesPanel(data, parentElement, board) {
  const root = element("div", "rnn-candidates", parentElement);
  element("div", "rnn-title", root, "Top candidates");
  const reading = element("div", "rnn-reading", root);
  const list = element("div", "rnn-bars", root);
  const rows = [];

  function addRow() {
    const row = element("div", "rnn-bar-row", list);
    const mark = element("span", "rnn-bar-mark", row);
    const track = element("span", "rnn-bar-track", row);
    rows.push({ row, mark, bar: element("i", "", track), share: element("span", "rnn-bar-share", row) });
  }

  const panel = {
    update(next) {
      panel.revision = next.revision;
      list.style.height = `${next.height - 36}px`;
    },
    paint(entry, frame) {
      const picked = pickedCharacter(board);
      const candidates = picked?.candidates ?? [];
      setText(reading, picked ? `after “${picked.index > CONTEXT ? "…" : ""}${picked.before}”; orange: what it wrote` : "");
      while (rows.length < candidates.length) addRow();
      while (rows.length > candidates.length) rows.pop().row.remove();
      candidates.forEach((candidate, index) => {
        const { row, mark, bar, share } = rows[index];
        row.title = `${candidate.name}: ${percent(candidate.probability)}`;
        row.classList.toggle("rnn-drawn", candidate.drawn);
        setText(mark, candidate.mark);
        bar.style.width = `${100 * candidate.probability}%`;
        setText(share, percent(candidate.probability));
      });
    },
    destroy: () => root.remove(),
  };
  panel.update(data);
  return panel;
}

function percent(p) {
  if (p >= 0.9995) return "100 %";
  return p < 0.001 ? "<0.1 %" : `${(100 * p).toFixed(1)} %`;
}
