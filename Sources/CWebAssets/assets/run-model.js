// What the events of a run add up to: lines of its log, phases, counters, artifacts (docs/formats/iterations-log.md).

import { TerminalText, visible } from "./terminal.js";

/// Events between two places that a replay can go back to cheaply.
const CHECKPOINT = 500;

/// Takes events in order and can go to any point in time. `changed` is the index of the first line that may differ from when `settle` was
/// called last.
export class RunModel {
    constructor() {
        this.events = [];
        this.checkpoints = [];
        this.reset();
        this.changed = 0;
    }

    reset() {
        this.position = 0;
        this.lines = [];
        this.open = new Map();
        this.terminals = new Map();
        this.phases = [];
        this.failures = [];
        this.artifacts = [];
        this.summary = {
            status: "running", phase: null, iteration: null, limit: null, input: 0, output: 0, costs: {}, estimate: false, redactions: 0,
            hits: {}, mono: 0, lost: 0,
        };
    }

    /// Adds events; those in view are shown at once if `follow`.
    append(events, follow) {
        for (const event of events) this.events.push(event);
        if (follow) this.advance(this.events.length);
    }

    /// Microseconds of the last event that is there.
    get duration() { return this.events.length ? this.events[this.events.length - 1].mono : 0; }

    /// How many events have happened at a time.
    count(mono) {
        let low = 0, high = this.events.length;
        while (low < high) {
            const middle = low + high >> 1;
            if (this.events[middle].mono <= mono) low = middle + 1; else high = middle;
        }
        return low;
    }

    /// Shows the first `position` events.
    seek(position) {
        if (position < this.position) {
            let best = null;
            for (const checkpoint of this.checkpoints) {
                if (checkpoint.position <= position) best = checkpoint; else break;
            }
            this.restore(best);
        }
        this.advance(position);
    }

    advance(position) {
        while (this.position < position) {
            this.apply(this.events[this.position]);
            this.position += 1;
            const last = this.checkpoints.length ? this.checkpoints[this.checkpoints.length - 1].position : 0;
            if (this.position >= last + CHECKPOINT) this.keepCheckpoint();
        }
    }

    keepCheckpoint() {
        for (const terminal of this.terminals.values()) if (terminal.hasBytes) return;
        this.checkpoints.push({
            position: this.position,
            lines: this.lines.length,
            open: [...this.open].map(([stream, index]) => [stream, index, { ...this.lines[index] }]),
            terminals: [...this.terminals].map(([stream, terminal]) => [stream, terminal.clone()]),
            phases: this.phases.slice(), failures: this.failures.slice(), artifacts: this.artifacts.slice(),
            summary: { ...this.summary, costs: { ...this.summary.costs }, hits: { ...this.summary.hits } },
        });
    }

    restore(checkpoint) {
        if (!checkpoint) {
            this.reset();
            this.changed = 0;
            return;
        }
        this.position = checkpoint.position;
        this.lines.length = checkpoint.lines;
        this.changed = Math.min(this.changed, checkpoint.lines);
        this.open = new Map();
        for (const [stream, index, line] of checkpoint.open) {
            this.open.set(stream, index);
            this.lines[index] = { ...line };
            this.changed = Math.min(this.changed, index);
        }
        this.terminals = new Map(checkpoint.terminals.map(([stream, terminal]) => [stream, terminal.clone()]));
        this.phases = checkpoint.phases.slice();
        this.failures = checkpoint.failures.slice();
        this.artifacts = checkpoint.artifacts.slice();
        const summary = checkpoint.summary;
        this.summary = { ...summary, costs: { ...summary.costs }, hits: { ...summary.hits } };
    }

    /// Returns the first line that may have changed since the last call.
    settle() {
        const changed = this.changed;
        this.changed = this.lines.length;
        for (const index of this.open.values()) this.changed = Math.min(this.changed, index);
        return changed;
    }

    apply(event) {
        const { summary } = this;
        const data = event.data ?? {};
        summary.mono = event.mono;
        if (event.phase) summary.phase = visible(event.phase);
        if (event.iter) summary.iteration = event.iter;
        for (const [rule, count] of Object.entries(event.scrub?.hits ?? {})) {
            const name = visible(rule);
            summary.hits[name] = (summary.hits[name] ?? 0) + count;
            summary.redactions += count;
        }
        switch (event.type) {
        case "run.started":
            this.note(event, "run", `run started: ${words(data.command)}`);
            break;
        case "run.finished":
            this.closeAll();
            for (const [index, phase] of this.phases.entries()) {
                if (phase.end === null) this.phases[index] = { ...phase, end: event.mono, status: data.status };
            }
            summary.status = text(data.status);
            this.note(event, ending(data.status), `run ${said(data)}`);
            break;
        case "phase.started":
            this.phases.push({
                name: visible(text(event.phase)), kind: text(data.kind), attempt: data.attempt, iteration: event.iter, start: event.mono, end: null,
                status: "running", line: this.lines.length,
            });
            this.note(event, "phase", text(event.phase) + (data.attempt > 1 ? ` (attempt ${Number(data.attempt)})` : ""));
            break;
        case "phase.finished": {
            const index = this.phases.findLastIndex((phase) => phase.end === null && phase.name === visible(text(event.phase)));
            if (index >= 0) this.phases[index] = { ...this.phases[index], end: event.mono, status: text(data.status) };
            this.note(event, ending(data.status), `${text(event.phase)} ${said(data)}`);
            break;
        }
        case "iteration.started":
            summary.limit = data.limit;
            this.note(event, "iteration", `iteration ${Number(event.iter)} of at most ${Number(data.limit)}`);
            break;
        case "iteration.finished":
            this.note(event, ending(data.status), `iteration ${Number(event.iter)} ${said(data)}`);
            break;
        case "command.started":
            this.note(event, "command", `$ ${words(data.command)}`);
            break;
        case "command.output":
            this.output(event, data);
            break;
        case "command.finished":
            this.closeAll();
            this.note(event, ending(data.status), `command ${said(data)}`);
            break;
        case "agent.message":
            this.prose(event, "message", `${text(data.role)}: `, text(data.text));
            break;
        case "agent.usage":
            summary.input += Number(data["gen_ai.usage.input_tokens"]) || 0;
            summary.output += Number(data["gen_ai.usage.output_tokens"]) || 0;
            if (data.cost) {
                const currency = visible(text(data.cost.currency));
                summary.costs[currency] = (summary.costs[currency] ?? 0) + (Number(data.cost.micros) || 0);
                summary.estimate ||= data.cost.estimate === true;
            }
            this.note(event, "usage", usage(data));
            break;
        case "artifact.offered":
            this.artifacts.push({ name: text(data.name), digest: text(data.sha256), size: data.size, type: text(data.media_type) });
            this.note(event, "artifact", `artifact ${text(data.name)} (${bytes(data.size)})`);
            break;
        case "log.lost":
            summary.lost += Number(data.events) || 0;
            this.note(event, "lost", `${Number(data.events)} events are missing here: ${text(data.reason)}`);
            break;
        case "log.repaired":
            this.note(event, "lost", `the runner was started again; ${Number(data.dropped)} bytes of half a line were dropped`);
            break;
        case "command.resized":
            break;
        default:
            this.prose(event, "event", `${text(event.type)} `, JSON.stringify(data));
        }
    }

    /// A line that says what happened. Control characters of what was logged are shown by name, as in output.
    note(event, kind, said) {
        if (kind === "bad" || kind === "lost") this.failures.push(this.lines.length);
        this.prose(event, kind, "", said);
    }

    prose(event, kind, prefix, said) {
        const terminal = new TerminalText();
        terminal.write(prefix + said);
        terminal.finish();
        for (const line of terminal.takeLines()) this.lines.push(this.line(event, kind, line));
    }

    output(event, data) {
        const stream = text(data.stream);
        let terminal = this.terminals.get(stream);
        if (!terminal) this.terminals.set(stream, terminal = new TerminalText());
        if (typeof data.b64 === "string") terminal.writeBytes(Uint8Array.from(atob(data.b64), (c) => c.charCodeAt(0)));
        else terminal.write(text(data.text));
        for (const line of terminal.takeLines()) this.put(event, stream, line);
        const open = terminal.openLine();
        if (open) this.put(event, stream, open, true);
    }

    /// Adds a line of output, or puts it in place of the one that the stream had begun.
    put(event, stream, line, isOpen = false) {
        const index = this.open.get(stream);
        if (index === undefined) {
            if (isOpen) this.open.set(stream, this.lines.length);
            this.lines.push(this.line(event, stream === "stderr" ? "stderr" : "stdout", line));
            return;
        }
        this.changed = Math.min(this.changed, index);
        this.lines[index] = { ...this.lines[index], text: line.text, runs: line.runs };
        if (!isOpen) this.open.delete(stream);
    }

    /// A command has ended: what it had begun to write stays as it is.
    closeAll() {
        this.open.clear();
        this.terminals.clear();
    }

    line(event, kind, line) {
        return { kind, text: line.text, runs: line.runs, mono: event.mono, phase: event.phase, iteration: event.iter };
    }
}

/// Whatever a log holds, as text.
const text = (value) => value === undefined || value === null ? "" : String(value);

const words = (command) => Array.isArray(command)
    ? command.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${text(word).replaceAll("'", "'\\''")}'`).join(" ") : "";

const ending = (status) => status === "succeeded" || status === "skipped" ? "good" : "bad";

function said(data) {
    const parts = [text(data.status)];
    if (data.signal !== undefined) parts.push(`signal ${Number(data.signal)}`);
    else if (data.exit) parts.push(`exit status ${Number(data.exit)}`);
    if (data.reason) parts.push(text(data.reason));
    return parts.join(", ");
}

function usage(data) {
    const parts = [
        text(data["gen_ai.request.model"]), `${count(data["gen_ai.usage.input_tokens"])} tokens in`,
        `${count(data["gen_ai.usage.output_tokens"])} out`,
    ];
    if (data.cost) parts.push(money(Number(data.cost.micros) || 0, text(data.cost.currency)) + (data.cost.estimate ? " (estimate)" : ""));
    return parts.filter(Boolean).join(" · ");
}

export const count = (value) => (Number(value) || 0).toLocaleString("en");

export function bytes(value) {
    let size = Number(value) || 0;
    for (const unit of ["B", "KiB", "MiB"]) {
        if (size < 1024) return `${unit === "B" ? size : size.toFixed(1)} ${unit}`;
        size /= 1024;
    }
    return `${size.toFixed(1)} GiB`;
}

export function money(micros, currency) {
    const amount = micros / 1e6;
    const digits = amount !== 0 && Math.abs(amount) < 1 ? 4 : 2;
    return `${amount.toFixed(digits)} ${currency}`;
}

/// Microseconds as `0:07.3`, `1:02:03`.
export function clock(mono, tenths = true) {
    const total = Math.max(0, mono) / 1e6;
    const hours = Math.floor(total / 3600), minutes = Math.floor(total / 60) % 60;
    let seconds = tenths && total < 3600 ? (Math.floor(total * 10) / 10 % 60).toFixed(1) : String(Math.floor(total) % 60);
    seconds = seconds.padStart(tenths && total < 3600 ? 4 : 2, "0");
    return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
}

/// Microseconds in words: `850 ms`, `12.3 s`, `4 min 5 s`, `2 h 3 min`.
export function span(mono) {
    const seconds = mono / 1e6;
    if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
    if (seconds < 60) return `${seconds.toFixed(1)} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
    return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
}
