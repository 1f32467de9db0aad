// SPDX-License-Identifier: Apache-2.0
// What was learned of how requests hinder each other: how many times as long as alone one takes, with so many in flight.
import { colour, h, number, say } from "./format.js";

const WHY = {
  noData: "No replica has reported for long enough.",
  fewData: "There is too little data yet: the target is the one that learning begins with.",
  noSpread: "There is data, but the load of a replica hardly changes, so nothing is known of how latency follows it.",
  rises: "Beyond the limit the latency is over its budget.",
  flat: "The latency keeps to its budget as far as was seen.",
  unmet: "The objective is not met even by a request that is alone.",
};

export const curve = place => {
  const sentence = h("p", { class: "note" });
  const plotted = h("div", { class: "plot" });
  const body = h("tbody");
  const table = h("details", {}, h("summary", {}, "The points as a table"), h("div", { class: "scroll" }, h("table", {},
    h("caption", { class: "unseen" }, "Points of the learned curve"),
    h("thead", {}, h("tr", {}, ["In flight in a replica", "Times as long as alone", "At worst"].map(head => h("th", { scope: "col" }, head)))), body)));
  place.append(h("h2", {}, "The learned target"), sentence, plotted, table);
  let plot = null;
  let shown = "";

  const draw = learned => {
    plot?.destroy();
    plot = null;
    const points = learned.curve;
    plotted.hidden = table.hidden = points.length === 0;
    if (!points.length) return;
    const paint = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    const limit = one => {
      const { ctx, bbox } = one;
      const x = one.valToPos(learned.target, "x", true);
      if (!(x >= bbox.left && x <= bbox.left + bbox.width)) return;
      ctx.save();
      ctx.strokeStyle = colour("--wanted");
      ctx.setLineDash([6, 4]);
      ctx.lineWidth = 2;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.fillStyle = colour("--wanted");
      ctx.font = `${12 * (devicePixelRatio || 1)}px system-ui, sans-serif`;
      ctx.fillText(` target ${number(learned.target)}`, x, bbox.top + 14 * (devicePixelRatio || 1));
      ctx.restore();
    };
    plot = new uPlot({
      width: Math.max(280, plotted.clientWidth), height: 220, legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false, distr: 3 }, y: { range: (_, __, most) => [0, Math.max(2, most * 1.1)] } },
      axes: [{ ...paint, label: "requests in flight in a replica", labelFont: paint.font, labelSize: 20, values: (_, splits) => splits.map(at => (at == null ? "" : number(at))) },
        { ...paint, size: 44, values: (_, splits) => splits.map(at => `${number(at)}×`) }],
      series: [{}, { stroke: colour("--demand"), width: 2, points: { show: true, size: 7, fill: colour("--demand") } },
        { stroke: colour("--capacity"), dash: [4, 4], points: { show: false } }],
      hooks: { draw: [limit] },
    }, [points.map(point => point.inFlight), points.map(point => point.times), points.map(point => point.atWorst)], plotted);
  };

  return {
    show(learned) {
      place.hidden = !learned;
      if (!learned) return;
      const key = JSON.stringify(learned);
      if (key === shown) return;
      shown = key;
      say(sentence, `${WHY[learned.why] ?? learned.why} From ${number(learned.seconds)} s of data`
        + (learned.limit > 0 ? `; the limit is ${number(learned.limit)} in flight.` : "."));
      draw(learned);
      body.replaceChildren(...learned.curve.map(point => h("tr", {},
        h("th", { scope: "row" }, number(point.inFlight)), h("td", {}, number(point.times)), h("td", {}, number(point.atWorst)))));
    },
    stop: () => plot?.destroy(),
  };
};
