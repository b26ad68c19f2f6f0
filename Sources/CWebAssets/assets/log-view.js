// The log on the page. Only rows near the window are in the document, so a log of 100,000 lines scrolls like one of a hundred.

import { appendLine } from "./terminal.js";
import { clock } from "./run-model.js";

/// Rows that are kept beyond the window, so that scrolling does not show gaps.
const MARGIN = 30;
/// A box higher than this is not drawn right by all browsers (Firefox: 17.8 million pixels).
const HIGHEST = 16e6;
/// Hits that a search keeps.
const HITS = 50000;
/// Distance from the end, in pixels, that still counts as being there.
const AT_END = 4;

const marks = {
    run: "●", phase: "▸", iteration: "↻", command: "", good: "✓", bad: "✗", message: "✎", usage: "∑", artifact: "▣", lost: "⚠", event: "•",
};

export class LogView {
    /// - Parameter model: A RunModel, of which `lines` are shown.
    constructor(box, model) {
        this.box = box;
        this.model = model;
        this.follow = true;
        this.wrap = true;
        this.rows = new Map();
        /// `starts[i]` is the row in which line i begins; there is one more than lines.
        this.starts = new Float64Array(1024);
        this.count = 0;
        this.hits = [];
        this.query = "";
        this.searched = 0;
        this.current = -1;
        this.onFollow = () => {};

        box.replaceChildren();
        this.space = box.appendChild(document.createElement("div"));
        this.space.className = "space";
        this.measure();
        box.addEventListener("scroll", () => this.scrolled(), { passive: true });
        let width = 0;
        new ResizeObserver(() => {
            // A box that only grows with its lines keeps the rows that they take.
            if (box.clientWidth === width) {
                this.render();
                return;
            }
            width = box.clientWidth;
            this.measure();
            this.layout(0);
        }).observe(box);
    }

    /// Measures a character and the width of a line.
    measure() {
        const probe = document.createElement("div");
        probe.className = "row";
        const number = probe.appendChild(document.createElement("a"));
        number.className = "ln";
        const code = probe.appendChild(document.createElement("code"));
        const character = code.appendChild(document.createElement("span"));
        character.textContent = "0".repeat(10);
        this.space.append(probe);
        this.height = probe.getBoundingClientRect().height || 20;
        const width = character.getBoundingClientRect().width / 10 || 8;
        const style = getComputedStyle(code);
        const room = code.getBoundingClientRect().width - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
        this.columns = Math.max(20, Math.floor(room / width + 0.01));
        probe.remove();
    }

    /// Shows what has changed from a line on.
    update(changed) {
        this.layout(changed);
        if (this.query) this.find(changed);
    }

    layout(changed) {
        const { lines } = this.model;
        if (lines.length + 1 > this.starts.length) {
            const larger = new Float64Array(2 * (lines.length + 1));
            larger.set(this.starts);
            this.starts = larger;
        }
        for (let index = Math.min(changed, this.count); index < lines.length; index++) {
            this.starts[index + 1] = this.starts[index] + (this.wrap ? this.rowsOf(lines[index].text) : 1);
        }
        this.count = lines.length;
        for (const [index, row] of this.rows) {
            if (index >= changed) {
                row.remove();
                this.rows.delete(index);
            }
        }
        this.total = this.starts[this.count];
        this.scale = Math.max(1, this.total * this.height / HIGHEST);
        this.space.style.height = `${this.total * this.height / this.scale}px`;
        if (this.follow) this.box.scrollTop = this.box.scrollHeight;
        this.render();
    }

    /// How many rows a text takes, by the widths of its characters.
    rowsOf(text) {
        if (text.length <= this.columns && !/[^\x20-\x7e]/.test(text)) return 1;
        let column = 0;
        if (/^[\x20-\x7e]*$/.test(text)) {
            column = text.length;
        } else {
            for (const character of text) {
                const point = character.codePointAt(0);
                if (point === 9) column += 8 - column % 8;
                else if (point < 0x1100) column += 1;
                else if (/\p{M}|\u200d/u.test(character)) column += 0;
                else column += point <= 0x115F || point >= 0x2E80 && point <= 0xFFDC || point >= 0x1F000 ? 2 : 1;
            }
        }
        return Math.max(1, Math.ceil(column / this.columns));
    }

    /// The line that a row belongs to.
    lineAt(row) {
        let low = 0, high = this.count;
        while (low < high) {
            const middle = low + high >> 1;
            if (this.starts[middle + 1] <= row) low = middle + 1; else high = middle;
        }
        return low;
    }

    render() {
        const top = this.box.scrollTop * this.scale / this.height;
        const visible = this.box.clientHeight / this.height;
        const first = Math.max(0, this.lineAt(Math.max(0, top - MARGIN)));
        // The model may have gone back since the layout; the next update brings both together.
        const last = Math.min(this.count, this.model.lines.length, this.lineAt(top + visible + MARGIN) + 1) - 1;
        for (const [index, row] of this.rows) {
            if (index < first || index > last) {
                row.remove();
                this.rows.delete(index);
            }
        }
        // Rows stay at their place on the screen also where the box is drawn smaller than the log is.
        const shift = this.box.scrollTop - top * this.height;
        let previous = null;
        for (let index = first; index <= last; index++) {
            let row = this.rows.get(index);
            if (!row) {
                row = this.makeRow(index);
                this.rows.set(index, row);
                if (previous) previous.after(row); else this.space.prepend(row);
            }
            row.style.transform = `translateY(${this.starts[index] * this.height + shift}px)`;
            row.style.height = `${(this.starts[index + 1] - this.starts[index]) * this.height}px`;
            previous = row;
        }
    }

    makeRow(index) {
        const line = this.model.lines[index];
        const row = document.createElement("div");
        row.className = `row ${line.kind}`;
        if (index === this.selected) row.classList.add("selected");
        const number = row.appendChild(document.createElement("a"));
        number.className = "ln";
        number.href = `#L${index + 1}`;
        number.textContent = index + 1;
        number.tabIndex = -1;
        number.title = clock(line.mono);
        const time = row.appendChild(document.createElement("span"));
        time.className = "at";
        time.textContent = clock(line.mono);
        const code = row.appendChild(document.createElement("code"));
        if (marks[line.kind]) {
            const mark = code.appendChild(document.createElement("span"));
            mark.className = "mark";
            mark.setAttribute("aria-hidden", "true");
            mark.textContent = `${marks[line.kind]} `;
        }
        appendLine(code, line, this.hitsOf(index));
        return row;
    }

    scrolled() {
        const atEnd = this.box.scrollTop + this.box.clientHeight >= this.box.scrollHeight - AT_END;
        if (atEnd !== this.follow) this.setFollow(atEnd, false);
        this.render();
    }

    setFollow(follow, scroll = true) {
        this.follow = follow;
        if (follow && scroll) this.box.scrollTop = this.box.scrollHeight;
        this.onFollow(follow);
    }

    setWrap(wrap) {
        const line = this.lineAt(this.box.scrollTop * this.scale / this.height);
        this.wrap = wrap;
        this.box.classList.toggle("nowrap", !wrap);
        this.layout(0);
        if (!this.follow) this.show(line, 0);
    }

    /// Scrolls a line into the window, a third from its top.
    show(index, part = 1 / 3) {
        if (!this.count) return;
        const row = this.starts[Math.max(0, Math.min(index, this.count - 1))];
        this.box.scrollTop = row * this.height / this.scale - this.box.clientHeight * part;
        const atEnd = this.box.scrollTop + this.box.clientHeight >= this.box.scrollHeight - AT_END;
        this.setFollow(atEnd, false);
        this.render();
    }

    /// Marks a line and shows it.
    select(index) {
        this.rows.get(this.selected)?.classList.remove("selected");
        this.selected = index;
        this.show(index);
        this.rows.get(index)?.classList.add("selected");
    }

    /// The first line in the window.
    get top() { return this.lineAt(this.box.scrollTop * this.scale / this.height); }

    // Search.

    /// Looks for a text, without regard to case. Hits are [line, from, to].
    search(query) {
        this.query = query.toLowerCase();
        this.hits = [];
        this.current = -1;
        this.searched = 0;
        if (this.query) {
            this.find(0);
            const from = this.top;
            const next = this.hits.findIndex((hit) => hit[0] >= from);
            if (this.hits.length) this.showHit(Math.max(0, next));
        }
        this.redraw();
    }

    find(changed) {
        while (this.hits.length && this.hits[this.hits.length - 1][0] >= changed) this.hits.pop();
        const { lines } = this.model;
        for (let index = Math.min(changed, this.searched); index < lines.length && this.hits.length < HITS; index++) {
            if (index < changed) continue;
            // Lower case may be longer; then places are those of the text as it is.
            let lowered = lines[index].text.toLowerCase();
            if (lowered.length !== lines[index].text.length) lowered = lines[index].text;
            for (let at = lowered.indexOf(this.query); at >= 0; at = lowered.indexOf(this.query, at + this.query.length)) {
                this.hits.push([index, at, at + this.query.length]);
            }
        }
        this.searched = lines.length;
        if (this.current >= this.hits.length) this.current = this.hits.length - 1;
    }

    hitsOf(line) {
        if (!this.query) return [];
        let low = 0, high = this.hits.length;
        while (low < high) {
            const middle = low + high >> 1;
            if (this.hits[middle][0] < line) low = middle + 1; else high = middle;
        }
        const result = [];
        for (; low < this.hits.length && this.hits[low][0] === line; low++) {
            result.push([this.hits[low][1], this.hits[low][2], low === this.current]);
        }
        return result;
    }

    step(direction) {
        if (!this.hits.length) return;
        this.showHit((this.current + direction + this.hits.length) % this.hits.length);
        this.redraw();
    }

    showHit(index) {
        this.current = index;
        const [line] = this.hits[index];
        const top = this.starts[line] * this.height / this.scale;
        const { scrollTop, clientHeight } = this.box;
        if (top < scrollTop || top > scrollTop + clientHeight - 2 * this.height) this.show(line);
    }

    redraw() {
        for (const row of this.rows.values()) row.remove();
        this.rows.clear();
        this.render();
    }
}
