"use strict";
const pages = [...document.querySelectorAll("main")];
const buttons = [...document.querySelectorAll("[data-show]")];

function show(code) {
  for (const page of pages) page.hidden = page.lang !== code;
  for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.show === code);
  document.documentElement.lang = code;
  document.title = document.querySelector(`main[lang="${code}"]`).dataset.title;
}

for (const button of buttons) button.addEventListener("click", () => show(button.dataset.show));
for (const box of document.querySelectorAll("[data-hide-names]")) {
  box.addEventListener("change", () => {
    document.body.classList.toggle("nameless", box.checked);
    for (const other of document.querySelectorAll("[data-hide-names]")) other.checked = box.checked;
  });
}
