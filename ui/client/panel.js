// What each panel and the feed carry with every message, so it is kept to a few lines: wait for the board.
export default async (component) => {
  const gate = (window.rnnGate ??= (() => {
    let open;
    const board = new Promise((resolve) => { open = resolve; });
    return { board, open };
  })());
  const board = await gate.board;
  return component.data instanceof Uint8Array ? board.feed(component.data) : board.mount(component);
};
