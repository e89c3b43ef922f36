// Draws charts from the tables beside them, so that both say the same. Without uPlot the tables are opened instead.
const LIBRARY = new URL("../vendor/uplot/uPlot.esm.js", import.meta.url);
const HEIGHT = 230;

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const number = (cell) => Number.parseFloat(cell.textContent.replace(/[^\d.-]/g, "")) || 0;
const rowsOf = (table) => [...table.tBodies[0].rows];

function axis(more = {}) {
  return { stroke: css("--rc-muted"), grid: { stroke: css("--rc-line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif", ...more };
}

const whole = (plot, splits) => splits.map((value) => (Number.isInteger(value) ? value : ""));

const KINDS = {
  curve(uPlot, table) {
    const rows = rowsOf(table);
    const labels = rows.map((row) => row.cells[0].textContent.trim());
    const at = rows.map((row) => Number(row.cells[0].dataset.at));
    // The labels are in the reader's time zone, which the browser's own need not be.
    const write = (value) => labels[at.reduce((best, x, place) => (Math.abs(x - value) < Math.abs(at[best] - value) ? place : best), 0)];
    return {
      data: [at, rows.map((row) => number(row.cells[1]))],
      options: {
        scales: { x: { time: true }, y: { range: (u, low, high) => [0, Math.max(2, Math.ceil(high * 1.15))] } },
        axes: [axis({ values: (u, splits) => splits.map(write), space: 70, size: 30 }), axis({ values: whole, size: 40 })],
        series: [
          { label: "At", value: (u, value) => (value == null ? "–" : write(value)) },
          { label: "Present", stroke: css("--rc-accent"), width: 2, fill: css("--rc-accent-soft"), paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } },
        ],
      },
    };
  },
  weeks(uPlot, table) {
    const rows = rowsOf(table);
    const labels = rows.map((row) => row.cells[0].textContent.trim());
    const places = rows.map((row, place) => place);
    const bars = (size) => uPlot.paths.bars({ size: [size, 64], radius: 0.15 });
    return {
      data: [places, rows.map((row) => number(row.cells[1])), rows.map((row) => number(row.cells[2]))],
      options: {
        scales: { x: { time: false, range: [-0.6, rows.length - 0.4] }, y: { range: (u, low, high) => [0, Math.max(2, Math.ceil(high * 1.1))] } },
        axes: [axis({ splits: () => places, values: () => labels, grid: { show: false }, size: 30 }), axis({ values: whole, size: 44 })],
        series: [
          { label: "Week of", value: (u, value) => labels[value] ?? "–" },
          { label: "Expected", fill: css("--rc-sunken"), stroke: css("--rc-line-strong"), width: 1, paths: bars(0.62), points: { show: false } },
          { label: "Came", fill: css("--rc-accent"), stroke: css("--rc-accent"), width: 0, paths: bars(0.62), points: { show: false } },
        ],
      },
    };
  },
};

function draw(uPlot, box) {
  const { data, options } = KINDS[box.dataset.chart](uPlot, document.getElementById(box.dataset.table));
  box.replaceChildren();
  box.classList.add("rc-drawn");
  return new uPlot({ width: box.clientWidth, height: HEIGHT, padding: [8, 12, 0, 0], cursor: { y: false, drag: { x: false, y: false } }, ...options }, data, box);
}

async function start() {
  const boxes = [...document.querySelectorAll("[data-chart]")];
  if (!boxes.length) return;
  try {
    const { default: uPlot } = await import(LIBRARY);
    const plots = boxes.map((box) => draw(uPlot, box));
    addEventListener("resize", () => boxes.forEach((box, place) => plots[place].setSize({ width: box.clientWidth, height: HEIGHT })));
    const repaint = () => boxes.forEach((box, place) => { plots[place].destroy(); plots[place] = draw(uPlot, box); });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
    matchMedia("print").addEventListener("change", repaint); // paper is white and of another width
    new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
    document.documentElement.dataset.charts = "drawn";
  } catch {
    for (const box of boxes) box.parentElement.querySelector(".rc-numbers").open = true;
    document.documentElement.dataset.charts = "missing";
  }
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
start();
