// Similar moments: one row a place of the text, what was read before it, and what follows. Text is only
// ever set as text. A click, or Enter, tells the server which row was picked.

function momentRow(parent, choose) {
  const row = element("div", "rnn-moment", parent);
  row.setAttribute("role", "row");
  const place = element("span", "rnn-moment-place", row);
  const before = element("span", "rnn-moment-text rnn-moment-before", row);
  const inner = element("span", "", before);
  const unlike = element("span", "rnn-muted", inner);
  const alike = element("span", "rnn-moment-alike", inner);
  const here = element("span", "rnn-moment-here", inner);
  const after = element("span", "rnn-moment-text rnn-moment-after", row);
  const track = element("span", "rnn-moment-track", row);
  const bar = element("i", "", track);
  const distance = element("span", "rnn-moment-distance", row);
  row.addEventListener("click", choose);
  row.addEventListener("keydown", (event) => {
    if (event.key === "Enter") choose();
  });
  return {
    row,
    show(now, pickable) {
      row.classList.toggle("rnn-moment-chosen", now.chosen);
      row.classList.toggle("rnn-pickable", pickable && !now.chosen);
      row.tabIndex = pickable && !now.chosen ? 0 : -1;
      setText(place, now.place);
      setText(unlike, now.unlike);
      setText(alike, now.alike);
      setText(here, now.here);
      setText(after, now.after);
      setText(distance, now.distance);
      track.style.visibility = now.chosen ? "hidden" : "";
      bar.style.width = `${100 * Math.min(1, now.share)}%`;
    },
  };
}

function momentsPanel(data, parentElement, board, pick) {
  const root = element("div", "", parentElement);
  const head = chartHead(root);
  const list = element("div", "rnn-moments", root);
  list.setAttribute("role", "table");
  const foot = element("div", "rnn-reading", root);
  const sight = whenVisible(root, () => board.repaint(data.panel));
  const rows = [];
  let pickable = data.picks;

  const panel = {
    update(next) {
      panel.revision = next.revision;
      pickable = next.picks;
      head.show(next);
    },
    paint(entry) {
      if (!sight.visible) return;
      while (rows.length < entry.rows.length) {
        const index = rows.length;
        rows.push(momentRow(list, () => {
          if (pickable && !panel.entry.rows[index].chosen) pick(panel.entry.rows[index].at);
        }));
      }
      while (rows.length > entry.rows.length) rows.pop().row.remove();
      panel.entry = entry;
      entry.rows.forEach((row, index) => rows[index].show(row, pickable));
      setText(foot, entry.words);
    },
    destroy() {
      sight.stop();
      root.remove();
    },
  };
  panel.update(data);
  return panel;
}
