// The light curve: every point drawn here, uPlot gives axes, zoom and the cursor.
"use strict";

(() => {
  const UNIX_EPOCH_JD = 2440587.5, MJD_EPOCH_JD = 2400000.5, DAY_S = 86400;
  const BANDS = "ugrizyjhk", HEIGHT_PX = 380, REACH_PX = 18;
  const root = document.getElementById("plot");
  const area = root.querySelector(".plot-area");
  const tools = root.querySelector(".plot-tools");
  const told = document.getElementById("point");
  let points = [], plot = null, shown = [];

  const checked = (name) => root.querySelector(`input[name=${name}]:checked`).value;
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colour = (band) => style(`--band-${"ugrizy".includes(band) ? band : "other"}`);

  // One record for a point; a match's points keep their own kind of mark.
  function flatten(answer) {
    const found = [];
    for (const series of answer.series) {
      const isMatch = series.survey !== answer.survey;
      series.jd.forEach((jd, at) => {
        found.push({
          jd, band: series.band[at], candid: isMatch ? null : series.candid[at], isMatch,
          kind: series.kind, object: series.object_id, mag: series.mag[at], magerr: series.magerr[at],
          limit: series.limmag[at], flux: series.flux_njy[at], fluxerr: series.flux_err_njy[at],
        });
      });
    }
    return found.sort((a, b) => a.jd - b.jd);
  }

  function x(point) {
    if (checked("time") === "mjd") return point.jd - MJD_EPOCH_JD;
    if (checked("time") === "ago") return point.jd - UNIX_EPOCH_JD - Date.now() / 1000 / DAY_S;
    return (point.jd - UNIX_EPOCH_JD) * DAY_S;
  }

  function y(point) {
    if (checked("unit") === "flux") return point.flux;
    return point.mag ?? point.limit;
  }

  function isWanted(point) {
    const kinds = new Set([...root.querySelectorAll("[data-kind]:checked")].map((box) => box.dataset.kind));
    const bands = new Set([...root.querySelectorAll("[data-band]:checked")].map((box) => box.dataset.band));
    if (point.isMatch && !kinds.has("match")) return false;
    return kinds.has(point.kind) && bands.has(point.band) && y(point) !== null;
  }

  function error(point) {
    if (checked("unit") === "flux") return point.fluxerr;
    return point.limit === null ? point.magerr : null;
  }

  function draw(u) {
    const { ctx, bbox } = u;
    const size = 4 * devicePixelRatio;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineWidth = 1.25 * devicePixelRatio;
    for (const point of shown) {
      const left = u.valToPos(x(point), "x", true), top = u.valToPos(y(point), "y", true);
      ctx.strokeStyle = ctx.fillStyle = colour(point.band);
      const half = error(point);
      if (half) {
        ctx.globalAlpha = 0.55;
        ctx.beginPath();
        ctx.moveTo(left, u.valToPos(y(point) - half, "y", true));
        ctx.lineTo(left, u.valToPos(y(point) + half, "y", true));
        ctx.stroke();
      }
      ctx.globalAlpha = point.kind === "alert" ? 1 : 0.75;
      mark(ctx, point, left, top, size);
    }
    ctx.restore();
  }

  function mark(ctx, point, left, top, size) {
    ctx.beginPath();
    if (point.kind === "limit") {
      ctx.moveTo(left - size, top - size * 0.6);
      ctx.lineTo(left + size, top - size * 0.6);
      ctx.lineTo(left, top + size);
      ctx.closePath();
      ctx.stroke();
    } else if (point.isMatch) {
      ctx.moveTo(left, top - size * 1.3);
      ctx.lineTo(left + size * 1.3, top);
      ctx.lineTo(left, top + size * 1.3);
      ctx.lineTo(left - size * 1.3, top);
      ctx.closePath();
      point.kind === "forced" ? ctx.stroke() : ctx.fill();
    } else if (point.flux < 0 && checked("unit") === "mag") {
      ctx.strokeRect(left - size, top - size, 2 * size, 2 * size);
    } else {
      ctx.arc(left, top, size, 0, 2 * Math.PI);
      point.kind === "forced" ? ctx.stroke() : ctx.fill();
    }
  }

  function nearest(u) {
    const { left, top } = u.cursor;
    let best = null, least = REACH_PX;
    for (const point of shown) {
      const distance = Math.hypot(u.valToPos(x(point), "x") - left, u.valToPos(y(point), "y") - top);
      if (distance < least) [best, least] = [point, distance];
    }
    return best;
  }

  function tell(u) {
    const point = u.cursor.left >= 0 ? nearest(u) : null;
    if (!point) { told.textContent = ""; return; }
    const time = new Date((point.jd - UNIX_EPOCH_JD) * DAY_S * 1000).toISOString().slice(0, 19).replace("T", " ");
    const size = point.limit !== null ? `> ${point.limit.toFixed(2)} mag`
      : point.mag !== null ? `${point.mag.toFixed(3)} ± ${(point.magerr ?? 0).toFixed(3)} mag` : "";
    const flux = point.flux === null ? "" : ` · ${point.flux.toPrecision(4)} ± ${point.fluxerr.toPrecision(2)} nJy`;
    const words = { alert: "detection", limit: "upper limit", forced: "forced" }[point.kind];
    told.textContent = `${time} UTC · ${point.band} · ${words} ${size}${flux} · ${point.object}`
      + (point.candid ? " · click for its cutouts" : "");
  }

  function yRange() {
    // In magnitudes a point of little weight may lie anywhere: it must not press the others flat.
    const sure = checked("unit") === "flux" ? shown : shown.filter((point) => !(error(point) > 0.75));
    const values = (sure.length ? sure : shown).flatMap((point) => {
      const half = Math.min(error(point) ?? 0, checked("unit") === "flux" ? Infinity : 1);
      return [y(point) - half, y(point) + half];
    });
    if (!values.length) return [0, 1];
    const low = Math.min(...values), high = Math.max(...values);
    const spare = (high - low) * 0.06 || 0.1;
    return [low - spare, high + spare];
  }

  function xRange() {
    if (!shown.length) return [0, 1];
    const low = x(shown[0]), high = x(shown[shown.length - 1]);
    const spare = (high - low) * 0.03 || (checked("time") === "date" ? DAY_S : 1);
    return [low - spare, high + spare];
  }

  function redraw() {
    plot?.destroy();
    shown = points.filter(isWanted);
    const isFlux = checked("unit") === "flux", isDate = checked("time") === "date";
    const ink = style("--ink"), line = style("--line");
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line }, font: "12px system-ui, sans-serif" };
    const label = { date: null, mjd: "MJD (UTC)", ago: "days ago" }[checked("time")];
    const range = yRange();
    plot = new uPlot({
      width: area.clientWidth, height: HEIGHT_PX,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { x: { time: isDate, range: (_, low, high) => [low, high], auto: false }, y: { dir: isFlux ? 1 : -1, range } },
      axes: [{ ...axis, label: label ?? undefined }, { ...axis, size: 62, label: isFlux ? "flux [nJy]" : "AB magnitude", labelSize: 18 }],
      legend: { show: false },
      cursor: { points: { show: false }, drag: { x: true, y: false } },
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: { draw: [draw], setCursor: [tell] },
    }, [shown.map(x), shown.map(y)], area);
    const [low, high] = xRange();
    plot.setScale("x", { min: low, max: high });
    plot.over.addEventListener("dblclick", () => plot.setScale("x", { min: xRange()[0], max: xRange()[1] }));
    plot.over.addEventListener("click", () => {
      const point = nearest(plot);
      if (point?.candid) document.dispatchEvent(new CustomEvent("candid", { detail: point.candid }));
    });
  }

  function offerBands() {
    const place = document.getElementById("bands");
    const found = [...new Set(points.map((point) => point.band))].sort((a, b) => BANDS.indexOf(a) - BANDS.indexOf(b));
    for (const band of found) {
      const label = document.createElement("label"), box = document.createElement("input"), disc = document.createElement("span");
      label.className = "check";
      box.type = "checkbox";
      box.checked = true;
      box.dataset.band = band;
      disc.className = `band band-${band}`;
      label.append(box, disc, band);
      place.append(label);
    }
  }

  async function start() {
    const answer = await fetch(root.dataset.source, { headers: { Accept: "application/json" } });
    if (!answer.ok) { area.textContent = "The points could not be read; reload the page to try again."; return; }
    points = flatten(await answer.json());
    offerBands();
    tools.hidden = false;
    redraw();
    tools.addEventListener("change", redraw);
    new ResizeObserver(() => plot.setSize({ width: area.clientWidth, height: HEIGHT_PX })).observe(area);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    root.dataset.ready = "true";
  }

  start();
})();
