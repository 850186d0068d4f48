// A line of the last values, kept by this page while it is open.

const SVG = "http://www.w3.org/2000/svg";
const POINTS = 60;

export class Spark {
  constructor(label) {
    this.values = [];
    this.node = document.createElementNS(SVG, "svg");
    this.node.setAttribute("class", "spark");
    this.node.setAttribute("viewBox", `0 0 ${POINTS - 1} 20`);
    this.node.setAttribute("preserveAspectRatio", "none");
    this.node.setAttribute("role", "img");
    this.node.setAttribute("aria-label", label);
    this.line = document.createElementNS(SVG, "path");
    this.node.append(this.line);
  }

  add(value) {
    if (typeof value !== "number" || !Number.isFinite(value)) return;
    this.values.push(value);
    if (this.values.length > POINTS) this.values.shift();
    this.draw();
  }

  draw() {
    const low = Math.min(...this.values);
    const range = Math.max(...this.values) - low;
    const from = POINTS - this.values.length;
    const y = (value) => (range === 0 ? 18 : 18 - ((value - low) / range) * 16).toFixed(1);
    const points = this.values.map((value, at) => `${from + at},${y(value)}`);
    // A line that does not change says nothing that the number does not.
    this.node.classList.toggle("flat", range === 0);
    this.line.setAttribute("d", points.length > 1 ? `M${points.join("L")}` : "");
  }
}
