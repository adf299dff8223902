// The page where an operator chooses the look: slider and number say the same, the page follows at once, and the server
// measures the contrasts. Without scripts the number alone is typed, and saving checks it.
//   hue-picker[data-otherwise] > input[type=number] + input[type=range]
customElements.define("hue-picker", class extends HTMLElement {
  connectedCallback() {
    const number = this.querySelector("input[type=number]"), slider = this.querySelector("input[type=range]");
    const valid = () => number.value !== "" && number.checkValidity();
    let timer;
    const show = () => {
      if (valid()) document.documentElement.style.setProperty("--h", number.value);
      else document.documentElement.style.removeProperty("--h");
      clearTimeout(timer);
      timer = setTimeout(() => this.measure(number), 200);
    };
    slider.addEventListener("input", () => { number.value = slider.value; show(); });
    number.addEventListener("input", () => { slider.value = valid() ? number.value : this.dataset.otherwise; show(); });
  }

  measure(number) {
    if (number.value !== "" && !number.checkValidity()) return;
    const url = `${location.pathname}?hue=${encodeURIComponent(number.value)}`;
    htmx.ajax("GET", url, { target: "#contrast", select: "#contrast", swap: "outerMorph" });
  }
});

const name = document.querySelector("input[name=name]"), shown = document.querySelector("[data-preview=name]");
name.addEventListener("input", () => (shown.textContent = name.value.trim() || name.placeholder));
