// What every page shares: local times, copy buttons. Pages work without it.
"use strict";

// <time datetime="…Z">: the text is UTC; the viewer's own time shows on hover.
function tellLocalTimes(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (!Number.isNaN(moment.getTime())) element.title = `${moment.toLocaleString()} (your time)`;
  }
}

// <button data-copy="#id" hidden>Copy</button>: copies that element's text or value.
function showCopyButtons(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) {
    button.hidden = !navigator.clipboard;
  }
}

async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
  const words = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = words; }, 1500);
}

function tidy(root) {
  tellLocalTimes(root);
  showCopyButtons(root);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (button) copy(button);
});
// htmx shows no refusal; one that says how it is to be shown was written for its place.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr } = event.detail;
  if (xhr.status === 429 && xhr.getResponseHeader("HX-Reswap")) event.detail.shouldSwap = true;
});
document.addEventListener("htmx:load", (event) => tidy(event.detail.elt));
tidy(document);
