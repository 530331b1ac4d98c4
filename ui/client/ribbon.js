// A ribbon: a text, each character shaded by a number, with a tip that follows the pointer. Text is only
// ever set as text. A click, or Enter after the arrow keys, tells the server which character was picked.

const FLAGS = [[1, "rnn-unknown"], [2, "rnn-span"], [4, "rnn-box"], [8, "rnn-muted"]];
const TIP_DISTANCE = 14;

function shadeColour(shade) {
  if (!shade) return "";
  const side = shade > 0 ? "--rnn-sure" : "--rnn-surprised";
  return `rgba(var(${side}), ${(0.65 * Math.min(1, Math.abs(shade))).toFixed(3)})`;
}

// One tip for the whole page: it stands above everything and takes no clicks.
function sharedTip() {
  return document.querySelector("body > .rnn-tip") ?? element("div", "rnn-tip", document.body);
}

// Only the text scrolls, and not the page with it: nobody has asked for that character just now.
function scrollWithin(text, span) {
  const sight = text.getBoundingClientRect();
  const { top, bottom } = span.getBoundingClientRect();
  if (top < sight.top) text.scrollTop -= sight.top - top;
  else if (bottom > sight.bottom) text.scrollTop += bottom - sight.bottom;
}

function ribbonPanel(data, parentElement, board, pick) {
  const root = element("div", "rnn-ribbon", parentElement);
  const head = chartHead(root);
  const text = element("div", "rnn-text rnn-ribbon-text", root);
  text.tabIndex = 0;
  text.setAttribute("role", "textbox");
  text.setAttribute("aria-readonly", "true");
  text.setAttribute("aria-multiline", "true");
  const sight = whenVisible(root, () => board.repaint(data.panel));
  const spans = [];
  let tips = null;
  let cursor = null; // the character that the arrow keys have reached
  let pickable = data.picks;

  function showTip(index, x, y) {
    const tip = sharedTip();
    tip.hidden = !tips?.[index];
    if (tip.hidden) return;
    setText(tip, tips[index]);
    const left = Math.min(x + TIP_DISTANCE, window.innerWidth - tip.offsetWidth - 8);
    const below = y + TIP_DISTANCE + tip.offsetHeight < window.innerHeight;
    const top = below ? y + TIP_DISTANCE : y - TIP_DISTANCE - tip.offsetHeight;
    tip.style.transform = `translate(${Math.max(4, left)}px, ${Math.max(4, top)}px)`;
  }

  function hideTip() {
    sharedTip().hidden = true;
  }

  function moveCursor(index) {
    spans[cursor]?.classList.remove("rnn-cursor");
    cursor = index;
    const span = spans[index];
    if (!span) return;
    span.classList.add("rnn-cursor");
    span.scrollIntoView({ block: "nearest" });
    const { left, bottom } = span.getBoundingClientRect();
    showTip(index, left, bottom);
  }

  text.addEventListener("mousemove", (event) => {
    if (event.target.rnnIndex === undefined) hideTip();
    else showTip(event.target.rnnIndex, event.clientX, event.clientY);
  });
  text.addEventListener("mouseleave", hideTip);
  text.addEventListener("blur", () => {
    moveCursor(null);
    hideTip();
  });
  text.addEventListener("click", (event) => {
    if (pickable && event.target.rnnIndex !== undefined) pick(event.target.rnnIndex);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && cursor !== null && pickable) pick(cursor);
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !spans.length) return;
    event.preventDefault();
    moveCursor(Math.max(0, Math.min(spans.length - 1, (cursor ?? -step) + step)));
  });

  function resize(count) {
    while (spans.length < count) {
      const span = element("span", "", text);
      span.rnnIndex = spans.length;
      spans.push(span);
    }
    while (spans.length > count) spans.pop().remove();
  }

  const panel = {
    update(next) {
      panel.revision = next.revision;
      pickable = next.picks;
      text.style.height = `${next.height}px`;
      text.classList.toggle("rnn-pickable", pickable);
      head.show(next);
    },
    paint(entry, frame) {
      if (!sight.visible) return;
      const shade = entry.shade && frame.value(entry.shade);
      const flags = entry.flags && frame.value(entry.flags);
      tips = entry.tips;
      resize(entry.marks.length);
      spans.forEach((span, index) => {
        setText(span, entry.marks[index]);
        const colour = shade ? shadeColour(shade[index]) : "";
        if (span.rnnColour !== colour) span.style.backgroundColor = span.rnnColour = colour;
        const names = FLAGS.filter(([bit]) => flags && flags[index] & bit).map(([, name]) => name);
        if (index === entry.picked) names.push("rnn-picked");
        if (index === cursor) names.push("rnn-cursor");
        const className = names.join(" ");
        if (span.className !== className) span.className = className;
      });
      const picked = entry.picked !== panel.pickedBefore && spans[entry.picked];
      if (picked) scrollWithin(text, picked);
      panel.pickedBefore = entry.picked;
      setText(foot, entry.empty ?? "");
      foot.hidden = !entry.empty;
    },
    destroy() {
      sight.stop();
      hideTip();
      root.remove();
    },
  };
  const foot = element("div", "rnn-reading", root);
  panel.update(data);
  return panel;
}

// How far an analysis has come.
function progressPanel(data, parentElement) {
  const root = element("div", "rnn-working", parentElement);
  const words = element("div", "rnn-reading", root);
  const bar = element("div", "rnn-progress", root);
  const fill = element("div", "rnn-progress-fill", bar);
  return {
    revision: data.revision,
    update(next) {
      this.revision = next.revision;
    },
    paint(entry) {
      setText(words, entry.words);
      fill.style.width = `${100 * entry.share}%`;
    },
    destroy: () => root.remove(),
  };
}
