// Terminal output as lines of styled text: the twin of Sources/TerminalText, held equal to it by vectors
// (Tests/TerminalTextTests/vectors.json, scripts/test-pages.py). See TerminalText.swift for what is kept and why.

export const CELLS_PER_LINE = 65536;
const PARAMETERS = 128;
const COMMAND = 4096;
const LINK = 2048;
const PLACEHOLDER = 512;

const BOLD = 1, FAINT = 2, ITALIC = 4, UNDERLINED = 8, INVERSE = 16, STRUCK = 32;
const PLAIN = 0;

/// A style is one number: foreground and background plus one (0 is the default), renditions above them.
const style = (foreground, background, renditions) => (foreground + 1) | (background + 1) << 9 | renditions << 18;
const foreground = (value) => (value & 511) - 1;
const background = (value) => (value >> 9 & 511) - 1;
const renditions = (value) => value >> 18;

const knownClasses = new Map([[PLAIN, ""]]);

/// The classes of a style, as TerminalStyle.classes.
export function classes(value) {
    let result = knownClasses.get(value);
    if (result !== undefined) return result;
    const [f, g, r] = [foreground(value), background(value), renditions(value)];
    const names = [];
    if (r & INVERSE) {
        names.push(g < 0 ? "fi" : `f${g}`, f < 0 ? "gi" : `g${f}`);
    } else {
        if (f >= 0) names.push(`f${f}`);
        if (g >= 0) names.push(`g${g}`);
    }
    if (r & BOLD) names.push("tb");
    if (r & FAINT) names.push("tf");
    if (r & ITALIC) names.push("ti");
    if (r & UNDERLINED) names.push("tu");
    if (r & STRUCK) names.push("ts");
    result = names.join(" ");
    knownClasses.set(value, result);
    return result;
}

// What a whole line of plain text does not have: controls but the tab, what is shown by name, and halves of surrogate pairs.
const special = "\\0-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff\\ufff9-\\ufffb\\ud800-\\udfff";
const plainLine = new RegExp(`([^\\n${special}]*)\\r?\\n`, "y");
const specialOrLineFeed = new RegExp(`[\\n${special}]`, "g");

/// A line: `text` as shown, and `runs` of `{text, style, link, kind, rule}`, or null if all of it is plain. `kind` is "text", "control" or
/// "redaction"; `rule` is [from, to) of the rule's name in the run.
export class TerminalText {
    constructor() {
        this.decoder = new TextDecoder("utf-8", { ignoreBOM: true });
        this.hasBytes = false;
        this.state = "ground";
        this.collected = "";
        this.count = 0;
        this.ignored = false;
        this.style = PLAIN;
        this.link = null;
        this.characters = [];
        this.styles = [];
        this.links = [];
        this.cursor = 0;
        this.finished = [];
    }

    /// A copy that goes on from here. Not while bytes of a character are missing: those are lost.
    clone() {
        const copy = Object.assign(new TerminalText(), this);
        copy.decoder = new TextDecoder("utf-8", { ignoreBOM: true });
        copy.hasBytes = false;
        for (const name of ["characters", "styles", "links", "finished"]) copy[name] = this[name].slice();
        return copy;
    }

    write(text) {
        if (this.hasBytes) {
            this.hasBytes = false;
            text = this.decoder.decode() + text;
        }
        this.writeText(text);
    }

    writeBytes(bytes) {
        this.hasBytes = true;
        this.writeText(this.decoder.decode(bytes, { stream: true }));
    }

    finish() {
        this.write("");
        this.enter("ground");
        if (this.characters.length) this.endLine();
    }

    takeLines() {
        const lines = this.finished;
        this.finished = [];
        return lines;
    }

    openLine() {
        return this.characters.length ? makeLine(this.characters, this.styles, this.links) : null;
    }

    writeText(text) {
        let start = 0;
        while (start < text.length) {
            let end = start + 1;
            if (this.state === "ground" && !this.characters.length && this.cursor === 0) {
                plainLine.lastIndex = start;
                const match = plainLine.exec(text);
                if (match && match[1].length <= CELLS_PER_LINE) {
                    this.finished.push(this.wholeLine(match[1]));
                    start = plainLine.lastIndex;
                    continue;
                }
                specialOrLineFeed.lastIndex = start;
                const stop = specialOrLineFeed.exec(text);
                end = stop ? stop.index + 1 : text.length;
            }
            while (start < end) {
                const point = text.codePointAt(start);
                start += point > 0xFFFF ? 2 : 1;
                this.take(point >= 0xD800 && point <= 0xDFFF ? 0xFFFD : point);
            }
        }
    }

    wholeLine(text) {
        if (!text) return { text, runs: null };
        if (text.includes("[REDACTED")) {
            const characters = Array.from(text);
            return makeLine(characters, characters.map(() => this.style), characters.map(() => this.link));
        }
        if (this.style === PLAIN && this.link === null) return { text, runs: null };
        return { text, runs: [{ text, style: this.style, link: this.link, kind: "text" }] };
    }

    take(point) {
        switch (this.state) {
        case "ground": this.ground(point); break;
        case "escape": this.escape(point); break;
        case "intermediate": this.intermediate(point); break;
        case "control": this.control(point); break;
        default: this.string(point);
        }
    }

    ground(point) {
        switch (point) {
        case 0x07: break;
        case 0x08: this.cursor = Math.max(0, Math.min(this.cursor, CELLS_PER_LINE) - 1); break;
        case 0x0A: this.endLine(); break;
        case 0x0D: this.cursor = 0; break;
        case 0x1B: this.state = "escape"; break;
        default: this.put(String.fromCodePoint(point));
        }
    }

    escape(point) {
        if (point === 0x5B) this.enter("control");
        else if (point === 0x5D) this.enter("command");
        else if (point === 0x50 || point === 0x58 || point === 0x5E || point === 0x5F) this.enter("string");
        else if (point >= 0x20 && point <= 0x2F) this.state = "intermediate";
        else if (point === 0x63) {
            this.style = PLAIN;
            this.link = null;
            this.state = "ground";
        } else if (point >= 0x30 && point <= 0x7E || point === 0x18 || point === 0x1A) this.state = "ground";
        else this.leave(point);
    }

    intermediate(point) {
        if (point >= 0x20 && point <= 0x2F) return;
        if (point >= 0x30 && point <= 0x7E || point === 0x18 || point === 0x1A) this.state = "ground";
        else this.leave(point);
    }

    control(point) {
        if (point >= 0x30 && point <= 0x3F) this.collect(point, PARAMETERS);
        else if (point >= 0x20 && point <= 0x2F) this.ignored = true;
        else if (point >= 0x40 && point <= 0x7E) {
            if (!this.ignored) this.perform(String.fromCodePoint(point));
            this.enter("ground");
        } else if (point === 0x18 || point === 0x1A) this.enter("ground");
        else if (point === 0x0A || point === 0x1B || point >= 0x7F) this.leave(point);
    }

    string(point) {
        if (point === 0x07 || point === 0x1B) {
            if (this.state === "command" && !this.ignored) this.performCommand();
            this.enter(point === 0x1B ? "escape" : "ground");
        } else if (point === 0x18 || point === 0x1A) this.enter("ground");
        else if (point === 0x0A) this.leave(point);
        else if (this.state === "command") this.collect(point, COMMAND);
    }

    enter(state) {
        this.state = state;
        this.collected = "";
        this.count = 0;
        this.ignored = false;
    }

    leave(point) {
        this.enter("ground");
        this.ground(point);
    }

    collect(point, limit) {
        if (this.count < limit) {
            this.collected += String.fromCodePoint(point);
            this.count += 1;
        } else {
            this.ignored = true;
        }
    }

    perform(final) {
        if (this.collected && this.collected >= "<") return;
        switch (final) {
        case "m": this.style = select(this.style, groups(this.collected)); break;
        case "K": this.erase(number(this.collected, 0)); break;
        case "C": this.cursor = Math.min(this.cursor + Math.max(1, number(this.collected, 1)), CELLS_PER_LINE - 1); break;
        case "D": this.cursor = Math.max(0, Math.min(this.cursor, CELLS_PER_LINE) - Math.max(1, number(this.collected, 1))); break;
        case "G": this.cursor = Math.min(Math.max(1, number(this.collected, 1)), CELLS_PER_LINE) - 1; break;
        }
    }

    erase(part) {
        if (part === 0) {
            if (this.cursor < this.characters.length) this.truncate(this.cursor);
        } else if (part === 1) {
            for (let index = 0; index < Math.min(this.cursor + 1, this.characters.length); index++) this.blank(index);
        } else if (part === 2) {
            this.truncate(0);
        }
    }

    truncate(count) {
        this.characters.length = this.styles.length = this.links.length = count;
    }

    blank(index) {
        this.characters[index] = " ";
        this.styles[index] = PLAIN;
        this.links[index] = null;
    }

    performCommand() {
        const match = /^8;[^;]*;([^]*)$/.exec(this.collected);
        if (match) this.link = safeLink(match[1]);
    }

    put(character) {
        if (this.cursor >= CELLS_PER_LINE) this.endLine();
        while (this.characters.length < this.cursor) this.blank(this.characters.length);
        this.characters[this.cursor] = character;
        this.styles[this.cursor] = this.style;
        this.links[this.cursor] = this.link;
        this.cursor += 1;
    }

    endLine() {
        this.finished.push(makeLine(this.characters, this.styles, this.links));
        this.truncate(0);
        this.cursor = 0;
    }
}

/// A target that a page may link to, or null: as TerminalLink.safe.
export function safeLink(target) {
    return target.length <= LINK && /^https?:\/\//i.test(target) && /^[!#-\[\]-~]*$/.test(target) ? target : null;
}

function groups(parameters) {
    return parameters.split(";").map((group) => group.split(":").map((digits) => {
        if (!/^[0-9]+$/.test(digits)) return -1;
        const value = Number(digits);
        return value > 65535 ? -1 : value;
    }));
}

function number(parameters, value) {
    const first = groups(parameters)[0][0];
    return first < 0 ? value : first;
}

/// Selects graphic renditions, as TerminalStyle.apply.
function select(value, all) {
    let f = foreground(value), g = background(value), r = renditions(value);
    const colour = (target, rest) => {
        let index = -1;
        if (rest[0] === 5 && rest.length >= 2) index = Math.max(0, rest[1]);
        else if (rest[0] === 2 && rest.length >= 4) {
            const parts = rest.slice(1, 4).map((part) => Math.max(0, part));
            if (parts.every((part) => part <= 255)) index = nearest(...parts);
        }
        if (index < 0 || index > 255) return;
        if (target === 38) f = index; else g = index;
    };
    for (let index = 0; index < all.length;) {
        const group = all[index++];
        const code = Math.max(0, group[0]);
        if (group.length > 1) {
            if (group[0] === 4) r = group[1] !== 0 ? r | UNDERLINED : r & ~UNDERLINED;
            else if (group[0] === 38 || group[0] === 48) {
                colour(group[0], group[1] === 2 && group.length >= 6 ? [2, ...group.slice(3, 6)] : group.slice(1));
            }
        } else if (code === 38 || code === 48) {
            const rest = all.slice(index).map((other) => other[0]);
            const count = rest[0] === 5 ? 2 : rest[0] === 2 ? 4 : 1;
            if (rest.length >= count) colour(code, rest.slice(0, count));
            index += Math.min(count, rest.length);
        } else if (code === 0) { f = -1; g = -1; r = 0; }
        else if (code === 1) r |= BOLD;
        else if (code === 2) r |= FAINT;
        else if (code === 3) r |= ITALIC;
        else if (code === 4 || code === 21) r |= UNDERLINED;
        else if (code === 7) r |= INVERSE;
        else if (code === 9) r |= STRUCK;
        else if (code === 22) r &= ~(BOLD | FAINT);
        else if (code === 23) r &= ~ITALIC;
        else if (code === 24) r &= ~UNDERLINED;
        else if (code === 27) r &= ~INVERSE;
        else if (code === 29) r &= ~STRUCK;
        else if (code >= 30 && code <= 37) f = code - 30;
        else if (code === 39) f = -1;
        else if (code >= 40 && code <= 47) g = code - 40;
        else if (code === 49) g = -1;
        else if (code >= 90 && code <= 97) f = code - 82;
        else if (code >= 100 && code <= 107) g = code - 92;
    }
    return style(f, g, r);
}

/// The nearest colour of the palette of 256, as TerminalPalette.nearest.
function nearest(red, green, blue) {
    const levels = [0, 95, 135, 175, 215, 255];
    const level = (part) => part < 48 ? 0 : part < 115 ? 1 : Math.floor((part - 35) / 40);
    const distance = (r, g, b) => (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2;
    const [r, g, b] = [level(red), level(green), level(blue)];
    const grey = Math.min(23, Math.max(0, Math.trunc((Math.trunc((red + green + blue) / 3) - 3) / 10)));
    const shade = 8 + 10 * grey;
    return distance(shade, shade, shade) < distance(levels[r], levels[g], levels[b])
        ? 232 + grey : 16 + 36 * r + 6 * g + b;
}

function makeLine(characters, styles, links) {
    const runs = [];
    let text = "", first = -1;
    const flush = () => {
        if (first >= 0) runs.push({ text, style: styles[first], link: links[first], kind: "text" });
        text = "";
        first = -1;
    };
    for (let index = 0; index < characters.length;) {
        const character = characters[index];
        const placeholder = character === "[" ? readPlaceholder(characters, index) : null;
        if (placeholder) {
            flush();
            runs.push({ ...placeholder, style: styles[index], link: null, kind: "redaction" });
            index += placeholder.text.length;
            continue;
        }
        const label = visibleLabel(character);
        if (label) {
            flush();
            runs.push({ text: label, style: styles[index], link: null, kind: "control" });
        } else {
            if (first >= 0 && (styles[first] !== styles[index] || links[first] !== links[index])) flush();
            if (first < 0) first = index;
            text += character;
        }
        index += 1;
    }
    flush();
    const isPlain = runs.length === 0
        || runs.length === 1 && runs[0].kind === "text" && runs[0].style === PLAIN && !runs[0].link;
    return { text: runs.map((run) => run.text).join(""), runs: isPlain ? null : runs };
}

function readPlaceholder(characters, start) {
    const prefix = "[REDACTED";
    for (let index = 0; index < prefix.length; index++) {
        if (characters[start + index] !== prefix[index]) return null;
    }
    const limit = Math.min(characters.length, start + PLACEHOLDER);
    let end = start + prefix.length;
    while (end < limit && characters[end] !== "]") {
        if (!/^[ !#-Z^-~]$/.test(characters[end])) return null;
        end += 1;
    }
    if (end >= limit) return null;
    const text = characters.slice(start, end + 1).join("");
    const close = text.length - 1;
    let from = prefix.length;
    if (from < close && (text[from] === ":" || text[from] === " ")) from += 1;
    let to = text.indexOf(":", from);
    if (to < 0) to = close;
    if (to < close && text.slice(from, to) === "known") {
        to = text.indexOf(":", to + 1);
        if (to < 0) to = close;
    }
    return { text, rule: from < to ? [from, to] : [1, close] };
}

/// Text that is no output, with characters that have no shape or change the order of others by name.
export const visible = (text) => Array.from(text, (character) => visibleLabel(character) ?? character).join("");

function visibleLabel(character) {
    const point = character.codePointAt(0);
    if (point === 0x09) return null;
    if (point < 0x20) return String.fromCodePoint(0x2400 + point);
    if (point < 0x7F) return null;
    if (point === 0x7F) return "\u2421";
    if (point <= 0x9F || point === 0x061C || point === 0x200E || point === 0x200F || point >= 0x2028 && point <= 0x202E
        || point >= 0x2066 && point <= 0x2069 || point === 0xFEFF || point >= 0xFFF9 && point <= 0xFFFB
        || point >= 0xE0000 && point <= 0xE007F) {
        return `U+${point.toString(16).toUpperCase().padStart(4, "0")}`;
    }
    return null;
}

/// Appends a line to an element, as TerminalHTML does. No markup is parsed: text becomes text nodes.
/// `hits` are ranges [from, to) of `line.text` that become `<mark class="hit">`, sorted and apart.
export function appendLine(element, line, hits = []) {
    let offset = 0, next = 0;
    const appendText = (parent, text) => {
        let start = 0;
        const end = offset + text.length;
        for (let index = next; index < hits.length && hits[index][0] < end; index++) {
            const from = Math.max(hits[index][0] - offset, 0);
            const to = Math.min(hits[index][1] - offset, text.length);
            if (to <= from) continue;
            if (from > start) parent.append(text.slice(start, from));
            const mark = document.createElement("mark");
            mark.className = hits[index][2] ? "hit current" : "hit";
            mark.textContent = text.slice(from, to);
            parent.append(mark);
            start = to;
        }
        while (next < hits.length && hits[next][1] <= end) next += 1;
        if (start < text.length) parent.append(text.slice(start));
        offset = end;
    };
    for (const run of line.runs ?? [{ text: line.text, style: PLAIN, link: null, kind: "text" }]) {
        const names = classes(run.style);
        let node = element;
        if (run.kind === "redaction") {
            node = document.createElement("mark");
            node.className = "tr";
            const [from, to] = run.rule;
            node.title = `redacted by rule ${run.text.slice(from, to)}`;
            for (const [part, isRule] of [[run.text.slice(0, from)], [run.text.slice(from, to), true], [run.text.slice(to)]]) {
                const place = isRule ? node : node.appendChild(document.createElement("span"));
                appendText(place, part);
            }
            element.append(node);
            continue;
        }
        if (run.kind === "control" || names && !run.link) {
            node = document.createElement("span");
            node.className = run.kind === "control" ? `tc ${names}`.trim() : names;
        } else if (run.link) {
            node = document.createElement("a");
            node.className = `tl ${names}`.trim();
            node.rel = "noopener noreferrer nofollow";
            node.target = "_blank";
            node.title = run.link;
            node.setAttribute("href", run.link);
        }
        appendText(node, run.text);
        if (node !== element) element.append(node);
    }
}
