/** The shape of the land as a drawing needs it: heights on a grid, levels that show it, colours that belong to them. */
import { contours } from 'd3-contour';
import type { Ground } from '../engine/types';
import type { Box } from '../state/types';

export interface Grid {
  width: number;
  height: number;
  /** Row by row, the first row at the greatest y; every value finite. */
  values: Float64Array;
  box: Box;
}

/** Heights at width x height places that fill the box, edges included. */
export function sampled(ground: Ground, box: Box, width: number, height: number): Grid {
  const values = new Float64Array(width * height);
  const [[left, right], [low, high]] = box;
  let most = -Infinity;
  for (let row = 0; row < height; row++) {
    const y = high - ((high - low) * row) / (height - 1);
    for (let column = 0; column < width; column++) {
      const value = ground.value(left + ((right - left) * column) / (width - 1), y);
      values[row * width + column] = value;
      if (value > most && value < Infinity) most = value;
    }
  }
  // Where there is no height (log of a negative number) the land is drawn as high as its highest place.
  const top = most === -Infinity ? 0 : most;
  for (let k = 0; k < values.length; k++) if (!Number.isFinite(values[k])) values[k] = values[k] === -Infinity ? -1e300 : top;
  return { width, height, values, box };
}

/** Where a height stands among the heights of the whole terrain, 0 (lowest) to 1; what colours go by. */
export class Tone {
  private readonly sorted: Float64Array;

  /** `box` is what counts as the whole terrain. */
  constructor(ground: Ground, box: Box = ground.box) {
    this.sorted = sampled(ground, box, 72, 72).values.sort();
  }

  at(height: number): number {
    const { sorted } = this;
    let low = 0;
    let high = sorted.length - 1;
    if (!(height > sorted[0])) return 0;
    if (height >= sorted[high]) return 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (sorted[middle] <= height) low = middle;
      else high = middle;
    }
    const part = (height - sorted[low]) / (sorted[high] - sorted[low] || 1);
    return (low + part) / (sorted.length - 1);
  }

  /** The height below which this share of the terrain lies. */
  height(share: number): number {
    return this.sorted[Math.round(share * (this.sorted.length - 1))];
  }
}

/** Heights of contour lines for what is in sight, rising, denser near the bottom so that hollows show. */
export function levels(grid: Grid, count = 22): number[] {
  const sorted = grid.values.slice().sort();
  const found: number[] = [];
  for (let k = 1; k <= count; k++) {
    const share = (k / (count + 1)) ** 1.35;
    const level = sorted[Math.round(share * (sorted.length - 1))];
    if (level > (found.at(-1) ?? sorted[0])) found.push(level);
  }
  return found;
}

export interface Band {
  level: number;
  /** Rings of points in units of the grid. */
  rings: number[][][];
}

/** For each level the land that is at least as high. */
export function bands(grid: Grid, at: readonly number[]): Band[] {
  const made = contours().size([grid.width, grid.height]).thresholds([...at])(grid.values as unknown as number[]);
  return made.map(({ value, coordinates }) => ({ level: value, rings: coordinates.flat() }));
}

/** Light from the north-west on the slope of every grid cell, 0 (shade) to 1 (sun), 0.5 on the flat. */
export function shading(grid: Grid, tone: Tone): Float32Array {
  const { width, height, values } = grid;
  const relief = new Float32Array(values.length);
  for (let k = 0; k < values.length; k++) relief[k] = tone.at(values[k]);
  const light = new Float32Array(values.length);
  const steep = 0.11 * Math.min(width, height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const k = row * width + column;
      const east = relief[column < width - 1 ? k + 1 : k] - relief[column > 0 ? k - 1 : k];
      const south = relief[row < height - 1 ? k + width : k] - relief[row > 0 ? k - width : k];
      const fall = (east + south) * steep;
      light[k] = 0.5 + 0.5 * (fall / Math.sqrt(1 + fall * fall)) ;
    }
  }
  return light;
}

// From the wet low ground to the dry heights.
const EARTH = {
  light: ['#a3aa86', '#c0bf93', '#dccf9f', '#e9d6aa', '#e6c596', '#d7ac7d', '#c39468'],
  dark: ['#1f2b22', '#2e3626', '#433f29', '#574630', '#684d34', '#77563b', '#876545'],
};

function channels(colour: string): [number, number, number] {
  const value = Number.parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** The colour of a tone, 0 to 1. */
export function earth(tone: number, dark: boolean): string {
  const stops = EARTH[dark ? 'dark' : 'light'];
  const place = Math.min(1, Math.max(0, tone)) * (stops.length - 1);
  const below = Math.min(stops.length - 2, Math.floor(place));
  const [a, b] = [channels(stops[below]), channels(stops[below + 1])];
  const mixed = a.map((channel, k) => Math.round(channel + (b[k] - channel) * (place - below)));
  return `rgb(${mixed.join(',')})`;
}
