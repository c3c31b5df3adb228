/** A number in the prose and the state of its picture: what it reads, what it sets, and where a hand or a key takes it. */
import { setSetting, settingOf, type Bench } from '../../state/lab.svelte';
import type { Slider } from './types';

type Range = Pick<Slider, 'min' | 'max' | 'scale'>;

/** The value that the picture has now. */
export function valueOf({ target, hiker }: Slider, { lab }: Bench): number {
  if (hiker !== null) return lab.hikers[hiker] ? settingOf(lab.hikers[hiker], target) : NaN;
  switch (target) {
    case 'start.x':
      return lab.start[0];
    case 'start.y':
      return lab.start[1];
    case 'noise':
    case 'rotation':
    case 'steps':
    case 't':
    case 'seed':
      return lab[target];
    default:
      return NaN;
  }
}

/** Gives the picture a value, held within the slider's bounds; true if it knows what that means. */
export function setValue(slider: Slider, { lab, goTo, setRotation, setSteps }: Bench, wanted: number): boolean {
  if (!Number.isFinite(wanted)) return false;
  const value = held(wanted, slider);
  const { target, hiker } = slider;
  if (hiker !== null) return lab.hikers[hiker] ? setSetting(lab.hikers[hiker], target, value) : false;
  switch (target) {
    case 'start.x':
      // Not rounded to what a map can show, as a hand's places are: a start of 0.0001 is meant.
      lab.start = [value, lab.start[1]];
      return true;
    case 'start.y':
      lab.start = [lab.start[0], value];
      return true;
    case 'noise':
      lab.noise = value;
      return true;
    case 'seed':
      lab.seed = value;
      return true;
    case 'rotation':
      setRotation(value);
      return true;
    case 'steps':
      setSteps(value);
      return true;
    case 't':
      lab.playing = false;
      goTo(value);
      return true;
    default:
      return false;
  }
}

/** Within the bounds, whole where it must be, with no more digits than a reader can mean. */
export function held(value: number, { min, max, scale }: Range): number {
  const inside = Math.min(max, Math.max(min, value));
  return scale === 'whole' ? Math.round(inside) : Number(inside.toPrecision(4)) + 0;
}

/** The value so many pixels of a drag away; 300 pixels are the whole range. */
export function dragged(from: number, pixels: number, range: Range): number {
  const { min, max, scale } = range;
  const share = pixels / 300;
  if (scale === 'log') return rough(Math.exp(Math.log(Math.max(from, min)) + share * Math.log(max / min)), range);
  return rough(from + share * (max - min), range);
}

/** The value that an arrow key leads to: a hundredth of the range, ten of them for a page, and whole numbers one by one. */
export function keyed(from: number, steps: number, range: Range): number {
  const { min, max, scale } = range;
  if (scale === 'whole') return held(from + steps, range);
  if (scale === 'log') return rough(Math.max(from, min) * (max / min) ** (steps / 100), range);
  return rough(from + (steps * (max - min)) / 100, range);
}

/** A value with digits that suit the range: three for a logarithmic one, hundredths of an even one. */
function rough(value: number, range: Range): number {
  const { min, max, scale } = range;
  if (scale === 'log') return held(Number(value.toPrecision(3)), range);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(max - min)));
  return held(Number(value.toFixed(digits)), range);
}

/** What somebody has typed, or null. */
export function typed(text: string): number | null {
  const tidy = text.trim().replace(/[−–]/, '-').replace(',', '.');
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(tidy) ? Number(tidy) : null;
}
