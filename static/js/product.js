// scroll-spy > nav > a[href="#section"]: marks the section that is being read (aria-current) and keeps its tab in sight.
customElements.define("scroll-spy", class extends HTMLElement {
  connectedCallback() {
    this.links = [...this.querySelectorAll('a[href^="#"]')];
    this.follow = () => { this.due ??= requestAnimationFrame(() => { this.due = undefined; this.mark(); }); };
    for (const event of ["scroll", "resize", "hashchange"]) addEventListener(event, this.follow, { passive: true });
    this.mark();
  }
  disconnectedCallback() {
    for (const event of ["scroll", "resize", "hashchange"]) removeEventListener(event, this.follow);
  }
  mark() {
    const line = this.getBoundingClientRect().bottom + 40;
    const isAtEnd = scrollY > 0 && innerHeight + scrollY >= document.documentElement.scrollHeight - 2;
    let current = this.links[0];
    for (const link of this.links) {
      const top = document.getElementById(link.hash.slice(1))?.getBoundingClientRect().top ?? Infinity;
      if (top <= line || (isAtEnd && link.hash === location.hash)) current = link;
    }
    if (current === this.current) return;
    this.current?.removeAttribute("aria-current");
    (this.current = current).setAttribute("aria-current", "true");
    const nav = current.parentElement;
    nav.scrollTo({ left: current.offsetLeft - (nav.clientWidth - current.offsetWidth) / 2 });
  }
});
