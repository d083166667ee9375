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

  // --- axes ---

  // broken into lines of so many characters: plotly breaks no title, and a phone is narrow
  function wrapped(text, most) {
    const lines = [""];
    text.split(" ").forEach((word) => {
      const longer = `${lines[lines.length - 1]} ${word}`.trim();
      if (longer.length <= most || !lines[lines.length - 1]) lines[lines.length - 1] = longer;
      else lines.push(word);
    });
    return lines.map(safe).join("<br>");
  }

  // `beside`: what stands left of the plot
  function across(plot, text, beside = []) {
    const taken = 40 + 7 * Math.max(10, ...beside.map((label) => label.length));
    return { text: wrapped(text, Math.max(16, (plot.parentElement.clientWidth - taken) / 7.5)), standoff: 8 };
  }

  const up = (text, height = 260) => ({ text: wrapped(text, height / 7.5), standoff: 8 });
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

  function ticked(value, unit) {
    if (unit !== "s" || !value) return compact.format(value);
    const [number, name] = told(value, "s").split(" ");
    return `${Number(number)} ${name}`;
  }

  // plotly writes the 7 of 7,000 as "7": each tick says its whole figure here
  function logarithmic(values, unit) {
    const known = values.filter((value) => value > 0);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    if (!known.length || low === high) return { type: "log" };
    const decades = Math.log10(high / low);
    let ticks = [];
    if (decades < 0.7) {
      const power = 10 ** Math.floor(Math.log10((high - low) / 4));
      const step = power * [1, 2, 5, 10].find((factor) => factor * power >= (high - low) / 4);
      for (let i = Math.floor(low / step); i * step <= high + step; i += 1) ticks.push(i * step);
    } else {
      const steps = decades < 2.3 ? [1, 2, 5] : [1];
      const every = Math.max(1, Math.ceil(decades / (innerWidth < 600 ? 3 : 6)));
      for (let e = Math.floor(Math.log10(low)) - 1; e <= Math.ceil(Math.log10(high)); e += every) ticks.push(...steps.map((one) => one * 10 ** e));
    }
    ticks = ticks.filter((tick) => tick > 0);
    return { type: "log", tickmode: "array", tickvals: ticks, ticktext: ticks.map((tick) => ticked(tick, unit)) };
  }

  function linear(high, unit) {
    const power = 10 ** Math.floor(Math.log10(high / 4));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= high / 4);
    const ticks = [0, 1, 2, 3, 4, 5, 6].map((i) => i * step);
    return high > 0 ? { tickmode: "array", tickvals: ticks, ticktext: ticks.map((tick) => ticked(tick, unit)) } : {};
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
    const scale = (key, points, title) => {
      const log = axes[key].log && points.every((point) => point.values[key] > 0);
      const unit = axes[key].unit && axes[key].unit !== "s" ? ` (${axes[key].unit})` : "";
      const kind = log ? logarithmic(points.map((point) => point.values[key]), axes[key].unit) : { type: "linear" };
      return { ...kind, title: title(`${axes[key].label}${unit}, ${axes[key].better} is better`) };
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
      const trace = (points, marker, more) => ({
        type: "scatter",
        mode: "markers+text",
        x: points.map((point) => point.values[x.value]),
        y: points.map((point) => point.values[y.value]),
        text: points.map(() => ""),
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
        { xaxis: scale(x.value, known, (text) => across(plot, text)), yaxis: scale(y.value, known, (text) => up(text)), hovermode: "closest" },
      ).then(() => name(plot, [[2, on], [1, off]], x.value, y.value));
    }
    return paint;
  }

  // Names where there is room for them: those of the front first. A name without room is shown on hover.
  const PLACES = {
    "top center": (w) => [-w / 2, -22, w / 2, -8],
    "bottom center": (w) => [-w / 2, 8, w / 2, 22],
    "middle right": (w) => [9, -7, 9 + w, 7],
    "middle left": (w) => [-9 - w, -7, -9, 7],
    "top right": (w) => [6, -22, 6 + w, -8],
    "bottom right": (w) => [6, 8, 6 + w, 22],
    "top left": (w) => [-6 - w, -22, -6, -8],
    "bottom left": (w) => [-6 - w, 8, -6, 22],
  };

  function name(plot, groups, x, y) {
    const { xaxis, yaxis } = plot._fullLayout;
    const at = (point) => [xaxis.d2p(point.values[x]), yaxis.d2p(point.values[y])];
    const taken = groups.flatMap(([, points]) => points.map(at)).map(([a, b]) => [a - 6, b - 6, a + 6, b + 6]);
    const free = ([a, b, c, d]) => a >= 0 && b >= 0 && c <= xaxis._length && d <= yaxis._length && taken.every((box) => c <= box[0] || a >= box[2] || d <= box[1] || b >= box[3]);
    const found = groups.map(([, points]) =>
      points.map((point) => {
        const [a, b] = at(point);
        const text = short(point.name);
        for (const [place, box] of Object.entries(PLACES)) {
          const own = box(6.6 * text.length).map((end, i) => end + (i % 2 ? b : a));
          if (free(own)) {
            taken.push(own);
            return [safe(text), place];
          }
        }
        return ["", "top center"];
      }),
    );
    const change = { text: found.map((names) => names.map((one) => one[0])), textposition: found.map((names) => names.map((one) => one[1])) };
    return Plotly.restyle(plot, change, groups.map(([trace]) => trace));
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
      draw(plot, [box, point], {
        height: rowsHeight(rows.length),
        xaxis: { ...logarithmic(rows.flatMap((row) => row.ends), "s"), title: across(plot, "time of a call", names(rows)) },
        yaxis: upwards,
      });
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
      draw(plot, [trace], { height: rowsHeight(rows.length), xaxis: { title: across(plot, data.label, names(rows)) }, yaxis: upwards });
    };
  }

  function bars(figure, data) {
    const [controls, plot] = [figure.querySelector(".controls"), figure.querySelector(".plot")];
    const forms = [["whole", data.label], ["share", `share of the ${data.of}`]];
    const chosen = choice(controls, "bars", forms, "whole", () => paint()); // one long bar hides the others
    const sums = data.rows.map((row) => row.parts.reduce((sum, part) => sum + part, 0));
    function paint() {
      const share = chosen.value === "share";
      const traces = data.kinds.map((kind, i) => ({
        type: "bar",
        orientation: "h",
        name: safe(short(kind)),
        y: names(data.rows),
        x: data.rows.map((row, k) => (share ? row.parts[i] / (sums[k] || 1) : row.parts[i])),
        marker: {
          color: COLOURS[i % COLOURS.length],
          line: { color: colour("--back"), width: 1 },
          pattern: { shape: ["", "/", "x", ".", "-", "+", "|", "\\"][i % 8], fillmode: "overlay", fgcolor: "#000", fgopacity: 0.6, size: 7 },
        },
        hovertext: data.rows.map((row, k) => `<b>${safe(row.name)}</b><br>${safe(kind)}: ${told(row.parts[i], data.unit)}, ${((100 * row.parts[i]) / (sums[k] || 1)).toFixed(1)} %`),
        hoverinfo: "text",
      }));
      const axis = share ? { tickformat: ".0%", range: [0, 1] } : linear(Math.max(...sums), data.unit);
      const title = across(plot, forms.find(([form]) => form === chosen.value)[1], names(data.rows));
      const legend = { orientation: "h", y: 1, yanchor: "bottom", traceorder: "normal" };
      const lines = figure.clientWidth < 600 ? data.kinds.length : Math.ceil(data.kinds.length / 4);
      draw(plot, traces, { barmode: "stack", height: rowsHeight(data.rows.length) + 20 * lines, showlegend: true, legend, xaxis: { autorange: !share, ...axis, title }, yaxis: upwards });
    }
    return paint;
  }

  function heat(plot, z, across, down, text, more) {
    const trace = { type: "heatmap", z, x: across, y: down, colorscale: "Cividis", text, hoverinfo: "text", hoverongaps: false, ...more };
    const below = 6.5 * Math.max(...across.map((label) => label.length)); // many labels stand upright
    draw(plot, [trace], { height: rowsHeight(down.length) + below, xaxis: { type: "category", showgrid: false }, yaxis: { ...upwards, showgrid: false } });
  }

  function grid(figure, data) {
    const [controls, plot] = [figure.querySelector(".controls"), figure.querySelector(".plot")];
    const chosen = choice(controls, "of each layer", [["zeros", "share of zeros"], ["distinct", "distinct values"]], "zeros", () => paint());
    const told = { zeros: (share) => `${(100 * share).toFixed(1)} % zeros`, distinct: (count) => `${count.toLocaleString("en")} distinct values` };
    function paint() {
      const values = data[chosen.value];
      const text = values.map((row, i) =>
        row.map((value, k) => `<b>${safe(data.names[i])}</b><br>${safe(data.layers[k])}: ${value == null ? "no such layer" : told[chosen.value](value)}`),
      );
      const zeros = chosen.value === "zeros";
      // few values and many lie far apart: their colours follow the logarithm
      const z = zeros ? values : values.map((row) => row.map((count) => (count > 0 ? Math.log2(count) : null)));
      const most = Math.ceil(Math.max(1, ...z.flat().filter((bits) => bits != null)));
      const bits = [...Array(most + 1).keys()].filter((bit) => bit % Math.ceil(most / 8) === 0);
      const bar = zeros ? { title: { text: "zeros" } } : { title: { text: "values" }, tickvals: bits, ticktext: bits.map((bit) => (2 ** bit).toLocaleString("en")) };
      heat(plot, z, labels(data.layers), labels(data.names), text, { zmin: 0, zmax: zeros ? 1 : most, colorbar: { thickness: 12, ...bar } });
    }
    return paint;
  }

  function confusion(figure, data) {
    const plot = figure.querySelector(".plot");
    plot.style.maxWidth = "44rem"; // about square
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
      draw(plot, [trace], { xaxis: { type: "date" }, yaxis: { title: up(one.label) } });
    }
    return paint;
  }

  // each row is a line through all axes; an axis of texts has one tick for each
  function parallel(figure, data) {
    const plot = figure.querySelector(".plot");
    return () => {
      const dimensions = data.axes.map((axis) => {
        const label = safe(short(axis.label.replace(/^.*\./, ""), 18));
        if (axis.values.every((value) => typeof value === "number")) return { label, values: axis.values };
        const kinds = [...new Set(axis.values)].sort((a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b))));
        return { label, values: axis.values.map((value) => kinds.indexOf(value)), tickvals: kinds.map((_, i) => i), ticktext: kinds.map((kind) => safe(short(String(kind), 14))) };
      });
      const line = { color: data.axes[data.colour].values, colorscale: "Viridis", showscale: true, colorbar: { thickness: 12, title: { text: safe(data.axes[data.colour].label) } } };
      draw(plot, [{ type: "parcoords", dimensions, line, labelangle: -20 }], { height: 420, margin: { l: 70, r: 30, t: 90, b: 30 } });
    };
  }

  const FORMS = { front, boxes, dots, bars, grid, confusion, series, parallel };

  const rows = (data) => (data.rows || (data.groups && data.groups[0].rows) || data.labels || data.names || []).length;

  document.querySelectorAll("table").forEach(sortable);
  const drawings = [];
  document.querySelectorAll("[data-chart]").forEach((figure) => {
    const data = charts[figure.dataset.chart];
    const paint = FORMS[data.form](figure, data);
    const [plot, instead] = [figure.querySelector(".plot"), figure.querySelector(".instead")];
    if (!instead) {
      plot.style.minHeight = `${rowsHeight(rows(data))}px`; // room from the start: what lies below stays where it is
      plot.hidden = false;
    }
    drawings.push({
      figure,
      paint: () => {
        paint();
        figure.dataset.drawn = "yes";
        if (instead) instead.hidden = true; // only now: a chart that cannot be drawn leaves the picture
      },
    });
  });
  // drawn when it comes near: a page of many charts opens at once
  const seen = new IntersectionObserver((found) => {
    found.filter((one) => one.isIntersecting).forEach((one) => {
      seen.unobserve(one.target);
      drawings.find(({ figure }) => figure === one.target).paint();
    });
  }, { rootMargin: "600px" });
  drawings.forEach(({ figure }) => seen.observe(figure));
  const again = (all) => drawings.filter(({ figure }) => all || figure.dataset.drawn).forEach(({ paint }) => paint());
  dark.addEventListener("change", () => again(false));
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) again(false); // a phone's bars change the height alone
    width = innerWidth;
  });
  for (const [event, printing] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(event, () => {
      document.documentElement.classList.toggle("printing", printing);
      again(printing);
    });
  }
})();
