// Leaves empty fields out of the address, which the server would else do by a redirect.
for (const form of document.querySelectorAll(".rc-questions")) {
  form.addEventListener("submit", () => {
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
  });
  addEventListener("pageshow", () => { for (const field of form.elements) field.disabled = false; });
}

// The box to save a report closes by a click elsewhere or by Escape.
addEventListener("click", (event) => {
  for (const box of document.querySelectorAll(".rc-savebox[open]")) if (!box.contains(event.target)) box.open = false;
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const box of document.querySelectorAll(".rc-savebox[open]")) box.open = false;
});
