// One Plotly chart on one kept node. The figure's traces and layout come once, with the panel;
// a frame brings only the arrays, named by their path: "0.y", "layout.xaxis.range", "labels.x".

const CHART_CONFIG = { displaylogo: false, displayModeBar: "hover", doubleClick: "reset+autosize", responsive: false,
  modeBarButtonsToRemove: ["select2d", "lasso2d", "toImage"], showTips: false };

function setPath(figure, path, value) {
  const keys = path.split(".");
  let target = Number.isNaN(Number(keys[0])) ? figure : figure.data;
  for (const key of keys.slice(0, -1)) target = target[key] ??= {};
  target[keys.at(-1)] = value;
}

// What the browser adds to a chart by itself, because it depends on the character that is looked at.
const DERIVED = { softmax: derivePicked };

function chartHead(root) {
  const head = element("div", "rnn-head", root);
  const title = element("span", "rnn-title", head);
  const scale = element("span", "rnn-legend", head);
  const low = element("span", "", scale);
  const ramp = element("i", "rnn-ramp", scale);
  const high = element("span", "", scale);
  const reading = element("div", "rnn-reading", root);
  return {
    show(next) {
      setText(title, next.title);
      setText(reading, next.reading);
      scale.hidden = !next.scale;
      if (!next.scale) return;
      setText(low, `${next.scale.low} `);
      setText(high, ` ${next.scale.high}`);
      ramp.style.background = `linear-gradient(to right, ${next.scale.colours.join(", ")})`;
    },
  };
}

// Drawing anew drops the hover label under a resting pointer, so it is called back after each drawing.
function keepHover(node) {
  let pointer = null;
  node.on("plotly_hover", ({ event }) => {
    pointer = { clientX: event.clientX, clientY: event.clientY };
  });
  node.on("plotly_unhover", () => {
    pointer = null;
  });
  node.addEventListener("mousemove", ({ clientX, clientY }) => {
    if (pointer) pointer = { clientX, clientY };
  });
  node.addEventListener("mouseleave", () => {
    pointer = null;
  });
  return () => {
    if (pointer) Plotly.Fx.hover(node, { ...pointer, target: node.querySelector(".nsewdrag") });
  };
}

function chartPanel(data, parentElement, board, pick) {
  const root = element("div", "rnn-figure", parentElement);
  const head = chartHead(root);
  const node = element("div", "rnn-chart", root);
  const sight = whenVisible(node, () => board.repaint(data.panel));
  const ways = { board, held: new Set(), first: null };
  const labels = {};
  let caption = data;
  const config = { ...CHART_CONFIG, modeBarButtonsToAdd: pictureButtons(() => ({ ...caption, labels: figure.labels })) };
  let figure = null;
  let recallHover = null;

  function placeLabels() {
    const { xaxis, yaxis } = node._fullLayout;
    for (const axis of ["x", "y"]) {
      if (!figure.labels[axis]) continue;
      labels[axis] ??= new AxisLabels(node, axis);
      const across = axis === "x" ? yaxis._offset + yaxis._length : xaxis._offset;
      labels[axis].place(axis === "x" ? xaxis : yaxis, across, figure.labels[axis], figure.layout.meta === PASSAGE);
    }
  }

  function react() {
    figure.layout.datarevision = (figure.layout.datarevision ?? 0) + 1;
    Plotly.react(node, figure.data, figure.layout, config);
    placeLabels();
    recallHover?.();
  }

  // A width that is given spares Plotly, and us, from measuring the page at every frame.
  let width = node.clientWidth || 400;
  const resize = new ResizeObserver(([entry]) => {
    const now = Math.floor(entry.contentRect.width);
    if (!now || now === width) return;
    width = now;
    figure.layout.width = width;
    react();
  });

  const panel = {
    update(next) {
      const revisions = figure?.layout.datarevision;
      figure = { ...structuredClone(next.figure), labels: {} };
      figure.layout.width = width;
      figure.layout.datarevision = revisions;
      panel.revision = next.revision;
      node.style.height = `${figure.layout.height}px`;
      caption = next;
      head.show(next);
      react();
    },
    paint(entry, frame) {
      if (!sight.visible) return;
      for (const [path, value] of Object.entries(entry.arrays)) {
        if (!ways.held.has(path.split(".")[1])) setPath(figure, path, frame.value(value));
      }
      if (DERIVED[data.panel]) DERIVED[data.panel](figure, ways);
      else if (figure.layout.meta === PASSAGE) nameCells(figure);
      react();
    },
    destroy() {
      sight.stop();
      resize.disconnect();
      Plotly.purge(node);
      root.remove();
    },
  };

  panel.update(data);
  recallHover = keepHover(node);
  node.on("plotly_relayout", (change) => {
    // An axis that the person has zoomed is theirs until a double click gives it back.
    for (const key of Object.keys(change)) {
      const [axis, what] = key.split(".");
      if (what === "autorange") ways.held.delete(axis);
      else if (what?.startsWith("range")) ways.held.add(axis);
    }
    placeLabels();
  });
  node.on("plotly_relayouting", placeLabels);
  if (data.panel === "softmax") node.on("plotly_click", ({ points }) => board.repick(points[0].x, true));
  node.on("plotly_click", ({ points: [{ x, y, pointNumber, curveNumber }] }) => pick({ x, y, point: pointNumber, curve: curveNumber }));
  resize.observe(node);
  return panel;
}

// Hover labels name the character that was read, and the one whose row it is; the frame brings each name
// once, for its whole column or row. Plotly would take a `<` for the beginning of markup.
function nameCells({ data: [trace], labels }) {
  const { hovertemplate, z } = trace;
  if (hovertemplate.includes("%{customdata}")) trace.customdata = inEveryRow(labels.x, z.length);
  if (hovertemplate.includes("%{text}")) trace.text = inEveryColumn(labels.y, labels.x.length);
}

function inEveryRow(names, rows) {
  return new Array(rows).fill(names.map(escapeMarkup));
}

function inEveryColumn(names, columns) {
  return names.map((name) => new Array(columns).fill(escapeMarkup(name)));
}

const MOST_COLUMNS = 64;

// The softmax map shows the stretch around the character that is looked at, and marks its column.
function derivePicked(figure, ways) {
  const picked = pickedCharacter(ways.board);
  if (!picked) return;
  const { index, length } = picked;
  const [trace] = figure.data;
  figure.labels.x = picked.marks;
  trace.text = inEveryColumn(trace.meta, length);
  trace.customdata = inEveryRow(picked.marks, trace.meta.length);
  const mark = figure.layout.shapes[0];
  mark.visible = true;
  mark.x0 = index - 0.5;
  mark.x1 = index + 0.5;
  if (ways.held.has("xaxis")) return;
  const room = (figure.layout.width - figure.layout.margin.l - figure.layout.margin.r) / (LABEL_ROOM.x + 0.5);
  const columns = Math.min(MOST_COLUMNS, Math.floor(room), length);
  let first = Math.max(0, Math.min(ways.first ?? length, length - columns));
  if (index < first) first = index;
  if (index > first + columns - 1) first = index - columns + 1;
  ways.first = first;
  figure.layout.xaxis.autorange = false;
  figure.layout.xaxis.range = [first - 0.5, first + columns - 0.5];
}
