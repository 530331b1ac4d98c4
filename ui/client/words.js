// Panels made of words and small figures: the status line, health, and the diary of samples.

function statusPanel(data, parentElement) {
  const root = element("div", "rnn-status", parentElement);
  const line = element("div", "rnn-status-line", root);
  const bar = element("div", "rnn-progress", root);
  const fill = element("div", "rnn-progress-fill", bar);
  return {
    revision: data.revision,
    update(next) {
      this.revision = next.revision;
    },
    paint(entry) {
      setText(line, entry.line);
      root.dataset.playing = entry.playing;
      bar.classList.toggle("rnn-idle", entry.progress === null);
      bar.title = entry.target ?? "";
      fill.style.width = `${100 * (entry.progress ?? 0)}%`;
    },
    destroy: () => root.remove(),
  };
}

const MARKS = { fine: "● fine", watch: "▲ watch", trouble: "■ trouble", none: "" };
const SPARK_WIDTH = 100;
const SPARK_HEIGHT = 24;

function sparkPoints(values) {
  const low = Math.min(...values);
  const span = Math.max(...values) - low || 1;
  const step = SPARK_WIDTH / Math.max(1, values.length - 1);
  return values.map((v, i) => `${(i * step).toFixed(1)},${(SPARK_HEIGHT - 2 - ((v - low) / span) * (SPARK_HEIGHT - 4)).toFixed(1)}`).join(" ");
}

function healthCard(figure, parent) {
  const card = element("div", "rnn-card", parent);
  const head = element("div", "rnn-card-head", card);
  element("span", "rnn-card-label", head, figure.label);
  const mark = element("span", "rnn-mark", head);
  const value = element("div", "rnn-card-value", card);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const spark = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  svg.appendChild(spark);
  card.appendChild(svg);
  const range = element("div", "rnn-card-range", card);
  element("div", "rnn-card-help", card, figure.help);
  return (now) => {
    setText(value, now.value);
    setText(mark, MARKS[now.mark]);
    setText(range, now.range);
    mark.className = `rnn-mark rnn-${now.mark}`;
    spark.setAttribute("points", now.spark.length > 1 ? sparkPoints(now.spark) : "");
  };
}

function healthPanel(data, parentElement, board) {
  const root = element("div", "rnn-health", parentElement);
  const sight = whenVisible(root, () => board.repaint(data.panel));
  const cards = data.figures.map((figure) => healthCard(figure, root));
  return {
    revision: data.revision,
    update(next) {
      this.revision = next.revision;
    },
    paint(entry) {
      if (sight.visible) entry.figures.forEach((now, index) => cards[index](now));
    },
    destroy() {
      sight.stop();
      root.remove();
    },
  };
}

function diaryPanel(data, parentElement, board) {
  const home = element("div", "", parentElement);
  element("div", "rnn-title", home, "Diary: what it wrote on the way");
  element("div", "rnn-reading", home, "Newest first, always drawn with the same random numbers, so that only the weights differ.");
  const root = element("div", "rnn-diary", home);
  const sight = whenVisible(root, () => board.repaint(data.panel));
  const rows = [];

  function addRow() {
    const row = element("div", "rnn-diary-row", root);
    rows.push({ row, when: element("div", "rnn-diary-when", row), text: element("div", "rnn-diary-text", row) });
  }

  return {
    revision: data.revision,
    update(next) {
      this.revision = next.revision;
    },
    paint(entry) {
      if (!sight.visible) return;
      while (rows.length < entry.entries.length) addRow();
      while (rows.length > entry.entries.length) rows.pop().row.remove();
      entry.entries.forEach(([when, text], index) => {
        setText(rows[index].when, when);
        setText(rows[index].text, text);
      });
    },
    destroy() {
      sight.stop();
      home.remove();
    },
  };
}
