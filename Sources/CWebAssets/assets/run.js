// The page of a run: loads its events, follows them while it is going on, replays them.

import { ImageComparison } from "./compare.js";
import { LogView } from "./log-view.js";
import { RunModel, clock, count, money, span } from "./run-model.js";
import { Timeline } from "./timeline.js";

/// Events that are asked for at once; the server sends fewer if they are long.
const BATCH = 1000;
/// Pauses longer than this are cut short in a replay that skips them, in microseconds.
const PAUSE = 2e6;
/// The longest step of the replay's clock, in milliseconds: a page in the background does not jump.
const STEP = 200;

const page = document.querySelector("[data-run]");
const run = page.dataset.run;
const api = `/api/v1/runs/${encodeURIComponent(run)}`;
const one = (selector) => page.querySelector(selector);

const model = new RunModel();
const log = new LogView(one(".log"), model);
const timeline = new Timeline(one(".timeline"), model);
const comparison = new ImageComparison(document.querySelector(".artifacts"));

/// Whether the page shows what has happened until now, and not some time before.
let isLive = true;
let isPlaying = false;
let speed = 1;
let skips = true;
let time = 0;
let scheduled = false;
let said = "";
let shownPhase = null;

document.documentElement.classList.add("scripted");
page.querySelectorAll("[data-scripted]").forEach((element) => { element.hidden = false; });

// Loading and following.

async function load() {
    let after = 0;
    setState("loading");
    while (true) {
        const response = await fetch(`${api}/events?after=${after}&limit=${BATCH}`, { credentials: "same-origin" });
        if (response.status === 429 || response.status === 503) {
            await new Promise((done) => setTimeout(done, 1000 * (Number(response.headers.get("Retry-After")) || 1)));
            continue;
        }
        if (!response.ok) throw new Error(`The server answered ${response.status}.`);
        const events = parse(await response.text());
        if (!events.length) break;
        after = events[events.length - 1].seq;
        model.append(events, isLive);
        schedule();
        if (model.summary.status !== "running" && events[events.length - 1].type === "run.finished") break;
    }
    return after;
}

/// Lines of events. A line that cannot be read is left out, the rest is still worth seeing.
function parse(lines) {
    const events = [];
    for (const line of lines.split("\n")) {
        if (!line) continue;
        try {
            events.push(JSON.parse(line));
        } catch {
            console.warn("a line of the log is not JSON");
        }
    }
    return events;
}

function watch(after) {
    const stream = new EventSource(`${api}/stream?after=${after}`);
    let seen = after, waiting = [];
    const flush = () => {
        if (!waiting.length) return;
        model.append(waiting, isLive);
        waiting = [];
        schedule();
    };
    stream.addEventListener("open", () => setState("live"));
    stream.addEventListener("message", (message) => {
        for (const event of parse(message.data)) {
            if (event.seq <= seen) continue;
            seen = event.seq;
            waiting.push(event);
        }
        if (waiting.length === 1) requestAnimationFrame(flush);
        else if (waiting.length > BATCH) flush();
    });
    stream.addEventListener("end", () => {
        flush();
        stream.close();
        setState("over");
    });
    stream.addEventListener("error", () => setState(stream.readyState === EventSource.CLOSED ? "over" : "lost"));
    // A page that is hidden draws no frames; what came meanwhile is shown when it is seen again.
    document.addEventListener("visibilitychange", flush);
}

function setState(state) {
    const element = one(".connection");
    element.dataset.state = state;
    element.textContent = { loading: "loading", live: "live", lost: "connection lost, trying again", over: "" }[state];
}

// Drawing.

function schedule() {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
        scheduled = false;
        draw();
    });
}

function draw() {
    log.update(model.settle());
    timeline.draw(isLive ? model.duration : time);
    drawSummary();
    drawReplay();
    drawSearch();
}

function set(name, value) {
    const element = one(`[data-field="${name}"]`);
    if (element && element.textContent !== value) element.textContent = value;
    return element;
}

function drawSummary() {
    const { summary } = model;
    if (!model.position) return;
    const badge = one(".status");
    if (badge.dataset.status !== summary.status) {
        badge.dataset.status = summary.status;
        badge.textContent = summary.status;
    }
    set("duration", span(isLive ? model.duration : time));
    set("phase", summary.phase ?? "–");
    set("iteration", summary.iteration ? summary.limit ? `${summary.iteration} of ${summary.limit}` : String(summary.iteration) : "–");
    set("tokens", `${count(summary.input)} in · ${count(summary.output)} out`);
    const costs = Object.entries(summary.costs).map(([currency, micros]) => money(micros, currency)).join(", ");
    set("cost", costs ? `${costs}${summary.estimate ? " est." : ""}` : "–");
    set("redactions", count(summary.redactions));
    set("events", count(model.position));
    drawRules();
    one(".cancel")?.toggleAttribute("hidden", summary.status !== "running");

    const phase = summary.phase ? `${summary.phase}, iteration ${summary.iteration ?? 1}` : null;
    if (phase !== shownPhase && isLive) {
        shownPhase = phase;
        if (phase) say(`Phase ${phase}`);
    }
    if (summary.status !== "running" && isLive) say(`Run ${summary.status}`);
}

let drawnRules = "";
function drawRules() {
    const rules = Object.entries(model.summary.hits).sort((a, b) => b[1] - a[1]);
    const key = JSON.stringify(rules);
    if (key === drawnRules) return;
    drawnRules = key;
    const list = one(".rules");
    list.replaceChildren(...rules.map(([rule, hits]) => {
        const item = document.createElement("li");
        const button = item.appendChild(document.createElement("button"));
        button.type = "button";
        button.className = "chip";
        button.title = `search the log for [REDACTED:${rule}`;
        const name = button.appendChild(document.createElement("span"));
        name.textContent = rule;
        const number = button.appendChild(document.createElement("b"));
        number.textContent = count(hits);
        button.addEventListener("click", () => {
            one(".search input").value = `[REDACTED:${rule}`;
            search();
        });
        return item;
    }));
    one(".rules-row").hidden = !rules.length;
}

/// Tells those who do not see the page, once.
function say(text) {
    if (text === said) return;
    said = text;
    one(".said").textContent = text;
}

// Replay.

const scrubber = one(".scrubber");
const playButton = one(".play");

function drawReplay() {
    const duration = model.duration;
    scrubber.max = Math.max(1, Math.ceil(duration / 1000));
    if (document.activeElement !== scrubber || isPlaying || isLive) scrubber.value = Math.round((isLive ? duration : time) / 1000);
    const position = clock(isLive ? duration : time);
    scrubber.setAttribute("aria-valuetext", `${position} of ${clock(duration)}`);
    set("position", `${position} / ${clock(duration)}`);
    playButton.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    playButton.textContent = isPlaying ? "❚❚" : "▶";
    const end = one(".to-end");
    end.hidden = isLive;
    end.textContent = model.summary.status === "running" && model.position >= model.events.length ? "Live" : "To the end";
    page.classList.toggle("replaying", !isLive);
}

function goTo(mono) {
    isLive = false;
    time = Math.max(0, Math.min(mono, model.duration));
    model.seek(model.count(time));
    log.setFollow(true);
    schedule();
}

function goToEnd() {
    isLive = true;
    isPlaying = false;
    model.seek(model.events.length);
    log.setFollow(true);
    schedule();
}

let ticked = 0;
function play() {
    if (isPlaying) {
        isPlaying = false;
        schedule();
        return;
    }
    if (isLive || time >= model.duration) goTo(0);
    isPlaying = true;
    log.setFollow(true);
    ticked = performance.now();
    requestAnimationFrame(tick);
}

function tick(now) {
    if (!isPlaying) return;
    time += Math.min(now - ticked, STEP) * 1000 * speed;
    ticked = now;
    const next = model.events[model.count(time)];
    if (skips && next && next.mono - time > PAUSE) time = next.mono - PAUSE / 4;
    if (time >= model.duration) {
        time = model.duration;
        isPlaying = false;
    }
    model.seek(model.count(time));
    draw();
    if (isPlaying) requestAnimationFrame(tick);
}

scrubber.addEventListener("input", () => goTo(scrubber.value * 1000));
playButton.addEventListener("click", play);
one(".to-end").addEventListener("click", goToEnd);
one(".speed").addEventListener("change", (event) => { speed = Number(event.target.value); });
one(".skips").addEventListener("change", (event) => { skips = event.target.checked; });
timeline.onSeek = (mono, line) => {
    if (line !== undefined && isLive) log.select(line); else goTo(mono);
};

// Search and places in the log.

const query = one(".search input");

function search() {
    log.search(query.value);
    drawSearch();
    if (query.value) say(log.hits.length ? `${count(log.hits.length)} hits` : "Nothing found");
}

function drawSearch() {
    const found = one(".found");
    found.textContent = log.query ? log.hits.length ? `${count(log.current + 1)}/${count(log.hits.length)}` : "0/0" : "";
    const failure = one(".to-failure");
    failure.disabled = !model.failures.length;
}

function step(direction) {
    log.step(direction);
    drawSearch();
}

function nextFailure() {
    const { failures } = model;
    if (!failures.length) return;
    const from = log.selected ?? -1;
    const index = failures.find((failure) => failure > from) ?? failures[0];
    log.select(index);
    say(`Line ${index + 1}: ${model.lines[index].text}`);
}

function stepPhase(direction) {
    const from = log.selected ?? log.top;
    const starts = model.phases.map((phase) => phase.line).filter((line) => direction > 0 ? line > from : line < from);
    if (starts.length) log.select(direction > 0 ? starts[0] : starts[starts.length - 1]);
}

let searching = 0;
query.addEventListener("input", () => {
    clearTimeout(searching);
    searching = setTimeout(search, 120);
});
one(".search").addEventListener("submit", (event) => {
    event.preventDefault();
    if (log.query === query.value.toLowerCase()) step(1); else search();
});
query.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.shiftKey) {
        event.preventDefault();
        step(-1);
    } else if (event.key === "Escape") {
        query.value = "";
        search();
        log.box.focus();
    }
});
one(".previous").addEventListener("click", () => step(-1));
one(".next").addEventListener("click", () => step(1));
one(".to-failure").addEventListener("click", nextFailure);

const follow = one(".follow");
log.onFollow = (on) => { follow.setAttribute("aria-pressed", on); };
follow.addEventListener("click", () => log.setFollow(!log.follow));

function toggle(selector, apply) {
    const button = one(selector);
    const press = () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", on);
        apply(on);
    };
    button.addEventListener("click", press);
    return press;
}
const wrap = toggle(".wrap", (on) => log.setWrap(on));
const times = toggle(".times", (on) => {
    log.box.classList.toggle("timed", on);
    log.measure();
    log.layout(0);
});

log.box.addEventListener("click", (event) => {
    const number = event.target.closest(".ln");
    if (!number) return;
    event.preventDefault();
    const line = Number(number.textContent) - 1;
    history.replaceState(null, "", `#L${line + 1}`);
    log.select(line);
});

function showHash() {
    const match = /^#L([1-9][0-9]{0,8})$/.exec(location.hash);
    if (match && model.lines.length) log.select(Math.min(Number(match[1]), model.lines.length) - 1);
}
window.addEventListener("hashchange", showHash);

// Keys.

const keys = {
    "/": () => {
        query.focus();
        query.select();
    },
    n: () => step(1), N: () => step(-1), f: nextFailure, w: wrap, t: times,
    g: () => log.show(0, 0), G: () => log.setFollow(true),
    "[": () => stepPhase(-1), "]": () => stepPhase(1),
    " ": play,
    ArrowLeft: () => goTo((isLive ? model.duration : time) - 5e6), ArrowRight: () => goTo((isLive ? model.duration : time) + 5e6),
    "<": () => stepSpeed(-1), ">": () => stepSpeed(1), e: goToEnd,
};

function stepSpeed(direction) {
    const select = one(".speed");
    select.selectedIndex = Math.max(0, Math.min(select.options.length - 1, select.selectedIndex + direction));
    speed = Number(select.value);
    say(`Speed ${select.value}`);
}

document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest("input, select, textarea, button, summary, a, dialog") && event.target !== log.box) {
        // Keys of controls are theirs; letters are free where nothing is typed.
        if (!event.target.closest("button, summary, a") || !/^[a-zA-Z/[\]<>]$/.test(event.key)) return;
    }
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
});

load().then((after) => {
    draw();
    showHash();
    if (model.events.length && model.events[model.events.length - 1].type === "run.finished") setState("over");
    else watch(after);
}).catch((error) => {
    setState("lost");
    say(error.message);
    const element = one(".connection");
    element.textContent = "the log could not be loaded; reload the page";
});
