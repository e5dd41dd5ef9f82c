/**
 * What part of the picture is seen: moved by dragging, wheel or two fingers, scaled with ctrl and the wheel.
 */
export class View {
  /**
   * @param {SVGSVGElement} svg
   * @param {SVGElement} group what is moved
   */
  constructor(svg, group) {
    this.svg = svg;
    this.group = group;
    this.x = 0;
    this.y = 0;
    this.scale = 1;
    this.size = { width: 1, height: 1 };
    /** @type {Map<number, {x: number, y: number}>} */
    this.pointers = new Map();
    /** Whether the pointer moved since it went down: then a click selects nothing. */
    this.dragged = false;
    svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    svg.addEventListener("pointerdown", (event) => {
      if (!this.pointers.size) this.dragged = false;
      this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    svg.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) {
      svg.addEventListener(name, (event) => this.pointers.delete(/** @type {PointerEvent} */ (event).pointerId));
    }
  }

  /**
   * Move to the right, as when the window became wider.
   *
   * @param {number} by
   */
  shift(by) {
    this.x += by;
    this.apply();
  }

  apply() {
    this.group.setAttribute("transform", `translate(${this.x} ${this.y}) scale(${this.scale})`);
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const box = this.svg.getBoundingClientRect();
    if (event.ctrlKey || event.metaKey) {
      this.zoom(Math.exp(-event.deltaY * 0.004), event.clientX - box.left, event.clientY - box.top);
    } else {
      const factor = event.deltaMode ? 24 : 1;
      this.x -= (event.shiftKey ? event.deltaY : event.deltaX) * factor;
      this.y -= (event.shiftKey ? 0 : event.deltaY) * factor;
      this.apply();
    }
  }

  /** @param {PointerEvent} event */
  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const [dx, dy] = [event.clientX - before.x, event.clientY - before.y];
    if (!this.dragged && Math.hypot(dx, dy) < 4) return;
    this.dragged = true;
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    if (others.length) {
      const [other] = others;
      const was = Math.hypot(before.x - other.x, before.y - other.y);
      const now = Math.hypot(event.clientX - other.x, event.clientY - other.y);
      const box = this.svg.getBoundingClientRect();
      this.zoom(now / Math.max(1, was), (event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top);
      [this.x, this.y] = [this.x + dx / 2, this.y + dy / 2];
    } else {
      [this.x, this.y] = [this.x + dx, this.y + dy];
    }
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.apply();
  }

  /**
   * @param {number} factor
   * @param {number} [x]
   * @param {number} [y] the point that stays
   */
  zoom(factor, x = this.svg.clientWidth / 2, y = this.svg.clientHeight / 2) {
    const scale = Math.min(4, Math.max(0.05, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.apply();
  }

  /**
   * Show the whole picture; where it would be too small to be read and `readable`, its upper part.
   *
   * @param {boolean} readable
   */
  fit(readable) {
    const { clientWidth, clientHeight } = this.svg;
    const whole = Math.min(clientWidth / (this.size.width + 24), clientHeight / (this.size.height + 24), 1.2);
    const across = Math.min(clientWidth / (this.size.width + 24), 1);
    this.scale = readable && whole < 0.7 ? Math.max(whole, Math.min(across, 0.85)) : whole;
    this.x = (clientWidth - this.size.width * this.scale) / 2;
    this.y = Math.max(12, (clientHeight - this.size.height * this.scale) / 2);
    this.apply();
  }

  /**
   * Move as little as brings a box into sight.
   *
   * @param {import("./draw.js").Drawn} box
   */
  reveal(box) {
    const { clientWidth, clientHeight } = this.svg;
    if (this.scale < 0.45) this.zoom(0.8 / this.scale);
    const margin = 48;
    const left = box.x * this.scale + this.x;
    const top = box.y * this.scale + this.y;
    const width = Math.min(box.width * this.scale, clientWidth - 2 * margin);
    const height = Math.min(box.height * this.scale, clientHeight - 2 * margin);
    if (left < margin) this.x += margin - left;
    else if (left + width > clientWidth - margin) this.x -= left + width - clientWidth + margin;
    if (top < margin) this.y += margin - top;
    else if (top + height > clientHeight - margin) this.y -= top + height - clientHeight + margin;
    this.apply();
  }
}
