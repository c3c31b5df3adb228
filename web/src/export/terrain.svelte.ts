/** What the terrain view gives away: the map as a picture or a drawing, the walks as a table or as a Python program. */
import { here } from '../state/lab.svelte';
import { pngBlob, save, saveCsv, svgText } from '../views/export';
import { walkProgram } from './python';
import { walksTable } from './table';

export interface Shown {
  /** The map: the land below, the walks above. */
  canvas?: HTMLCanvasElement;
  svg?: SVGSVGElement;
  /** The picture of the 3-D view. */
  solid?: HTMLCanvasElement;
}

export function exports(shown: () => Shown): Record<'png' | 'svg' | 'csv' | 'python', () => void | Promise<void>> {
  const { lab, world } = here();
  const name = (): string => `nukarumi-${lab.formula === null ? lab.terrain : 'formula'}`;
  return {
    png: async () => {
      const { svg, canvas, solid } = shown();
      if (solid) return save(`${name()}.png`, await blobOf(solid));
      if (svg && canvas) save(`${name()}.png`, await pngBlob(withLand(svg, canvas)));
    },
    svg: async () => {
      const { svg, canvas, solid } = shown();
      const text = solid ? framed(solid) : svg && canvas ? svgText(withLand(svg, canvas)) : '';
      save(`${name()}.svg`, new Blob([text], { type: 'image/svg+xml' }));
    },
    csv: () => saveCsv(name(), walksTable($state.snapshot(lab), world.walks)),
    python: () => save(`${name().replaceAll('-', '_')}.py`, new Blob([walkProgram($state.snapshot(lab), world.typed)], { type: 'text/x-python' })),
  };
}

/** The drawing with the land inside it as a picture, so that one file holds all; taken away again after use. */
function withLand(svg: SVGSVGElement, canvas: HTMLCanvasElement): SVGSVGElement {
  svg.querySelector('[data-land]')?.remove();
  const land = document.createElementNS('http://www.w3.org/2000/svg', 'image');
  const { width, height } = svg.viewBox.baseVal;
  land.setAttribute('data-land', '');
  land.setAttribute('width', String(width));
  land.setAttribute('height', String(height));
  land.setAttribute('preserveAspectRatio', 'none');
  land.setAttribute('href', canvas.toDataURL('image/png'));
  svg.prepend(land);
  queueMicrotask(() => land.remove());
  return svg;
}

function framed(picture: HTMLCanvasElement): string {
  const { width, height } = picture;
  const size = `width="${width}" height="${height}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ${size}><image ${size} href="${picture.toDataURL('image/png')}"/></svg>\n`;
}

function blobOf(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the picture could not be made'))), 'image/png'),
  );
}
