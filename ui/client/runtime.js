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

// The app may live below a path of its own: its address is what stands before its main script's.
function appAddress() {
  const script = document.querySelector('script[src*="/static/js/"]');
  return script ? script.src.split("/static/js/")[0] : window.location.origin;
}

function loadScript(address) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`The chart library could not be loaded from ${address}.`));
    document.head.appendChild(script);
  });
}

function openBoard(plotly) {
  const gate = (window.rnnGate ??= openGate());
  const address = `${appAddress()}/${plotly}`;
  window.rnnBoard = createBoard(plotly && !window.Plotly ? loadScript(address) : Promise.resolve());
  gate.open(window.rnnBoard);
}

export default function runtime({ data, setTriggerValue }) {
  if (!window.rnnBoard) openBoard(data.plotly);
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
