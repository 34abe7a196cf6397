"use strict";
// What a page can do beyond being read; without scripts it lacks nothing but this.
(() => {
  // Tables: a click on a head sorts by its column, a second click the other way, a third restores the first order.
  const MISSING = "\u2013";
  const plain = (text) => text.trim().replace(/\u2212/g, "-").replace(/(\d),(?=\d{3})/g, "$1");
  const number = (text) => {
    const found = plain(text).match(/^[<>]?\s*([+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)/i);
    return found ? Number(found[1]) : NaN;
  };

  const sort = (table, column, direction) => {
    const body = table.tBodies[0];
    const known = table.order.filter((row) => row.cells[column].textContent.trim() !== MISSING);
    const missing = table.order.filter((row) => !known.includes(row));
    const text = (row) => row.cells[column].textContent;
    const numeric = known.every((row) => !Number.isNaN(number(text(row))));
    const sign = direction === "descending" ? -1 : 1;
    if (direction !== "none") {
      known.sort((a, b) => sign * (numeric ? number(text(a)) - number(text(b)) : text(a).localeCompare(text(b))));
    }
    body.append(...(direction === "none" ? table.order : [...known, ...missing]));
  };

  const NEXT = { none: "ascending", ascending: "descending", descending: "none" };
  for (const table of document.querySelectorAll("table.sortable")) {
    table.order = [...table.tBodies[0].rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Sort by this column";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const direction = NEXT[head.getAttribute("aria-sort")];
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", direction);
        sort(table, column, direction);
      });
    });
  }

  // Figures: what lies under the pointer, or was touched. Browsers show an SVG's titles too, but late, and not by touch.
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const told = new Map();
  for (const place of document.querySelectorAll("svg .hover")) {
    const title = place.querySelector("title");
    told.set(place, title.textContent);
    title.remove();
  }
  const tell = (event) => {
    const place = event.target instanceof Element ? event.target.closest("svg .hover") : null;
    tip.hidden = !place;
    if (!place) return;
    tip.textContent = told.get(place);
    const right = window.innerWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, right))}px`;
    const above = event.clientY - tip.offsetHeight - 12;
    tip.style.top = `${above > 8 ? above : event.clientY + 16}px`;
  };
  document.addEventListener("pointermove", tell);
  document.addEventListener("pointerdown", tell);
  document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });

  // The hint below a table stands where the table does scroll.
  const measure = () => {
    for (const hint of document.querySelectorAll(".hint")) {
      const box = hint.previousElementSibling;
      hint.style.display = box.scrollWidth > box.clientWidth + 1 ? "block" : "none";
    }
  };
  measure();
  window.addEventListener("resize", measure);

  // Within MLflow a page has no folder: files beside it are named, not linked.
  if (!/^(file|https?):$/.test(location.protocol)) {
    for (const link of document.querySelectorAll("a.beside")) link.replaceWith(link.dataset.file);
  }
})();
