// The end of the module that is delivered once a page: it puts the board in place, opens the way
// for the panels that wait for it, and hands frames over.

const KINDS = {
  chart: chartPanel, sample: samplePanel, candidates: candidatesPanel,
  status: statusPanel, health: healthPanel, diary: diaryPanel,
  ribbon: ribbonPanel, progress: progressPanel, legend: legendPanel, scrubber: scrubberPanel,
  moments: momentsPanel,
};

// Timers of a hidden page are slowed down and the server's ticks grow long. Coming back after a while
// asks for a fresh run of the page, which ends the long tick at once.
const AWAY_LONG_MS = 3000;

// A library of Streamlit's page remembers every node whose style is in transition, until that has ended or
// was cancelled. A node that is taken away in the middle, and all that was on the page with it, would
// stay in memory; so that library is not told.
function forgetTransitions() {
  window.addEventListener("transitionrun", (event) => event.stopPropagation(), { capture: true });
}

function openBoard() {
  forgetTransitions();
  const gate = (window.rnnGate ??= openGate());
  window.rnnBoard = createBoard(chartsReady());
  gate.open(window.rnnBoard);
}

// The chart library came with this code, or is on its way: its loader may come before or after this.
function chartsReady() {
  if (window.Plotly) return Promise.resolve();
  return new Promise((resolve, reject) => {
    window.rnnLibrary?.then(resolve, reject);
    window.rnnAwaitsLibrary = (library) => library.then(resolve, reject);
  });
}

export default function runtime({ setTriggerValue }) {
  if (!window.rnnBoard) openBoard();
  let hiddenAt = null;
  const onVisibility = () => {
    if (document.hidden) hiddenAt = performance.now();
    else if (hiddenAt !== null && performance.now() - hiddenAt > AWAY_LONG_MS) setTriggerValue("returned", Date.now());
  };
  document.addEventListener("visibilitychange", onVisibility);
  return () => document.removeEventListener("visibilitychange", onVisibility);
}

function openGate() {
  let open;
  const board = new Promise((resolve) => {
    open = resolve;
  });
  return { board, open };
}
