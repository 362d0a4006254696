"use strict";
(() => {
  const figures = [...document.querySelectorAll("figure[data-index]")];
  const heading = document.getElementById("images-title");
  const showLayer = (name) => document.querySelectorAll(".layer").forEach((layer) => {
    layer.classList.toggle("on", layer.dataset.layer === name);
  });
  document.querySelectorAll("input[name=layer]").forEach((input) => {
    input.addEventListener("change", () => showLayer(input.value));
  });
  const opacity = document.getElementById("opacity");
  opacity.addEventListener("input", () => {
    document.documentElement.style.setProperty("--opacity", opacity.value / 100);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-show]");
    if (!button) return;
    const wanted = button.dataset.show.split(" ");
    figures.forEach((figure) => { figure.hidden = !wanted.includes(figure.dataset.index); });
    heading.textContent = button.dataset.title;
    heading.scrollIntoView();
    heading.focus({ preventScroll: true });
  });
})();
