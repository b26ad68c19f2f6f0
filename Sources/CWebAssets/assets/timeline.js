// Phases over time: one bar a phase, as long as it took. Also the ground that the scrubber moves over.

import { span } from "./run-model.js";

const svgNamespace = "http://www.w3.org/2000/svg";
/// Units of the drawing across; its width on the page is whatever there is room for.
const WIDTH = 1000;

export class Timeline {
    constructor(element, model) {
        this.model = model;
        this.bars = element.querySelector("svg");
        this.list = element.querySelector("ol");
        this.drawn = "";
        this.onSeek = () => {};
        this.bars.addEventListener("click", (event) => {
            const box = this.bars.getBoundingClientRect();
            this.onSeek((event.clientX - box.left) / box.width * model.duration);
        });
    }

    /// - Parameter time: What the page shows, in microseconds.
    draw(time) {
        const { model } = this;
        const duration = Math.max(1, model.duration);
        const key = `${model.phases.length} ${model.phases.at(-1)?.status} ${duration} ${Math.round(time / duration * WIDTH)}`;
        if (key === this.drawn) return;
        this.drawn = key;

        const bars = model.phases.map((phase) => this.bar(phase, duration, time));
        const cursor = document.createElementNS(svgNamespace, "rect");
        cursor.setAttribute("class", "cursor");
        cursor.setAttribute("x", Math.min(WIDTH - 2, time / duration * WIDTH));
        cursor.setAttribute("width", 2);
        cursor.setAttribute("height", 24);
        this.bars.replaceChildren(...bars, cursor);
        this.drawList(duration, time);
    }

    bar(phase, duration, time) {
        const bar = document.createElementNS(svgNamespace, "rect");
        const end = phase.end ?? time;
        bar.setAttribute("class", "bar");
        bar.dataset.status = phase.status;
        bar.setAttribute("x", phase.start / duration * WIDTH);
        bar.setAttribute("width", Math.max(1.5, (end - phase.start) / duration * WIDTH - 1.5));
        bar.setAttribute("height", 24);
        bar.append(document.createElementNS(svgNamespace, "title"));
        bar.firstChild.textContent = `${phase.name}: ${phase.status}, ${span(end - phase.start)}`;
        return bar;
    }

    /// The same for those who read: each phase is a button that leads to its place in the log.
    drawList(duration, time) {
        const { phases } = this.model;
        while (this.list.children.length > phases.length) this.list.lastChild.remove();
        phases.forEach((phase, index) => {
            let item = this.list.children[index];
            if (!item) {
                item = this.list.appendChild(document.createElement("li"));
                const button = item.appendChild(document.createElement("button"));
                button.type = "button";
                for (const name of ["iteration", "name", "time"]) {
                    button.appendChild(document.createElement("span")).className = name;
                }
                button.addEventListener("click", () => {
                    const current = this.model.phases[index];
                    if (current) this.onSeek(current.start, current.line);
                });
            }
            const took = span((phase.end ?? time) - phase.start);
            const key = `${phase.name} ${phase.status} ${took} ${phase.iteration}`;
            if (item.dataset.key === key) return;
            item.dataset.key = key;
            item.dataset.status = phase.status;
            const [iteration, name, length] = item.firstChild.children;
            iteration.textContent = phase.iteration ? `${phase.iteration}.` : "";
            name.textContent = phase.name;
            length.textContent = took;
            item.firstChild.setAttribute("aria-label",
                `${phase.iteration ? `iteration ${phase.iteration}, ` : ""}${phase.name}, ${phase.status}, ${took}`);
        });
    }
}
