// Characters on an axis. Plotly measures every tick label anew at each frame; these are plain elements
// that move only when they have to, and thin out where there is no room.

const LABEL_ROOM = { x: 8, y: 9.5 }; // pixels that a label needs along its axis
const STAGGER = 11; // pixels that every second label of a crowded y axis moves out

class AxisLabels {
  constructor(home, axis) {
    this.axis = axis;
    this.layer = element("div", `rnn-labels rnn-labels-${axis}`, home);
    this.spans = [];
  }

  // Places `texts` at 0, 1, … of the axis as Plotly has drawn it.
  place(fullAxis, across, texts) {
    const [from, to] = fullAxis.range;
    const pixels = fullAxis._length / Math.abs(to - from);
    const room = LABEL_ROOM[this.axis];
    const staggered = this.axis === "y" && pixels < room;
    const stride = Math.max(1, Math.ceil((staggered ? room / 2 : room) / pixels));
    let used = 0;
    texts.forEach((text, value) => {
      const share = (value - from) / (to - from);
      if (share < 0 || share > 1 || value % stride) return;
      // Along y, pixels count from the top while shares count from the bottom.
      const along = fullAxis._offset + fullAxis._length * (this.axis === "x" ? share : 1 - share);
      const outward = staggered && (value / stride) % 2 ? STAGGER : 0;
      this.put(used, text, along, across - outward);
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
