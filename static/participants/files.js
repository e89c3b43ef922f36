// Looks again while spreadsheets are being made, and less often while nobody looks.
const PATIENCE = 3000;
const look = () => {
  if (!document.hidden) { location.reload(); return; }
  document.addEventListener("visibilitychange", look, { once: true });
};
if (document.querySelector("#files[data-moving]")) setTimeout(look, PATIENCE);
