/** A situation in words: the numbers are spelt here, the sentences stand in words/ledger.ts. */
import type { Lang, Wording } from '../../state/types';
import { signed } from '../../ui/format';
import { ledger } from '../../words/ledger';
import { saidIn } from '../../words/say.svelte';
import { number } from '../number';
import type { Situation } from './situation';

export function sentence(found: Situation, lang: Lang, wording: Wording): string {
  const say = saidIn(ledger, lang, wording).sentences;
  const times = (value: number): string => number(value, 3);
  switch (found.kind) {
    case 'start':
      return say.start(number(found.gx), number(found.gy));
    case 'zeroByZero':
      return say.zeroByZero(String(found.t), found.axis);
    case 'rootOfNegative':
      return say.rootOfNegative(String(found.t), found.axis, found.state);
    case 'notANumber':
      return say.notANumber(String(found.t), found.axis);
    case 'noSlope':
      return say.noSlope(String(found.t), found.axis);
    case 'overflow':
      return say.overflow(String(found.t), found.axis);
    case 'divisionByZero':
      return say.divisionByZero(String(found.t), found.axis);
    case 'firstEqual':
      return say.firstEqual(number(found.stride), found.steep, times(found.times));
    case 'firstBySlope':
      return say.firstBySlope(found.long, number(found.far), number(found.near), found.long === 'x' ? 'y' : 'x');
    case 'level':
      return say.level();
    case 'rolling':
      return say.rolling(number(found.stride));
    case 'silent':
      return found.tired
        ? say.silentTired(found.axis, found.other, signed(found.stride, 3))
        : say.silent(found.axis, found.other, signed(found.stride, 3));
    case 'flying':
      return say.flying(found.axis, times(found.times));
    case 'exhausted':
      return say.exhausted(found.axis, number(found.g), times(found.times));
    case 'arrived':
      return say.arrived(number(found.g, 2), number(found.stride, 2));
    case 'uphill':
      return say.uphill(found.axis, signed(found.stride, 3));
    case 'crossed':
      return say.crossed(found.axis, signed(found.stride, 3));
    case 'recovering':
      return found.times >= 1
        ? say.recoveringFresh(found.axis, times(found.times))
        : say.recovering(found.axis, times(1 / found.times));
    case 'uneven':
      return say.uneven(found.tired, found.fresh, times(found.times));
    case 'braked':
      return say.braked(found.axis, times(found.times));
    case 'steady':
      return say.steady(signed(found.dx, 3), signed(found.dy, 3));
  }
}
