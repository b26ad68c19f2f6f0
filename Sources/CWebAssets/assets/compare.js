// Two images beside each other, one over the other with a divider, or what differs between them.

/// The largest difference of a channel that does not count: encoders are not exact.
const TOLERANCE = 8;
/// The most pixels that are compared; a larger image is shown, not compared.
const PIXELS = 40e6;

export class ImageComparison {
    constructor(section) {
        if (!section) return;
        this.section = section;
        this.box = section.querySelector(".compare");
        this.images = [...section.querySelectorAll("img[data-artifact]")];
        if (!this.box || this.images.length < 2) return;
        this.box.hidden = false;
        this.first = this.box.querySelector(".first");
        this.second = this.box.querySelector(".second");
        this.swipe = this.box.querySelector(".swipe");
        this.stage = this.box.querySelector(".stage");
        this.verdict = this.box.querySelector(".verdict");
        for (const select of [this.first, this.second]) {
            select.replaceChildren(...this.images.map((image, index) => new Option(image.dataset.artifact, index)));
            select.addEventListener("change", () => this.draw());
        }
        [this.first.value, this.second.value] = this.pair();
        for (const radio of this.box.querySelectorAll("input[name=mode]")) radio.addEventListener("change", () => this.draw());
        this.swipe.addEventListener("input", () => this.divide());
        this.section.addEventListener("toggle", () => this.draw());
        this.draw();
    }

    /// Two names that belong together: the same but for a word such as before and after.
    pair() {
        const words = [
            ["before", "after"], ["expected", "actual"], ["baseline", "current"], ["old", "new"], ["reference", "test"],
        ];
        const names = this.images.map((image) => image.dataset.artifact.toLowerCase());
        for (const [left, right] of words) {
            for (const [index, name] of names.entries()) {
                if (!name.includes(left)) continue;
                const other = names.indexOf(name.replace(left, right));
                if (other >= 0) return [index, other];
            }
        }
        return [0, 1];
    }

    get mode() { return this.box.querySelector("input[name=mode]:checked").value; }

    async draw() {
        const mode = this.mode;
        const [left, right] = [this.images[this.first.value], this.images[this.second.value]];
        const drawing = this.drawing = Symbol();
        this.box.dataset.mode = mode;
        this.swipe.hidden = mode !== "swipe";
        this.verdict.textContent = "";
        const copies = [this.copy(left), this.copy(right)];
        try {
            await Promise.all(copies.map((copy) => copy.decode()));
        } catch {
            this.stage.replaceChildren();
            this.verdict.textContent = "One of the images cannot be shown.";
            return;
        }
        if (drawing !== this.drawing) return;
        if (mode === "difference") {
            this.difference(...copies);
        } else {
            this.stage.replaceChildren(...copies.map((copy, index) => {
                const figure = document.createElement("figure");
                const caption = document.createElement("figcaption");
                caption.textContent = copy.alt;
                figure.append(copy, caption);
                figure.className = index ? "over" : "under";
                return figure;
            }));
            if (mode === "swipe") this.divide();
        }
    }

    copy(image) {
        const copy = new Image();
        copy.alt = image.dataset.artifact;
        copy.src = image.src;
        return copy;
    }

    divide() {
        const over = this.stage.querySelector(".over img");
        if (over) over.style.clipPath = `inset(0 0 0 ${this.swipe.value}%)`;
        this.stage.style.setProperty("--divide", `${this.swipe.value}%`);
    }

    difference(left, right) {
        const width = Math.max(left.naturalWidth, right.naturalWidth);
        const height = Math.max(left.naturalHeight, right.naturalHeight);
        if (!width || width * height > PIXELS) {
            this.stage.replaceChildren();
            this.verdict.textContent = "The images are too large to compare.";
            return;
        }
        const pixels = (image) => {
            const canvas = Object.assign(document.createElement("canvas"), { width, height });
            const context = canvas.getContext("2d", { willReadFrequently: true });
            context.drawImage(image, 0, 0);
            return context.getImageData(0, 0, width, height);
        };
        const [a, b] = [pixels(left), pixels(right)];
        const result = new ImageData(width, height);
        let differing = 0;
        for (let at = 0; at < a.data.length; at += 4) {
            let most = 0;
            for (let channel = 0; channel < 4; channel++) most = Math.max(most, Math.abs(a.data[at + channel] - b.data[at + channel]));
            if (most > TOLERANCE) {
                differing += 1;
                result.data.set([225, 29, 116, 255], at);
            } else {
                // What is the same stays, pale, so that one sees where one is.
                const grey = 0.3 * a.data[at] + 0.59 * a.data[at + 1] + 0.11 * a.data[at + 2];
                const pale = 200 + grey / 255 * 55;
                result.data.set([pale, pale, pale, a.data[at + 3]], at);
            }
        }
        const canvas = Object.assign(document.createElement("canvas"), { width, height });
        canvas.getContext("2d").putImageData(result, 0, 0);
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `difference of ${left.alt} and ${right.alt}`);
        this.stage.replaceChildren(canvas);
        const share = differing / (width * height) * 100;
        const sizes = left.naturalWidth === right.naturalWidth && left.naturalHeight === right.naturalHeight ? ""
            : ` The sizes differ: ${left.naturalWidth}×${left.naturalHeight} and ${right.naturalWidth}×${right.naturalHeight}.`;
        this.verdict.textContent = differing
            ? `${differing.toLocaleString("en")} pixels differ (${share < 0.01 ? "less than 0.01" : share.toFixed(2)} %).${sizes}`
            : `The images are the same.${sizes}`;
    }
}
