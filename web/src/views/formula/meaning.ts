/** What a line of a rule means, found from what it makes and reads; so that rules nobody has thought of have words too. */
import type { Rule, RuleLine } from '../../engine/types';
import type { Lang, Wording } from '../../state/types';
import { player } from '../../words/player';
import { saidIn } from '../../words/say.svelte';
import { kindOf } from '../ledger/reading';

/** Names the words of a line in words/player.ts. */
export function meaningOf(rule: Rule, line: RuleLine, settings: readonly number[]): string {
  const { target, reads, role } = line;
  const has = (name: string): boolean => reads.includes(name);
  const square = (name: string): boolean => kindOf(rule, settings, name) === 'square';
  if (role === 'setting') {
    if (target.startsWith('lr')) return 'correctedRate';
    return target.startsWith('eps') ? 'correctedEps' : 'setting';
  }
  if (role === 'gradient') return 'gradient';
  if (role === 'state') {
    if (!square(target)) return rule.states.some(square) ? 'smoothSlope' : 'velocity';
    if (has('step')) return 'pastSteps';
    if (!has('g')) return 'memory';
    if (!has(target)) return 'overwrite';
    if (has('beta2')) return 'smoothSquare';
    return has('rho') || has('decay_rate') ? 'fade' : 'accumulate';
  }
  if (target === 'step') return 'makeStep';
  if (target !== 'w') return 'move';
  if (has('weight_decay')) return 'shrink';
  if (has('step')) return 'takeStep';
  const memories = rule.states.filter(has);
  if (memories.some(square)) return memories.some((name) => !square(name)) ? 'adamMove' : 'brakedMove';
  if (memories.length) return has('g') ? 'aheadMove' : 'velocityMove';
  return 'plainMove';
}

/** The sentence for a line. */
export function meaning(rule: Rule, line: RuleLine, settings: readonly number[], lang: Lang, wording: Wording): string {
  const words = saidIn(player, lang, wording).lines as Record<string, string | ((name: string) => string)>;
  const found = words[meaningOf(rule, line, settings)];
  return typeof found === 'function' ? found(line.target) : found;
}

/** Pairs the lines of a rule with those of another: for each line, whether the other one has it word for word. */
export function differing(lines: readonly RuleLine[], other: readonly RuleLine[]): boolean[] {
  const there = new Set(other.map((line) => line.python));
  return lines.map((line) => !there.has(line.python));
}
