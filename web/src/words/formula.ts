/** What may be wrong with a typed formula: which character, where, and what was expected. */
import type { Fault } from '../formula';
import { both, type Said } from './type';

export const formulaWords = both({
  en: {
    label: 'Your own formula',
    placeholder: 'x^2/20 + y^2 + sin(x)',
    hint: 'x, y, numbers, + − * / ^, sin cos exp log sqrt abs, pi, e',
    apply: 'Walk on it',
    clear: 'Back to the list',
    box: 'Shown from −n to n',
    good: 'Understood. Its slope:',
    faults: {
      empty: 'Type a formula of x and y.',
      long: (length: number, most: number) => `The formula has ${length} characters; at most ${most} are allowed.`,
      deep: (place: number) => `Character ${place}: too many parentheses or signs inside one another.`,
      character: (found: string, place: number) => `Character ${place}: “${found}” is not part of this language.`,
      name: (found: string, place: number) => `Character ${place}: “${found}” is not known. Known are x, y, pi, e, sin, cos, exp, log, sqrt and abs.`,
      number: (found: string, place: number) => `Character ${place}: ${found} is too large a number.`,
      unexpected: (found: string, place: number, expected: string) => `Character ${place}: ${expected} was expected, but there is “${found}”.`,
      end: (expected: string) => `The formula ends too early: ${expected} was expected.`,
    },
    expected: {
      value: 'a number, x, y or “(”',
      operator: 'an operator or the end',
      open: '“(” after the function',
      close: '“)”',
    },
  },
  ja: {
    label: '自分の式',
    placeholder: 'x^2/20 + y^2 + sin(x)',
    hint: 'x、y、数、+ − * / ^、sin cos exp log sqrt abs、pi、e が使えます',
    apply: 'この式の上を歩く',
    clear: '一覧の地形に戻る',
    box: '表示範囲 −n から n',
    good: '読み取れました。勾配は次のとおりです。',
    faults: {
      empty: 'x と y の式を入力してください。',
      long: (length: number, most: number) => `式が ${length} 文字あります。${most} 文字までにしてください。`,
      deep: (place: number) => `${place} 文字目: かっこや符号の入れ子が深すぎます。`,
      character: (found: string, place: number) => `${place} 文字目: 「${found}」は使えない文字です。`,
      name: (found: string, place: number) => `${place} 文字目: 「${found}」は使えない名前です。使えるのは x、y、pi、e、sin、cos、exp、log、sqrt、abs です。`,
      number: (found: string, place: number) => `${place} 文字目: ${found} は大きすぎます。`,
      unexpected: (found: string, place: number, expected: string) => `${place} 文字目: ${expected}が来るはずですが、「${found}」があります。`,
      end: (expected: string) => `式が途中で終わっています。${expected}が必要です。`,
    },
    expected: {
      value: '数、x、y、または「(」',
      operator: '演算子か式の終わり',
      open: '関数名の後の「(」',
      close: '「)」',
    },
  },
});

type Words = Said<(typeof formulaWords)['en']>;

/** The sentence for a fault; places are counted from 1, as people do. */
export function faultSentence(fault: Fault, words: Words, most: number): string {
  const { faults, expected } = words;
  switch (fault.why) {
    case 'empty':
      return faults.empty;
    case 'long':
      return faults.long(fault.length, most);
    case 'deep':
      return faults.deep(fault.at + 1);
    case 'character':
      return faults.character(fault.found, fault.at + 1);
    case 'name':
      return faults.name(fault.found, fault.at + 1);
    case 'number':
      return faults.number(fault.found, fault.at + 1);
    case 'unexpected':
      return fault.found === ''
        ? faults.end(expected[fault.expected])
        : faults.unexpected(fault.found, fault.at + 1, expected[fault.expected]);
  }
}
