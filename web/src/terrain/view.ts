/** Which part of the plane is in sight: the same scale along x and y, so that a right angle looks like one. */
import type { Box } from '../state/types';

export interface View {
  /** The place in the middle. */
  cx: number;
  cy: number;
  /** Pixels for a unit. */
  scale: number;
}

/** The whole box, with a little air around it. */
export function fitted([[left, right], [low, high]]: Box, width: number, height: number): View {
  const scale = Math.min(width / (right - left), height / (high - low));
  return { cx: (left + right) / 2, cy: (low + high) / 2, scale: Math.max(scale, 1e-9) };
}

export function seen(view: View, width: number, height: number): Box {
  const [x, y] = [width / 2 / view.scale, height / 2 / view.scale];
  return [[view.cx - x, view.cx + x], [view.cy - y, view.cy + y]];
}

/** Nearer or farther by a factor, keeping the place under a pixel where it is. */
export function zoomed(view: View, factor: number, px: number, py: number, width: number, height: number, fit: View): View {
  const scale = Math.min(fit.scale * 4000, Math.max(fit.scale / 20, view.scale * factor));
  const [x, y] = [view.cx + (px - width / 2) / view.scale, view.cy - (py - height / 2) / view.scale];
  return { cx: x - (px - width / 2) / scale, cy: y + (py - height / 2) / scale, scale };
}

export function toPixel(view: View, width: number, height: number, x: number, y: number): [number, number] {
  const far = 1e5;
  const px = width / 2 + (x - view.cx) * view.scale;
  const py = height / 2 - (y - view.cy) * view.scale;
  return [Math.min(far, Math.max(-far, px)), Math.min(far, Math.max(-far, py))];
}

export function toPlace(view: View, width: number, height: number, px: number, py: number): [number, number] {
  return [view.cx + (px - width / 2) / view.scale, view.cy - (py - height / 2) / view.scale];
}

/**
 * A walk's line from step `from` to step `to` as an SVG path. Places closer than half a pixel to the last one drawn are
 * left out, so that thousands of small steps cost nothing; the last place is always there.
 */
export function line(
  xs: Float64Array, ys: Float64Array, from: number, to: number, place: (x: number, y: number) => [number, number],
): string {
  let path = '';
  let [lastX, lastY] = [Infinity, Infinity];
  for (let k = from; k <= to; k++) {
    if (!Number.isFinite(xs[k]) || !Number.isFinite(ys[k])) break;
    const [px, py] = place(xs[k], ys[k]);
    if (k < to && Math.abs(px - lastX) < 0.5 && Math.abs(py - lastY) < 0.5) continue;
    path += `${path ? 'L' : 'M'}${px.toFixed(1)},${py.toFixed(1)}`;
    [lastX, lastY] = [px, py];
  }
  return path;
}
