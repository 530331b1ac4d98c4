// Labels on an axis. Plotly measures every tick label anew at each frame; these are plain elements that
// move only when they have to. Where there is no room for all, some are left out.

const LABEL_ROOM = { x: 8, y: 9.5 }; // pixels that a character needs along its axis
const NUMBER_ROOM = { x: 30, y: 14 }; // pixels that a number needs, with some room around it
const PASSAGE = "passage"; // what a chart says of itself whose x axis is a text that was read or written
const ROUND = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const LETTER = 6.7; // pixels that a letter along x is wide
const END_ROOM = 6; // pixels beyond the end of an x axis that are still on the picture
const STAGGER = 11; // pixels that every second character of a crowded y axis moves out

// How far the places 0, 1, … of an axis are apart, as Plotly has drawn it.
function pixelsApart(fullAxis) {
  const [from, to] = fullAxis.range;
  return fullAxis._length / Math.abs(to - from);
}

// The labels that have room, as [place, text], where the places are so many `pixels` apart. Of numbers,
// those at round places. A text of which only some letters stood there would read as another one: its
// places are counted instead. Of other characters, as many as fit, on `lines` lines.
function labelsWithRoom(texts, axis, pixels, passage, lines = 1) {
  const room = LABEL_ROOM[axis];
  if (pixels >= room) return [...texts.entries()];
  const round = ROUND.find((step) => step * pixels >= NUMBER_ROOM[axis]) ?? texts.length;
  if (passage && axis === "x") {
    return [...texts.keys()].filter((place) => (place + 1) % round === 0).map((place) => [place, String(place + 1)]);
  }
  const stride = areNumbers(texts) ? round : Math.ceil(room / lines / pixels);
  return [...texts.entries()].filter(([place]) => place % stride === 0);
}

function areNumbers(texts) {
  return texts.some((text) => text.length > 1) && texts.every((text) => /^\d+$/.test(text));
}

class AxisLabels {
  constructor(home, axis) {
    this.axis = axis;
    this.layer = element("div", `rnn-labels rnn-labels-${axis}`, home);
    this.spans = [];
  }

  // Places `texts` at 0, 1, … of the axis as Plotly has drawn it.
  place(fullAxis, across, texts, passage) {
    const [from, to] = fullAxis.range;
    const pixels = pixelsApart(fullAxis);
    const staggered = this.axis === "y" && pixels < LABEL_ROOM.y && !areNumbers(texts);
    let used = 0;
    labelsWithRoom(texts, this.axis, pixels, passage, staggered ? 2 : 1).forEach(([value, text], turn) => {
      const share = (value - from) / (to - from);
      if (share < 0 || share > 1) return;
      // Along y, pixels count from the top while shares count from the bottom.
      const along = fullAxis._offset + fullAxis._length * (this.axis === "x" ? share : 1 - share);
      const end = fullAxis._offset + fullAxis._length + END_ROOM;
      const start = this.axis === "x" ? Math.min(along - LETTER * (text.length / 2), end - LETTER * text.length) : along;
      this.put(used, text, start, across - (staggered && turn % 2 ? STAGGER : 0));
      used += 1;
    });
    while (this.spans.length > used) this.spans.pop().node.remove();
  }

  put(index, text, along, across) {
    const span = (this.spans[index] ??= { node: element("span", "", this.layer) });
    setText(span.node, text);
    if (span.along === along && span.across === across) return;
    span.along = along;
    span.across = across;
    const [left, top] = this.axis === "x" ? [along, across] : [across, along];
    span.node.style.transform = `translate(${left.toFixed(1)}px, ${top.toFixed(1)}px)`;
  }
}
