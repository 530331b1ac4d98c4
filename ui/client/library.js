// Runs before everything else of the page's code, so that the chart library is loaded and compiled while
// Streamlit still fetches what it needs for the rest. Once a page load, whichever page mounts it first.
(() => {
  // The app may live below a path of its own: its address is what stands before its main script's.
  const main = document.querySelector('script[src*="/static/js/"]');
  const app = main ? main.src.split("/static/js/")[0] : window.location.origin;
  window.rnnLibrary ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${app}/PATH`;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`The chart library could not be loaded from ${script.src}.`));
    document.head.appendChild(script);
  });
  window.rnnAwaitsLibrary?.(window.rnnLibrary);
})();
