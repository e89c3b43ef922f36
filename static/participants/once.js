// A form is sent once, however slow the network: the button pressed says so until the page is left.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.hasAttribute("aria-busy")) return event.preventDefault();
    form.setAttribute("aria-busy", "true");
    const button = event.submitter ?? form.querySelector("button");
    button.setAttribute("aria-disabled", "true"); // not disabled: its own value is sent
    button.classList.add("busy");
    return undefined;
  });
}

// Back brings the page as it was left.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[aria-busy]")) {
    form.removeAttribute("aria-busy");
    for (const button of form.querySelectorAll(".busy")) {
      button.removeAttribute("aria-disabled");
      button.classList.remove("busy");
    }
  }
});
