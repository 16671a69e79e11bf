"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const make = (tag, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  root.classList.add("js");

  // ---- figures, as loadctl writes them elsewhere

  const digits = (value, least, most = least) =>
    value.toLocaleString("en-US", { minimumFractionDigits: least, maximumFractionDigits: most });
  const milliseconds = (ms) =>
    ms < 5 ? `${digits(ms, 0, 2)} ms` : ms < 100 ? `${digits(ms, 0, 1)} ms` : ms < 1000 ? `${digits(ms, 0)} ms`
      : `${digits(ms / 1000, 0, ms < 1e4 ? 2 : 1)} s`;
  const bytes = (n) => n < 999500 ? `${digits(n / 1e3, 0)} kB` : n < 4e8 ? `${digits(n / 1e6, 0, 1)} MB` : `${digits(n / 1e9, 0, 2)} GB`;
  const figure = (value, unit) => {
    if (value == null) return "–";
    if (unit === "ms") return milliseconds(value);
    if (unit === "bytes") return value === 0 ? "0" : bytes(value);
    if (unit === "%") return `${digits(value, 0, value < 10 ? 1 : 0)} %`;
    const number = digits(value, 0, Math.abs(value) < 10 ? 2 : Math.abs(value) < 100 ? 1 : 0);
    return unit === "/s" ? `${number}/s` : unit === "s" ? `${number} s` : number;
  };
  const clock = (t) => {
    const s = Math.floor(t), h = Math.floor(s / 3600), m = Math.floor(s / 60) % 60;
    const two = (n) => String(n).padStart(2, "0");
    return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
  };

  // ---- light and dark

  const charts = [];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  const remember = (theme) => { try { localStorage.setItem("loadctl-theme", theme); } catch { /* a page in a sandbox has no memory */ } };
  const remembered = () => { try { return localStorage.getItem("loadctl-theme"); } catch { return null; } };
  const isDark = () => (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  const probe = document.body.appendChild(make("span", { hidden: true }));
  let colours = {};
  const colour = (name) => {
    if (!(name in colours)) {
      probe.style.color = `var(--${name})`;
      colours[name] = getComputedStyle(probe).color;
    }
    return colours[name];
  };
  const recolour = () => {
    colours = {};
    button.textContent = isDark() ? "Light" : "Dark";
    for (const chart of charts) chart.redraw(false);
  };
  if (["light", "dark"].includes(remembered())) root.dataset.theme = remembered();
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember(root.dataset.theme);
    recolour();
  });
  dark.addEventListener("change", recolour);

  // ---- tables that can be sorted

  const value = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent;
  const sort = (table, column, head, numeric) => {
    const falls = head.ariaSort ? head.ariaSort === "ascending" : numeric;
    const sign = falls ? -1 : 1;
    const compare = numeric
      ? (a, b) => value(a, column) - value(b, column)
      : (a, b) => value(a, column).localeCompare(value(b, column));
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => sign * compare(a, b)));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.ariaSort = falls ? "descending" : "ascending";
  };
  for (const table of all("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if ("fixed" in head.dataset) return;
      const numeric = head.classList.contains("n");
      const press = make("button", { type: "button", textContent: head.textContent });
      press.addEventListener("click", () => sort(table, column, head, numeric));
      head.replaceChildren(press);
    });
  }

  // ---- paper shows what is folded

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    for (const fold of folded) fold.open = true;
  });
  addEventListener("afterprint", () => { for (const fold of folded) fold.open = false; });

  // ---- charts on one time axis

  const data = JSON.parse(document.getElementById("data").textContent);
  const at = document.getElementById("at");
  const showAll = document.getElementById("all");
  const length = data.bins * data.bin_s;
  const times = Array.from({ length: data.bins }, (_, i) => (i + 0.5) * data.bin_s);
  const side = data.panels.some((panel) => panel.limits.length) ? 72 : 24;
  const FAR = 4;  // a limit further above all values would flatten the curves

  const stageAt = (t) => data.spans.find(([, start, end]) => t >= start && t < end)?.[0];
  const when = (t) => [clock(t), stageAt(t)].filter(Boolean).join(", ");
  const ratio = () => devicePixelRatio || 1;
  const font = () => `${11 * ratio()}px system-ui, sans-serif`;

  const stepBelow = (v) => { const p = 10 ** Math.floor(Math.log10(v)); return [5, 2, 1].map((f) => f * p).find((x) => x <= v * 1.0001) ?? p; };
  const stepAbove = (v) => { const p = 10 ** Math.floor(Math.log10(v)); return [1, 2, 5, 10].map((f) => f * p).find((x) => x >= v * 0.9999); };
  const near = (panel, top) => panel.limits.filter(([, limit]) => panel.log || limit <= top * FAR).map(([, limit]) => limit);
  const range = (panel) => (u, low, high) => {
    const top = Math.max(high ?? 0, panel.at_least);
    const shown = near(panel, top);
    if (!panel.log) return [0, Math.max(top, ...shown) * 1.06 || 1];
    const values = [low, high, ...shown].filter((v) => v > 0);
    if (!values.length) return [0.1, 100];
    return [stepBelow(Math.min(...values)), stepAbove(Math.max(...values) * 1.05)];
  };

  const vertical = (u, t) => Math.round(u.valToPos(t, "x", true));
  const grounds = (u) => {  // what is not scored, and where stages and events are
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = colour("ground");
    for (const [, start, end, scored] of data.spans) {
      if (!scored) ctx.fillRect(vertical(u, start), bbox.top, vertical(u, end) - vertical(u, start), bbox.height);
    }
    ctx.fillStyle = colour("grid");
    for (const [, start] of data.spans) {
      if (start > 0) ctx.fillRect(vertical(u, start), bbox.top, ratio(), bbox.height);
    }
    ctx.restore();
  };
  const stageNames = (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.font = font();
    ctx.fillStyle = colour("dim");
    ctx.textAlign = "left";
    ctx.textBaseline = "bottom";
    for (const [name, start, end] of data.spans) {
      const left = Math.max(vertical(u, start), bbox.left), right = Math.min(vertical(u, end), bbox.left + bbox.width);
      if (right - left > ctx.measureText(name).width + 6) ctx.fillText(name, left + 1, bbox.top - 4);
    }
    ctx.restore();
  };
  const happened = (u, numbered) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.font = font();
    ctx.strokeStyle = ctx.fillStyle = colour("high");
    ctx.textAlign = "left";
    ctx.setLineDash([3 * ratio(), 3 * ratio()]);
    ctx.lineWidth = ratio();
    let last = -Infinity;
    for (const [number, t] of data.marks) {
      const x = vertical(u, t);
      if (x < bbox.left || x > bbox.left + bbox.width || x - last < 2) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      if (numbered && x - last > 14 * ratio()) ctx.fillText(number, x + 3, bbox.top + bbox.height - 4);
      last = x;
    }
    ctx.restore();
  };
  const limits = (panel) => (u) => {  // their names stand right of the plot, where no curve runs
    const { ctx, bbox } = u;
    const room = 12 * ratio(), right = bbox.left + bbox.width;
    const shown = panel.limits
      .filter(([, value]) => value >= u.scales.y.min && value <= u.scales.y.max)
      .map(([name, value, critical]) => ({ name, critical, y: Math.round(u.valToPos(value, "y", true)) }))
      .sort((a, b) => a.y - b.y);
    let above = -Infinity, below = bbox.top + bbox.height;
    for (const limit of shown) above = limit.label = Math.max(limit.y, above + room);
    for (const limit of [...shown].reverse()) below = (limit.label = Math.min(limit.label, below)) - room;
    ctx.save();
    ctx.font = font();
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    ctx.lineWidth = ratio();
    ctx.setLineDash([2 * ratio(), 3 * ratio()]);
    for (const { name, critical, y, label } of shown.sort((a, b) => a.critical - b.critical)) {
      ctx.strokeStyle = ctx.fillStyle = colour(critical ? "fail" : "warn");
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(right, y);
      ctx.stroke();
      ctx.fillText(name, right + 4 * ratio(), label);
    }
    ctx.restore();
  };

  const lonely = (line) => line.values.flatMap((v, i, all) => {
    const empty = (from, to) => { for (let k = from; k <= to; k++) if (all[k] != null) return false; return true; };
    return v != null && empty(i - 1 - line.bridge, i - 1) && empty(i + 1, i + 1 + line.bridge) ? [i] : [];
  });
  const series = (line) => {
    const alone = lonely(line);
    return {
      label: line.label,
      stroke: () => colour(line.tone),
      width: 1.5,
      dash: line.dashed ? [5, 4] : undefined,
      fill: line.filled ? (() => colour(line.tone).replace(/^rgb\((.*)\)$/, "rgba($1, .12)")) : undefined,
      paths: line.bars ? uPlot.paths.bars({ size: [0.8, 16] }) : undefined,
      gaps: (u, index, from, to, gaps) => {
        const room = u.valToPos(u.scales.x.min + (line.bridge + 1.5) * data.bin_s, "x", true) - u.valToPos(u.scales.x.min, "x", true);
        return gaps.filter(([start, end]) => end - start > room);
      },
      points: { show: alone.length > 0 && !line.bars, size: 4, filter: () => alone, fill: () => colour(line.tone) },
    };
  };

  const COUNTS = [1, 2, 5].flatMap((f) => [1, 10, 100, 1e3, 1e4, 1e5, 1e6].map((p) => f * p)).sort((a, b) => a - b);
  const axes = ({ unit, log, key }) => {
    const look = { stroke: () => colour("dim"), grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    return [
      { ...look, grid: { show: false }, values: (u, splits) => splits.map(clock), size: 24, space: 70,
        incrs: [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400] },
      { ...look, values: (u, splits) => splits.map((v) => figure(v, unit)), size: 64, space: 28, gap: 6,
        ...(unit === "users" || key === "logs" ? { incrs: COUNTS } : {}),
        ...(log ? { splits: (u) => steps(u.scales.y.min, u.scales.y.max), filter: (u, splits) => splits } : {}) },
    ];
  };
  const steps = (low, high) => {  // of a logarithmic axis: 1, 2 and 5 where there is room, else 1 alone
    const found = [];
    for (let p = 10 ** Math.floor(Math.log10(low)); p <= high; p *= 10) {
      for (const f of high / low <= 500 ? [1, 2, 5] : [1]) if (f * p >= low * 0.999 && f * p <= high * 1.001) found.push(f * p);
    }
    return found;
  };

  const zoomed = (u, key) => {  // one chart was zoomed: so are all
    if (key !== "x") return;
    const { min, max } = u.scales.x;
    for (const other of charts) {
      if (other !== u && (other.scales.x.min !== min || other.scales.x.max !== max)) other.setScale("x", { min, max });
    }
    showAll.disabled = min <= 0 && max >= length;
  };
  const zoomTo = (min, max) => {
    const span = Math.min(length, Math.max(max - min, 4 * data.bin_s));
    const low = Math.min(Math.max(0, min), length - span);
    for (const chart of charts) chart.setScale("x", { min: low, max: low + span });
  };
  showAll?.addEventListener("click", () => zoomTo(0, length));

  const keys = (u, say) => (event) => {
    const { min, max } = u.scales.x, span = max - min;
    const i = u.cursor.idx ?? u.valToIdx(min);
    const step = Math.max(1, Math.round(span / data.bin_s / 60)) * (event.shiftKey ? 10 : 1);
    const moves = { ArrowRight: step, ArrowLeft: -step, Home: -data.bins, End: data.bins };
    if (event.key in moves) {
      const next = Math.min(Math.max(i + moves[event.key], u.valToIdx(min)), u.valToIdx(max));
      u.setCursor({ left: u.valToPos(times[next], "x"), top: 10 }, true, true);
      at.textContent = `${when(times[next])}: ${say(next)}`;
    } else if (["+", "=", "-", "0", "Escape"].includes(event.key)) {
      const middle = u.cursor.idx == null ? min + span / 2 : times[u.cursor.idx];
      const part = event.key === "-" ? 1 : 0.25;
      if (event.key === "0" || event.key === "Escape") zoomTo(0, length);
      else zoomTo(middle - span * part, middle + span * part);
    } else return;
    event.preventDefault();
  };

  const legendOf = (panel) => {
    const legend = make("div", { className: "legend" });
    const shown = panel.lines.map((line, i) => {
      const reading = make("span", { className: "value" });
      const swatch = make("span", { className: `swatch ${line.tone}` });
      const press = make("button", { type: "button", ariaPressed: "true" }, swatch, line.label, reading);
      legend.append(press);
      return { press, reading, i };
    });
    return { legend, shown };
  };

  const HEIGHTS = { load: 140, throughput: 150, errors: 110, latency: 210, endpoints: 180, lag: 100, logs: 90, generator: 110 };
  const options = (panel, width, height, above = 8) => ({
    width, height,
    padding: [above, side, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, uni: 20 },
      points: { size: 6, fill: (u, i) => u.series[i].stroke(u, i), width: 0 },
      sync: { key: "run", scales: ["x", null], filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
    },
    scales: {
      x: { time: false, range: (u, min, max) => (min == null || max - min < data.bin_s || max >= times[times.length - 1] && min <= times[0] ? [0, length] : [min, max]) },
      y: { distr: panel.log ? 3 : 1, range: range(panel) },
    },
    axes: axes(panel),
  });

  const describe = (panel) => {
    const parts = panel.lines.map((line) => {
      const known = line.values.filter((v) => v != null);
      if (!known.length) return `${line.label}: nothing recorded`;
      const low = known.reduce((a, b) => Math.min(a, b)), high = known.reduce((a, b) => Math.max(a, b));
      return `${line.label}: ${figure(low, panel.unit)} to ${figure(high, panel.unit)}`;
    });
    return `${panel.title}. ${parts.join("; ")}. Arrow keys move the cursor.`;
  };
  const placed = (element, u, label, say) => {
    Object.assign(element, { tabIndex: 0, role: "application", ariaLabel: label, ariaRoleDescription: "chart" });
    element.addEventListener("keydown", keys(u, say));
    charts.push(u);
    new ResizeObserver(() => { if (element.clientWidth) u.setSize({ width: element.clientWidth, height: u.height }); }).observe(element);
  };

  const draw = (panel, place, first) => {
    const live = place.querySelector(".live");
    const { legend, shown } = legendOf(panel);
    place.querySelector("figcaption").append(legend);
    const say = (i) => panel.lines.map((line) => `${line.label} ${figure(line.values[i], panel.unit)}`).join(", ");
    const small = place.closest(".small") != null;
    const plot = new uPlot({
      ...options(panel, live.clientWidth, small ? 110 : HEIGHTS[panel.key] ?? 120, first ? 20 : 8),
      series: [{}, ...panel.lines.map(series)],
      hooks: {
        drawClear: [grounds],
        draw: [limits(panel), ...(first ? [stageNames] : []), (u) => happened(u, first)],
        setScale: [zoomed],
        setCursor: [(u) => {
          const i = u.cursor.idx;
          for (const { reading, i: line } of shown) reading.textContent = i == null ? "" : figure(panel.lines[line].values[i], panel.unit);
          if (first || document.activeElement !== live) at.textContent = i == null ? "" : when(times[i]);
        }],
      },
    }, [times, ...panel.lines.map((line) => line.values)], live);
    for (const { press, i } of shown) {
      press.addEventListener("click", () => {
        const show = press.ariaPressed !== "true";
        press.ariaPressed = String(show);
        plot.setSeries(i + 1, { show });
      });
    }
    placed(live, plot, describe(panel), say);
  };

  const heat = (place) => {
    const { column_s: width, edges_ms: edges, cells } = data.heat;
    const live = place.querySelector(".live");
    const counts = new Map();
    let most = 1;
    for (let k = 0; k < cells.length; k += 3) {
      counts.set(`${cells[k]} ${cells[k + 1]}`, cells[k + 2]);
      most = Math.max(most, cells[k + 2]);
    }
    const rows = Object.keys(edges).map(Number);
    const low = Math.min(...rows.map((row) => edges[row][0])), high = Math.max(...rows.map((row) => edges[row][1]));
    const paint = (u) => {
      const { ctx, bbox } = u;
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
      ctx.clip();
      ctx.fillStyle = colour("main");
      for (let k = 0; k < cells.length; k += 3) {
        const [column, row, count] = [cells[k], cells[k + 1], cells[k + 2]];
        const left = vertical(u, column * width), right = vertical(u, (column + 1) * width);
        if (right < bbox.left || left > bbox.left + bbox.width) continue;
        const top = Math.round(u.valToPos(edges[row][1], "y", true)), bottom = Math.round(u.valToPos(edges[row][0], "y", true));
        ctx.globalAlpha = Math.ceil(8 * Math.sqrt(count / most)) / 8;
        ctx.fillRect(left, top, Math.max(1, right - left), Math.max(1, bottom - top));
      }
      ctx.restore();
    };
    const reading = make("output", { className: "legend", ariaLive: "off" });
    place.querySelector("figcaption").append(reading);
    const panel = { unit: "ms", log: true, limits: [], at_least: 0 };
    const plot = new uPlot({
      ...options(panel, live.clientWidth, 210),
      scales: { ...options(panel, 0, 0).scales, y: { distr: 3, range: () => [low, high] } },
      series: [{}, { label: "", show: false }],
      hooks: {
        drawClear: [grounds],
        draw: [paint, (u) => happened(u, false)],
        setScale: [zoomed],
        setCursor: [(u) => {
          const { left, top, idx } = u.cursor;
          reading.textContent = "";
          if (idx == null || top < 0 || !live.matches(":hover")) return;
          const ms = u.posToVal(top, "y");
          const row = rows.find((r) => ms >= edges[r][0] && ms < edges[r][1]);
          const column = Math.floor(u.posToVal(left, "x") / width);
          const count = row === undefined ? 0 : counts.get(`${column} ${row}`) ?? 0;
          if (count) reading.textContent = `${clock(column * width)}: ${digits(count, 0)} × ${milliseconds(edges[row][0])} to ${milliseconds(edges[row][1])}`;
        }],
      },
    }, [times, times.map(() => null)], live);
    placed(live, plot, "Heat map of latency over time. The chart of latency tells the same in figures.", () => "");
  };

  const place = (key) => document.getElementById(`panel-${key}`);
  const begin = (panel, first) => {
    const where = place(panel.key);
    const fold = where.closest("details");
    if (!fold || fold.open) return draw(panel, where, first);
    fold.addEventListener("toggle", () => draw(panel, where, false), { once: true });
  };
  if (data.bins) {
    all(".tools").forEach((tools) => { tools.hidden = false; });
    data.panels.forEach((panel, i) => begin(panel, i === 0));
    if (place("heat")) heat(place("heat"));
  }
  recolour();
})();
