// What all pages have: times in the reader's words, menus that close, the table of keys.

const units = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "long" });

/// Shows each time as the distance from now; the full time stays readable as its title.
function showTimes(root) {
    for (const element of root.querySelectorAll("time[datetime]")) {
        const date = new Date(element.dateTime);
        if (Number.isNaN(date.getTime())) continue;
        if (!element.title) element.title = date.toLocaleString();
        if (element.dataset.form === "full") {
            element.textContent = date.toLocaleString();
            continue;
        }
        const seconds = (date.getTime() - Date.now()) / 1000;
        const [unit, size] = units.find(([, size]) => Math.abs(seconds) >= size) ?? units[5];
        element.textContent = Math.abs(seconds) < 45 ? "just now" : relative.format(Math.trunc(seconds / size), unit);
    }
}

showTimes(document);
setInterval(() => showTimes(document), 30000);

// A menu closes when something else is clicked, and on Escape.
document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
    }
});

for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
        const before = button.textContent;
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = before; }, 1500);
    });
}

const help = document.querySelector("dialog.keys");
if (help) {
    for (const button of document.querySelectorAll("[data-keys]")) {
        button.hidden = false;
        button.addEventListener("click", () => help.showModal());
    }
    document.addEventListener("keydown", (event) => {
        if (event.key !== "?" || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
        event.preventDefault();
        if (help.open) help.close(); else help.showModal();
    });
}

// Lists with something that is still going on are looked at again now and then, unless someone is working in them.
const list = document.querySelector("[data-refresh]");
if (list) {
    setInterval(() => {
        const busy = document.hidden || document.activeElement?.closest("form, details, dialog") || getSelection()?.toString();
        if (!busy) location.reload();
    }, Number(list.dataset.refresh) * 1000);
}
