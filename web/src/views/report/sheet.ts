/** Many small drawings on one sheet, as they stand on the page, each under its heading; to be saved as one. */
const SVG = 'http://www.w3.org/2000/svg';

/** All drawings inside an element, put together; null if there are none. The sheet is in the page for a moment only. */
export function gathered(place: HTMLElement | null): SVGSVGElement | null {
  const drawings = [...(place?.querySelectorAll<SVGSVGElement>('.plot svg') ?? [])];
  if (!place || !drawings.length) return null;
  const frame = place.getBoundingClientRect();
  const sheet = document.createElementNS(SVG, 'svg');
  sheet.setAttribute('viewBox', `0 0 ${Math.ceil(frame.width)} ${Math.ceil(frame.height)}`);
  for (const drawing of drawings) {
    const box = drawing.getBoundingClientRect();
    const copy = drawing.cloneNode(true) as SVGSVGElement;
    copy.setAttribute('x', String(box.left - frame.left));
    copy.setAttribute('y', String(box.top - frame.top));
    sheet.append(copy);
  }
  for (const heading of place.querySelectorAll('h3')) {
    const box = heading.getBoundingClientRect();
    const text = document.createElementNS(SVG, 'text');
    const style = getComputedStyle(heading);
    text.setAttribute('x', String(box.left - frame.left));
    text.setAttribute('y', String(box.bottom - frame.top - 5));
    text.setAttribute('style', `font:${style.font};fill:${style.color}`);
    text.textContent = heading.textContent;
    sheet.append(text);
  }
  // Computed colours exist only inside the page; the sheet waits out of sight until it has been written down.
  sheet.style.cssText = 'position:absolute;left:-9999px;top:0;pointer-events:none';
  sheet.setAttribute('aria-hidden', 'true');
  place.append(sheet);
  setTimeout(() => sheet.remove(), 4000);
  return sheet;
}
