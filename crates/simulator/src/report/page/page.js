// SPDX-License-Identifier: Apache-2.0
// Draws the three plots from the data of the page, in the colours of the page.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const policies = data.policies;
  const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const ofPolicy = index => colour("--p" + (index % 8));
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const trim = value => String(Number(value.toPrecision(3)));
  const span = s =>
    s === 0 ? "0" : s < 0.1 ? trim(s * 1000) + " ms" : s < 120 ? trim(s) + " s"
      : s < 7200 ? trim(s / 60) + " min" : s < 172800 ? trim(s / 3600) + " h" : trim(s / 86400) + " d";
  const percent = share => trim(share * 100) + " %";
  const blank = text => (_, value) => (value == null ? "–" : text(value));

  const axis = (label, values, more) => ({
    label, labelSize: 22, labelFont: "13px system-ui, sans-serif", font: "12px system-ui, sans-serif",
    stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 },
    values: (_, splits) => splits.map(value => (value == null ? "" : values(value))), ...more,
  });
  const size = (place, ratio) => {
    const width = Math.max(280, place.clientWidth);
    return { width, height: Math.round(Math.min(420, Math.max(260, width * ratio))) };
  };

  // Steps in a time's own units, so that an axis reads 0, 10 min, 20 min.
  const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800,
    432000, 864000, 1728000, 4320000, 8640000];

  // Cost across, waiting upward: each policy is one named point.
  const frontier = place => {
    const points = policies.map((policy, index) => ({ policy, index, x: policy.cost ?? policy.replicaSeconds / 3600 }));
    points.sort((a, b) => a.x - b.x);
    const xs = points.map(point => point.x);
    const least = Math.min(...policies.map(one => one.waitingShare).filter(share => share > 0), 0.01) / 3;
    const floor = Math.max(1e-6, Math.pow(10, Math.floor(Math.log10(least))));
    const series = points.map(point => ({
      label: point.policy.policy, scale: "y", stroke: ofPolicy(point.index), paths: () => null,
      points: { show: true, size: 11, fill: ofPolicy(point.index), stroke: colour("--paper"), width: 2 },
    }));
    const rows = points.map((point, at) => xs.map((_, x) => (x === at ? Math.max(floor, point.policy.waitingShare) : null)));
    const names = plot => {
      const { ctx } = plot;
      const ratio = devicePixelRatio;
      ctx.save();
      ctx.font = `${13 * ratio}px system-ui, sans-serif`;
      ctx.textBaseline = "middle";
      ctx.textAlign = "left";
      const placed = [];
      points.forEach((point, at) => {
        const x = plot.valToPos(point.x, "x", true);
        const y = plot.valToPos(rows[at][at], "y", true);
        const width = ctx.measureText(point.policy.policy).width;
        const right = x + 12 * ratio + width < plot.bbox.left + plot.bbox.width;
        let top = y;
        const left = right ? x + 11 * ratio : x - 11 * ratio - width;
        // Names that would lie on each other move up.
        while (placed.some(other => Math.abs(other.top - top) < 15 * ratio && left < other.right && other.left < left + width)) {
          top -= 15 * ratio;
        }
        placed.push({ top, left, right: left + width });
        ctx.fillStyle = ofPolicy(point.index);
        ctx.fillText(point.policy.policy, left, top);
      });
      ctx.restore();
    };
    const most = Math.max(...xs);
    return new uPlot({
      ...size(place, 0.55), legend: { show: false }, cursor: { show: false },
      scales: {
        x: { time: false, range: [Math.min(...xs, most * 0.9) * 0.92, most * 1.06] },
        y: { distr: 3, range: [floor, 1] },
      },
      axes: [
        axis(policies.some(one => one.cost != null) ? "cost, times the clairvoyant's" : "replica-hours", trim),
        axis("requests that waited > 0.1 s", value => (value <= floor * 1.001 ? "none" : percent(value)), {
          size: 62, filter: (_, splits) => splits.map(value => (isTen(value) ? value : null)),
        }),
      ],
      series: [{}, ...series], hooks: { draw: [names] },
    }, [xs, ...rows], place);
  };
  const isTen = value => {
    const power = Math.log10(value);
    return Math.abs(power - Math.round(power)) < 1e-6;
  };

  // The load as an area, each policy's replicas as steps.
  const replicas = place => {
    const slots = data.slots ?? 1;
    const tables = [[data.demand[0], data.demand[1].map(load => load / slots)], ...policies.map(policy => policy.timeline)];
    const joined = uPlot.join(tables, tables.map(() => [0, 2]));
    // A step lasts until the next one; a join leaves gaps where another has its own times.
    for (const row of joined.slice(1)) {
      for (let at = 1; at < row.length; at++) if (row[at] == null) row[at] = row[at - 1];
    }
    const steps = uPlot.paths.stepped({ align: 1 });
    const shown = policies.map((policy, index) => index < 2 || policy.policy === "knative" || policy.policy === "clairvoyant");
    return new uPlot({
      ...size(place, 0.45), legend: { live: true }, cursor: { y: false },
      scales: { x: { time: false }, y: { range: (_, least, most) => [0, Math.max(1, most) * 1.05] } },
      axes: [axis("", span, { incrs: TIMES, space: 70, label: undefined }), axis("replicas", trim, { size: 46 })],
      series: [
        { label: "time", value: blank(span) },
        { label: "load", fill: colour("--area") + "80", stroke: colour("--area"), width: 1, paths: steps, points: { show: false },
          value: blank(trim) },
        ...policies.map((policy, index) => ({
          label: policy.policy, stroke: ofPolicy(index), width: index === 0 ? 2.5 : 1.5, paths: steps, show: shown[index],
          points: { show: false }, value: blank(trim),
        })),
      ],
    }, joined, place);
  };

  // How many waited longer.
  const waits = place => {
    const tables = policies.map(policy => {
      const points = policy.tail[0].map((seconds, at) => [seconds, policy.tail[1][at]]);
      const drawn = points.filter(([seconds, share]) => seconds > 0 && share > 0);
      return [drawn.map(([seconds]) => seconds), drawn.map(([, share]) => share)];
    });
    if (tables.every(table => table[0].length === 0)) return null;
    const joined = uPlot.join(tables);
    const shares = joined.slice(1).flat().filter(share => share > 0);
    const least = Math.pow(10, Math.floor(Math.log10(Math.min(...shares))));
    const tens = { filter: (_, splits) => splits.map(value => (isTen(value) ? value : null)) };
    return new uPlot({
      ...size(place, 0.5), legend: { live: true }, cursor: { y: false },
      scales: {
        x: { time: false, distr: 3 },
        y: { distr: 3, range: [Math.max(least, 1e-6), 1] },
      },
      axes: [axis("wait", span, { ...tens, space: 50 }), axis("requests that waited longer", percent, { ...tens, size: 62 })],
      series: [
        { label: "wait", value: blank(span) },
        ...policies.map((policy, index) => ({
          label: policy.policy, stroke: ofPolicy(index), width: index === 0 ? 2.5 : 1.5, spanGaps: true, points: { show: false },
          value: blank(percent),
        })),
      ],
    }, joined, place);
  };

  const plots = [["frontier", frontier, 0.55], ["replicas", replicas, 0.45], ["waits", waits, 0.5]];
  let drawn = [];
  const draw = () => {
    drawn.forEach(([plot]) => plot.destroy());
    drawn = [];
    for (const [name, make, ratio] of plots) {
      const place = document.getElementById(name);
      place.parentElement.hidden = false;
      const plot = make(place);
      if (plot) drawn.push([plot, place, ratio]);
      else place.parentElement.hidden = true;
    }
  };
  draw();
  dark.addEventListener("change", draw);
  addEventListener("resize", () => drawn.forEach(([plot, place, ratio]) => plot.setSize(size(place, ratio))));
})();
