// A chart as a picture to keep: PNG or SVG, as it is on the screen, with what stands around it there.
// Nothing leaves the browser.

const PICTURE_ROOM = { title: 34, legend: 26, scale: 70 }; // pixels that each takes beside the chart itself
const PICTURE_SHARPNESS = 2; // a PNG's pixels for each one on the screen

// The two buttons that every chart has beside those for zooming; `show` gives its title, scale and labels.
function pictureButtons(show) {
  return [["png", "PNG", Plotly.Icons.camera], ["svg", "SVG", Plotly.Icons.disk]].map(([format, name, icon]) => ({
    name: `save as ${name}`, title: `Save as ${name}`, icon, click: (node) => savePicture(node, show(), format),
  }));
}

function savePicture(node, shown, format) {
  const picture = pictureOf(node, shown);
  return Plotly.downloadImage(picture, {
    format,
    filename: shown.title.toLowerCase().replace(/[^\p{Letter}\p{Number}]+/gu, "-").replace(/^-|-$/g, "") || "chart",
    width: picture.layout.width,
    height: picture.layout.height,
    scale: format === "png" ? PICTURE_SHARPNESS : 1,
  });
}

function pictureOf(node, { title, scale, labels }) {
  const { data, layout } = structuredClone({ data: node.data, layout: node.layout });
  const ground = getComputedStyle(document.querySelector(".stApp")).backgroundColor;
  Object.assign(layout, { width: node._fullLayout.width, height: node._fullLayout.height, paper_bgcolor: ground, plot_bgcolor: ground });
  for (const axis of ["x", "y"]) {
    if (labels[axis]) Object.assign(layout[`${axis}axis`], tickLabels(node._fullLayout[`${axis}axis`], axis, labels[axis], layout.meta === PASSAGE));
  }
  addTitle(layout, title);
  addLegend(data, layout);
  if (scale) addScale(data, layout);
  return { data, layout };
}

function addTitle(layout, title) {
  layout.title = { text: escapeMarkup(title), x: 0, xref: "paper", xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { t: 10 } };
  layout.margin.t += PICTURE_ROOM.title;
  layout.height += PICTURE_ROOM.title;
}

// What the traces are called, where there are several and they have names.
function addLegend(data, layout) {
  for (const trace of data) trace.showlegend = Boolean(trace.name) && trace.type !== "heatmap";
  if (data.filter((trace) => trace.showlegend).length < 2) return;
  layout.showlegend = true;
  layout.legend = { orientation: "h", x: 0, y: 0, yref: "container", yanchor: "bottom" };
  layout.margin.b += PICTURE_ROOM.legend;
  layout.height += PICTURE_ROOM.legend;
}

function addScale(data, layout) {
  for (const trace of data.filter(({ type }) => type === "heatmap")) {
    Object.assign(trace, { showscale: true, colorbar: { thickness: 12, outlinewidth: 0 } });
    layout.width += PICTURE_ROOM.scale;
  }
}

// On the page the labels are elements of their own (labels.js), of which as many are shown as have room.
function tickLabels(fullAxis, axis, texts, passage) {
  const shown = labelsWithRoom(texts, axis, pixelsApart(fullAxis), passage);
  return { showticklabels: true, tickmode: "array", tickvals: shown.map(([place]) => place), ticktext: shown.map(([, text]) => escapeMarkup(text)), tickangle: 0, tickfont: { family: "monospace" } };
}

function escapeMarkup(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
