// The interactive parts of a report: sortable tables, and charts drawn by plotly. Without this script the page still has
// every figure. Texts of the record reach the page as text only: textContent, and escaped where plotly reads markup.
"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const coarse = matchMedia("(pointer: coarse)").matches;
  const SYMBOLS = { tflite: "circle", keras: "square" };
  const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999"];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const safe = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const short = (text, most = 26) => (text.length <= most ? text : `${text.slice(0, most / 2 - 1)}…${text.slice(1 - most / 2)}`);

  function told(value, unit) {
    if (value === null || value === undefined) return "not measured";
    if (unit === "s") {
      const [factor, name] = value >= 1 ? [1, "s"] : value >= 1e-3 ? [1e3, "ms"] : [1e6, "µs"];
      return `${(value * factor).toPrecision(3)} ${name}`;
    }
    const text = Number.isInteger(value) ? value.toLocaleString("en") : value.toPrecision(4);
    return unit ? `${text} ${unit}` : text;
  }

  // --- tables ---

  function sortable(table) {
    table.querySelectorAll("thead th").forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("number");
        const before = head.getAttribute("aria-sort");
        const down = before ? before === "ascending" : false;
        table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows];
        const key = (row) => row.cells[column].dataset.sort;
        rows.sort((one, other) => {
          const [a, b] = [key(one), key(other)];
          if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
          const order = numeric ? Number(a) - Number(b) : a.localeCompare(b);
          return down ? -order : order;
        });
        table.tBodies[0].append(...rows);
      });
    });
  }

  // --- charts ---

  function layout(more) {
    const axis = { gridcolor: colour("--grid"), zerolinecolor: colour("--line"), linecolor: colour("--line"), automargin: true };
    const { xaxis = {}, yaxis = {}, ...rest } = more;
    return {
      paper_bgcolor: colour("--back"),
      plot_bgcolor: colour("--back"),
      font: { color: colour("--text"), family: "system-ui, sans-serif", size: 13 },
      margin: { l: 60, r: 16, t: 16, b: 56 },
      dragmode: coarse ? false : "zoom",
      hoverlabel: { align: "left" },
      showlegend: false,
      xaxis: { ...axis, ...xaxis },
      yaxis: { ...axis, ...yaxis },
      ...rest,
    };
  }

  function draw(plot, traces, more) {
    plot.hidden = false;
    return Plotly.react(plot, traces, layout(more), { displayModeBar: false, responsive: true });
  }

  function choice(controls, label, options, chosen, changed) {
    const outer = document.createElement("label");
    const select = document.createElement("select");
    options.forEach(([value, text]) => {
      const option = document.createElement("option");
      option.value = value;
      option.textContent = text;
      option.selected = value === chosen;
      select.append(option);
    });
    select.addEventListener("change", changed);
    outer.append(label, select);
    controls.append(outer);
    return select;
  }

  function front(figure, data) {
    const [controls, plot] = [figure.querySelector(".controls"), figure.querySelector(".plot")];
    const axes = Object.fromEntries(data.axes.map((axis) => [axis.key, axis]));
    const options = data.axes.map((axis) => [axis.key, axis.label]);
    const redraw = () => paint();
    const x = choice(controls, "across", options, data.x, redraw);
    const y = choice(controls, "up", options, data.y, redraw);
    const third = choice(controls, "colour", [["", "the front"], ...options], "", redraw);

    const cost = (point, key) => point.values[key] * (axes[key].better === "lower" ? 1 : -1);
    const beaten = (point, points) =>
      points.some((other) => {
        const [a, b] = [x.value, y.value].map((key) => cost(other, key) - cost(point, key));
        return a <= 0 && b <= 0 && (a < 0 || b < 0);
      });
    const scale = (key, points) => {
      const log = axes[key].log && points.every((point) => point.values[key] > 0);
      const unit = axes[key].unit ? ` (${axes[key].unit})` : "";
      return { type: log ? "log" : "linear", title: { text: safe(`${axes[key].label}${unit}, ${axes[key].better} is better`), standoff: 8 } };
    };
    const bars = (key, points) => {
      if (!points.some((point) => point.low[key] !== undefined && point.low[key] !== null)) return { visible: false };
      const end = (side, sign) => points.map((point) => (point[side][key] == null ? 0 : sign * (point[side][key] - point.values[key])));
      return { type: "data", symmetric: false, array: end("high", 1), arrayminus: end("low", -1), thickness: 1.2, width: 4 };
    };
    const hover = (point) =>
      [`<b>${safe(point.name)}</b>`]
        .concat(
          data.axes.map((axis) => {
            const [low, high] = [point.low[axis.key], point.high[axis.key]];
            const interval = low == null || high == null ? "" : ` (${told(low, axis.unit)} to ${told(high, axis.unit)})`;
            return safe(`${axis.label}: ${told(point.values[axis.key], axis.unit)}${interval}`);
          }),
        )
        .join("<br>");

    function paint() {
      const known = data.points.filter((point) => point.values[x.value] != null && point.values[y.value] != null);
      const on = known.filter((point) => !beaten(point, known));
      const off = known.filter((point) => !on.includes(point));
      const many = known.length > 24;
      const trace = (points, marker, more) => ({
        type: "scatter",
        mode: many && more.grey ? "markers" : "markers+text",
        x: points.map((point) => point.values[x.value]),
        y: points.map((point) => point.values[y.value]),
        text: points.map((point) => safe(short(point.name))),
        textposition: points.map((_, i) => ["top center", "bottom center"][i % 2]),
        textfont: { size: 11, color: more.grey ? colour("--soft") : colour("--text") },
        hovertext: points.map(hover),
        hoverinfo: "text",
        error_x: { ...bars(x.value, points), color: more.bar },
        error_y: { ...bars(y.value, points), color: more.bar },
        cliponaxis: false,
        marker: { size: 11, symbol: points.map((point) => SYMBOLS[point.kind] || "diamond"), ...marker },
      });
      const shade = third.value
        ? {
            color: on.map((point) => point.values[third.value]),
            colorscale: "Cividis",
            showscale: true,
            colorbar: { title: { text: safe(short(axes[third.value].label, 40)), side: "right" }, thickness: 12 },
            line: { color: colour("--text"), width: 1 },
          }
        : { color: colour("--accent") };
      const steps = [...on].sort((one, other) => one.values[x.value] - other.values[x.value]);
      const line = {
        type: "scatter",
        mode: "lines",
        hoverinfo: "skip",
        x: steps.map((point) => point.values[x.value]),
        y: steps.map((point) => point.values[y.value]),
        line: { color: colour("--accent"), width: 1.5, dash: "dot", shape: axes[x.value].better === "lower" ? "hv" : "vh" },
      };
      draw(
        plot,
        [
          line,
          trace(off, { color: colour("--back"), line: { color: colour("--grey"), width: 2 } }, { grey: true, bar: colour("--grey") }),
          trace(on, shade, { grey: false, bar: colour("--accent") }),
        ],
        { xaxis: scale(x.value, known), yaxis: scale(y.value, known), hovermode: "closest" },
      );
    }
    return paint;
  }

  const rowsHeight = (rows) => Math.max(240, 90 + 26 * rows);
  // a category is its text: two names that are shortened alike must not become one
  const labels = (list) => {
    const seen = new Map();
    return list.map((name) => {
      const text = short(name);
      const times = (seen.get(text) || 0) + 1;
      seen.set(text, times);
      return safe(times > 1 ? `${text} (${times})` : text);
    });
  };
  const names = (rows) => labels(rows.map((row) => row.name));
  const upwards = { autorange: "reversed", type: "category" };

  function boxes(figure, data) {
    const [controls, plot] = [figure.querySelector(".controls"), figure.querySelector(".plot")];
    const groups = data.groups.map((group, i) => [String(i), group.label]);
    const chosen = choice(controls, "benchmark", groups, "0", () => paint());
    function paint() {
      const rows = data.groups[Number(chosen.value)].rows;
      const end = (i) => rows.map((row) => row.ends[i]);
      const box = {
        type: "box",
        orientation: "h",
        y: names(rows),
        lowerfence: end(0),
        q1: end(1),
        median: end(2),
        q3: end(3),
        upperfence: end(4),
        line: { color: colour("--accent"), width: 1.5 },
        fillcolor: "rgba(0,114,178,.25)",
        hoverinfo: "skip",
      };
      const point = {
        type: "scatter",
        mode: "markers",
        x: end(2),
        y: names(rows),
        marker: { size: 12, opacity: 0 },
        hoverinfo: "text",
        hovertext: rows.map((row) => `<b>${safe(row.name)}</b><br>` + ["5 %", "25 %", "median", "75 %", "95 %"].map((name, i) => `${name}: ${told(row.ends[i], "s")}`).join("<br>")),
      };
      draw(plot, [box, point], { height: rowsHeight(rows.length), xaxis: { type: "log", title: { text: "seconds a call" } }, yaxis: upwards });
    }
    return paint;
  }

  function dots(figure, data) {
    const plot = figure.querySelector(".plot");
    return () => {
      const rows = data.rows;
      const end = (side, sign) => rows.map((row) => (row[side] == null ? 0 : sign * (row[side] - row.value)));
      const trace = {
        type: "scatter",
        mode: "markers",
        x: rows.map((row) => row.value),
        y: names(rows),
        error_x: { type: "data", symmetric: false, array: end("high", 1), arrayminus: end("low", -1), color: colour("--accent"), thickness: 1.5 },
        marker: { size: 9, color: colour("--accent") },
        hoverinfo: "text",
        hovertext: rows.map((row) => `<b>${safe(row.name)}</b><br>${told(row.value)}${row.low == null ? "" : ` (${told(row.low)} to ${told(row.high)})`}`),
      };
      draw(plot, [trace], { height: rowsHeight(rows.length), xaxis: { title: { text: safe(data.label) } }, yaxis: upwards });
    };
  }

  function bars(figure, data) {
    const plot = figure.querySelector(".plot");
    return () => {
      const traces = data.kinds.map((kind, i) => ({
        type: "bar",
        orientation: "h",
        name: safe(kind),
        y: names(data.rows),
        x: data.rows.map((row) => row.bytes[i]),
        marker: { color: COLOURS[i % COLOURS.length], line: { color: colour("--back"), width: 1 }, pattern: { shape: ["", "/", "x", ".", "-", "+", "|", "\\"][i % 8], fgcolor: "#000", fgopacity: 0.5 } },
        hovertext: data.rows.map((row) => `<b>${safe(row.name)}</b><br>${safe(kind)}: ${told(row.bytes[i], "bytes")}`),
        hoverinfo: "text",
      }));
      draw(plot, traces, { barmode: "stack", height: rowsHeight(data.rows.length), showlegend: true, legend: { orientation: "h", y: -0.2 }, xaxis: { title: { text: "bytes" } }, yaxis: upwards });
    };
  }

  function heat(plot, z, across, down, text, more) {
    const trace = { type: "heatmap", z, x: across, y: down, colorscale: "Cividis", text, hoverinfo: "text", hoverongaps: false, ...more };
    draw(plot, [trace], { height: rowsHeight(down.length), xaxis: { type: "category", tickangle: -40 }, yaxis: upwards });
  }

  function grid(figure, data) {
    const plot = figure.querySelector(".plot");
    return () => {
      const [across, down] = [labels(data.layers), labels(data.names)];
      const text = data.zeros.map((row, i) => row.map((share, k) => `<b>${safe(data.names[i])}</b><br>${safe(data.layers[k])}: ${share == null ? "no such layer" : `${(100 * share).toFixed(1)} % zeros`}`));
      heat(plot, data.zeros, across, down, text, { zmin: 0, zmax: 1, colorbar: { thickness: 12, title: { text: "zeros" } } });
    };
  }

  function confusion(figure, data) {
    const plot = figure.querySelector(".plot");
    return () => {
      const wrong = data.counts.map((row, i) => row.map((count, k) => (i === k ? null : count)));
      const text = data.counts.map((row, i) => row.map((count, k) => `label ${safe(data.labels[i])} taken for ${safe(data.labels[k])}: ${count}`));
      heat(plot, wrong, data.labels.map(safe), data.labels.map(safe), text, { colorbar: { thickness: 12, title: { text: "samples" } } });
    };
  }

  function series(figure, data) {
    const [controls, plot] = [figure.querySelector(".controls"), figure.querySelector(".plot")];
    const options = data.series.map((one, i) => [String(i), one.label]);
    const chosen = choice(controls, "series", options, "0", () => paint());
    function paint() {
      const one = data.series[Number(chosen.value)];
      const changed = new Set(one.changes);
      const trace = {
        type: "scatter",
        mode: "lines+markers",
        x: one.made,
        y: one.values,
        line: { color: colour("--accent") },
        marker: { size: one.values.map((_, i) => (changed.has(i) ? 14 : 7)), symbol: one.values.map((_, i) => (changed.has(i) ? "diamond" : "circle")) },
      };
      draw(plot, [trace], { xaxis: { type: "date" }, yaxis: { title: { text: safe(short(one.label, 60)) } } });
    }
    return paint;
  }

  const FORMS = { front, boxes, dots, bars, grid, confusion, series };

  document.querySelectorAll("table").forEach(sortable);
  const painters = [];
  document.querySelectorAll("[data-chart]").forEach((figure) => {
    const data = charts[figure.dataset.chart];
    const paint = FORMS[data.form](figure, data);
    const folded = figure.querySelector(".instead");
    painters.push(paint);
    // drawn when it comes near: a page of many charts opens at once
    const seen = new IntersectionObserver((found) => {
      if (!found.some((one) => one.isIntersecting)) return;
      seen.disconnect();
      paint();
      figure.dataset.drawn = "yes";
      if (folded) folded.hidden = true; // only now: a chart that cannot be drawn leaves the picture
    }, { rootMargin: "600px" });
    seen.observe(figure);
    paint.figure = figure;
  });
  const again = () => painters.forEach((paint) => paint.figure.dataset.drawn && paint());
  dark.addEventListener("change", again);
})();
