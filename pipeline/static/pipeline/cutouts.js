// The cutouts: pixels come as numbers and are drawn here; where nothing was measured is transparent.
"use strict";

(() => {
  const root = document.getElementById("images");
  const place = root.querySelector(".images");
  const title = document.getElementById("images-title");
  const choice = document.getElementById("stretch");
  const STRETCHES = {
    linear: (share) => share,
    asinh: (share) => Math.asinh(share * 10) / Math.asinh(10),
    log: (share) => Math.log1p(share * 1000) / Math.log1p(1000),
    sqrt: Math.sqrt,
  };
  let images = [];

  function decode(text) {
    const raw = atob(text), bytes = new Uint8Array(raw.length);
    for (let at = 0; at < raw.length; at += 1) bytes[at] = raw.charCodeAt(at);
    return new Float32Array(bytes.buffer);
  }

  // Black at the 1st and white at the 99.5th percentile: a cosmic ray must not darken the rest.
  function bounds(pixels) {
    const sorted = pixels.filter(Number.isFinite).sort();
    if (!sorted.length) return [0, 1];
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    const low = at(0.01), high = at(0.995);
    return high > low ? [low, high] : [low, low + 1];
  }

  function paint(canvas, image) {
    const stretch = STRETCHES[choice.value], { width, height, pixels } = image;
    const [low, high] = bounds(pixels);
    const context = canvas.getContext("2d"), drawn = context.createImageData(width, height);
    for (let row = 0; row < height; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const value = pixels[row * width + column];
        const to = 4 * ((height - 1 - row) * width + column);
        const share = Math.min(Math.max((value - low) / (high - low), 0), 1);
        drawn.data[to] = drawn.data[to + 1] = drawn.data[to + 2] = Math.round(255 * stretch(share));
        drawn.data[to + 3] = Number.isFinite(value) ? 255 : 0;
      }
    }
    context.putImageData(drawn, 0, 0);
  }

  function show() {
    place.replaceChildren(...images.map((image) => {
      const figure = document.createElement("figure"), canvas = document.createElement("canvas");
      const caption = document.createElement("figcaption");
      [canvas.width, canvas.height] = [image.width, image.height];
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${image.name} cutout, ${image.width} by ${image.height} pixels`);
      caption.textContent = `${image.name}, ${image.width} × ${image.height}`;
      paint(canvas, image);
      figure.append(canvas, caption);
      return figure;
    }));
    choice.closest("p").hidden = !images.length;
  }

  async function load(candid, words) {
    if (words) title.textContent = words;
    root.dataset.candid = candid;
    const answer = await fetch(`${root.dataset.source}${candid}.json`, { headers: { Accept: "application/json" } });
    if (root.dataset.candid !== candid) return; // another was chosen meanwhile
    const told = await answer.json();
    images = answer.ok ? told.images.map((image) => ({ ...image, pixels: decode(image.pixels) })) : [];
    show();
    if (!images.length) place.textContent = answer.ok ? "This alert came without cutouts." : told.message;
    root.dataset.ready = candid;
  }

  function link(candid) {
    return document.querySelector(`a[data-candid="${candid}"]`);
  }

  document.addEventListener("click", (event) => {
    const clicked = event.target.closest("a[data-candid]");
    if (!clicked || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    load(clicked.dataset.candid, clicked.dataset.title);
    root.scrollIntoView({ block: "nearest" });
  });
  document.addEventListener("candid", (event) => {
    load(event.detail, link(event.detail)?.dataset.title ?? `Alert ${event.detail}`);
  });
  choice.addEventListener("change", show);
  load(root.dataset.candid);
})();
