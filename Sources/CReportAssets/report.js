"use strict";
// The page reads well without this; it adds search, keys and the switches. It never writes markup: text only.
(() => {
  const root = document.documentElement;
  root.classList.add("scripted");
  const $ = (selector) => document.querySelector(selector);
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const box = $("#search"), count = $("#count"), help = $("#help");
  const lines = all(".l");
  const limit = 20000; // places that are marked; all matching lines are counted
  let hits = [], current = -1;

  const reveal = (element) => {
    for (let node = element.parentElement; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    element.scrollIntoView({ block: "center", behavior: "instant" });
  };
  const say = (text) => { count.textContent = text; };
  const mark = (element) => {
    all(".cur").forEach((other) => other.classList.remove("cur"));
    element.classList.add("cur");
    reveal(element);
  };
  const go = (step) => {
    if (!hits.length) return;
    current = (current + step + hits.length) % hits.length;
    mark(hits[current]);
    say(`${current + 1} of ${hits.length}`);
  };

  // Ranges of every occurrence in a line, whatever elements it is split into.
  const ranges = (line, wanted, into) => {
    const nodes = [], walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    let text = "";
    while (walker.nextNode()) { nodes.push([text.length, walker.currentNode]); text += walker.currentNode.data; }
    text = text.toLowerCase();
    const place = (offset, isEnd) => {
      let index = nodes.length - 1;
      while (index > 0 && (isEnd ? nodes[index][0] >= offset : nodes[index][0] > offset)) index--;
      return [nodes[index][1], Math.min(offset - nodes[index][0], nodes[index][1].data.length)];
    };
    for (let at = text.indexOf(wanted); at >= 0 && into.length < limit; at = text.indexOf(wanted, at + wanted.length)) {
      const range = new Range();
      range.setStart(...place(at, false));
      range.setEnd(...place(at + wanted.length, true));
      into.push(range);
    }
  };
  const find = (text) => {
    const wanted = text.toLowerCase(), found = [];
    for (const line of hits) line.classList.remove("hit");
    hits = []; current = -1;
    if (window.CSS && CSS.highlights) CSS.highlights.delete("found");
    if (wanted === "") { say(""); return; }
    for (const line of lines) {
      if (!line.textContent.toLowerCase().includes(wanted)) continue;
      hits.push(line);
      line.classList.add("hit");
      if (found.length < limit) ranges(line, wanted, found);
    }
    if (window.Highlight && CSS.highlights) CSS.highlights.set("found", new Highlight(...found));
    say(hits.length === 0 ? "nothing found" : hits.length === 1 ? "1 line" : `${hits.length} lines`);
  };

  let timer = 0;
  box.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => find(box.value), 150); });
  box.form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    if (current < 0) find(box.value);
    go(1);
  });

  // Goes through a list of elements from where the reader is.
  const cycle = (list, step, name) => {
    if (!list.length) { say(`no ${name}`); return; }
    const middle = window.innerHeight / 2;
    const marked = list.findIndex((element) => element.classList.contains("cur") || element.closest(".cur"));
    let index;
    if (marked >= 0) index = marked + step;
    else if (step > 0) index = list.findIndex((element) => element.getBoundingClientRect().top > middle);
    else index = list.findLastIndex((element) => element.getBoundingClientRect().top < middle - 50);
    index = (index + list.length) % list.length;
    mark(list[index].closest(".l") || list[index]);
    say(`${name} ${index + 1} of ${list.length}`);
  };
  const failures = all(".fail"), marks = all("mark.tr"), phases = all("details.ph");
  const phase = (step) => {
    if (!phases.length) return;
    const top = 90;
    let index = step > 0 ? phases.findIndex((element) => element.getBoundingClientRect().top > top)
      : phases.findLastIndex((element) => element.getBoundingClientRect().top < top - 20);
    index = index < 0 ? (step > 0 ? phases.length - 1 : 0) : index;
    phases[index].scrollIntoView({ block: "start", behavior: "instant" });
    phases[index].querySelector("summary").focus({ preventScroll: true });
  };
  const openAll = (open) => phases.forEach((element) => { element.open = open; });
  const theme = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  };
  const wrap = () => {
    const on = root.classList.toggle("wrap");
    $("#wrap").setAttribute("aria-pressed", on);
  };
  const actions = {
    "/": () => { box.focus(); box.select(); }, n: () => go(1), N: () => go(-1),
    f: () => cycle(failures, 1, "failure"), F: () => cycle(failures, -1, "failure"),
    r: () => cycle(marks, 1, "redaction"), R: () => cycle(marks, -1, "redaction"),
    j: () => phase(1), k: () => phase(-1), o: () => openAll(true), c: () => openAll(false),
    w: wrap, t: theme, "?": () => help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.target === box) { if (event.key === "Escape") { box.value = ""; find(""); box.blur(); } return; }
    const action = actions[event.key];
    if (action) { event.preventDefault(); action(); }
  });
  all("[data-key]").forEach((button) => button.addEventListener("click", (event) => {
    event.preventDefault();
    actions[button.dataset.key]();
  }));
  all("[data-find]").forEach((button) => button.addEventListener("click", () => {
    box.value = button.dataset.find;
    find(box.value);
    go(1);
  }));
  // A link to a line or phase opens what holds it.
  const follow = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (target.tagName === "DETAILS") target.open = true;
    if (target.closest("details")) reveal(target);
  };
  addEventListener("hashchange", follow);
  follow();
})();
