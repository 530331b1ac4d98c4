// Panels of the Compare page: the legend of the runs that are drawn, and the slider of a film.

// Each run's stroke, its name as plain text, and a few words on it.
function legendPanel(data, parentElement) {
  const root = element("div", "rnn-runs", parentElement);
  const entries = [];

  function addEntry() {
    const node = element("span", "rnn-run", root);
    const stroke = element("i", "rnn-stroke", node);
    entries.push({ node, stroke, name: element("b", "", node), words: element("span", "rnn-run-words", node) });
  }

  return {
    revision: data.revision,
    update(next) {
      this.revision = next.revision;
    },
    paint(entry) {
      while (entries.length < entry.runs.length) addEntry();
      while (entries.length > entry.runs.length) entries.pop().node.remove();
      entry.runs.forEach((run, index) => {
        const { stroke, name, words } = entries[index];
        stroke.style.borderTop = `3px ${run.dash === "dash" ? "dashed" : "solid"} ${run.colour}`;
        setText(name, run.name);
        setText(words, run.words);
      });
    },
    destroy: () => root.remove(),
  };
}

const SCRUB_REST_MS = 120; // between two places that are told while the slider is being moved
const PATIENCE_MS = 2000; // for the server to go to a place, while frames for earlier ones still come

// A slider that the person moves, or that a film moves under their eyes.
function scrubberPanel(data, parentElement, board, pick) {
  const root = element("div", "rnn-scrubber", parentElement);
  const words = element("div", "rnn-scrubber-words", root);
  const range = element("input", "", root);
  range.type = "range";
  range.min = "0";
  range.step = "1";
  let told = null; // the place that was told last, until the server has gone there
  let patience = 0; // when to believe the server again, whatever it shows
  let due = 0;
  let later = 0;
  let names = [];

  function tell() {
    clearTimeout(later);
    const now = performance.now();
    if (now < due) {
      later = setTimeout(tell, due - now);
      return;
    }
    due = now + SCRUB_REST_MS;
    pick(Number(range.value));
  }

  function show(place) {
    setText(words, names[place] ?? "");
    range.setAttribute("aria-valuetext", names[place] ?? "");
  }

  range.addEventListener("input", () => {
    told = Number(range.value);
    patience = performance.now() + PATIENCE_MS;
    show(told);
    tell();
  });

  const panel = {
    update(next) {
      panel.revision = next.revision;
      names = next.names;
      range.max = String(Math.max(0, names.length - 1));
      range.setAttribute("aria-label", next.label);
    },
    paint(entry) {
      if (told !== null && entry.place !== told && performance.now() < patience) return;
      told = null;
      range.value = String(entry.place);
      show(entry.place);
    },
    destroy() {
      clearTimeout(later);
      root.remove();
    },
  };
  panel.update(data);
  return panel;
}
