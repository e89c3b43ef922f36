// Copies a join link or a secret, and gives the cells of a list their column's name, which a phone shows as a card.
for (const box of document.querySelectorAll("[data-copy]")) {
  const button = box.querySelector("button");
  const source = box.querySelector("a, code");
  const label = button.textContent;
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.href ?? source.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { button.textContent = label; }, 2500);
  });
}

for (const table of document.querySelectorAll("#result_list, .rc-results")) {
  const names = [...table.tHead.rows[0].cells].map((cell) => (cell.querySelector(".text") ?? cell).textContent.trim());
  for (const row of table.tBodies[0].rows) {
    [...row.cells].forEach((cell, place) => { if (names[place]) cell.dataset.label = names[place]; });
  }
}

// A filter's choices close by a click elsewhere or by Escape, as a menu does.
const closeFilters = (except) => {
  for (const group of document.querySelectorAll(".rc-filter[open]")) if (group !== except) group.open = false;
};
addEventListener("click", (event) => closeFilters(event.target.closest(".rc-filter")));
addEventListener("keydown", (event) => { if (event.key === "Escape") closeFilters(null); });

// A click that asks RealtimeKit may take seconds: say so, and let nobody ask twice.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    const pressed = event.submitter;
    if (pressed?.hasAttribute("data-stays")) return; // a download leaves the page where it is
    if (form.hasAttribute("aria-busy")) {
      event.preventDefault();
      return;
    }
    form.setAttribute("aria-busy", "true");
    setTimeout(() => { if (event.defaultPrevented) form.removeAttribute("aria-busy"); }); // "Are you sure?" was answered no
    const button = pressed?.matches(".rc-button") ? pressed : form.querySelector(".rc-button[class*=rc-]:not([type=button])");
    if (button) setTimeout(() => {
      if (event.defaultPrevented) return;
      button.disabled = true;
      button.classList.add("rc-busy");
    });
  });
}
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
  for (const button of document.querySelectorAll(".rc-busy")) { button.disabled = false; button.classList.remove("rc-busy"); }
});

// Select2 gives its search field no name of its own, and a button that clears a list stands where only list items may.
function nameSearch(select) {
  const field = select.parentElement.querySelector(".select2-search__field");
  if (field && select.labels.length) field.setAttribute("aria-label", select.labels[0].textContent.trim());
  return field;
}
for (const select of document.querySelectorAll("select.admin-autocomplete[multiple]")) {
  select.dataset.allowClear = "false";
  // jQuery may get ready before or after the page has loaded.
  const watch = new MutationObserver(() => { if (nameSearch(select)) watch.disconnect(); });
  watch.observe(select.parentElement, { childList: true, subtree: true });
}

// Django's two-box chooser names icons that have no role.
addEventListener("load", () => {
  for (const icon of document.querySelectorAll(".selector .help-tooltip[aria-label]")) icon.setAttribute("role", "img");
});
