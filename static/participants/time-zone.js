// Offers the time zone of this device.
const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
const field = document.querySelector("#zone");
for (const button of document.querySelectorAll("[data-own-zone]")) {
  if (!own || own === field.value || ![...document.querySelectorAll("#zones option")].some((one) => one.value === own)) continue;
  button.querySelector("span").textContent = own;
  button.hidden = false;
  button.addEventListener("click", () => { field.value = own; field.focus(); });
}
