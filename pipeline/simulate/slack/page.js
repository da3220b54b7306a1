"use strict";

// New messages: look again, unless somebody fills in a dialog.
const shown = document.body.dataset.version;
if (!document.querySelector(".dialog")) {
  setInterval(async () => {
    try {
      const answer = await fetch("/version");
      if (answer.ok && (await answer.text()) !== shown) location.reload();
    } catch {
      // The stand-in was stopped: the page stays as it is.
    }
  }, 1500);
}

// A button with an address opens it, and tells the app too, as Slack does.
for (const form of document.querySelectorAll("form.leads-out")) {
  form.querySelector("a").addEventListener("click", () => {
    fetch("/press", { method: "POST", body: new URLSearchParams(new FormData(form)), keepalive: true });
  });
}

for (const button of document.querySelectorAll("button[data-confirm]")) {
  button.addEventListener("click", (event) => {
    if (!confirm(button.dataset.confirm)) event.preventDefault();
  });
}

const thread = document.querySelector("aside");
if (thread && !location.hash) thread.scrollTop = thread.scrollHeight;
