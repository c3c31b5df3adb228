/** A tree as MathML for the eye and as Python for the export; both keep the tree's own order of arithmetic. */
import { productPower } from './evaluate';
import type { Node } from './syntax';

const RANK = { sum: 1, product: 2, sign: 3, power: 4, atom: 5 } as const;

function rank(node: Node): number {
  switch (node.kind) {
    case 'negative':
      return RANK.sign;
    case 'binary':
      return node.operator === '^' ? RANK.power : node.operator === '*' || node.operator === '/' ? RANK.product : RANK.sum;
    default:
      return RANK.atom;
  }
}

// --- MathML ---------------------------------------------------------------------------------------------------------

/** The inside of a <math> element. */
export function mathml(node: Node): string {
  switch (node.kind) {
    case 'number':
      return `<mn>${node.value}</mn>`;
    case 'constant':
      return `<mi>${node.name === 'pi' ? 'π' : 'e'}</mi>`;
    case 'variable':
      return `<mi data-name="${node.name}">${node.name}</mi>`;
    case 'negative':
      return `<mrow><mo>−</mo>${fenced(node.of, RANK.product)}</mrow>`;
    case 'call':
      if (node.name === 'sqrt') return `<msqrt>${mathml(node.of)}</msqrt>`;
      if (node.name === 'abs') return `<mrow><mo>|</mo>${mathml(node.of)}<mo>|</mo></mrow>`;
      if (node.name === 'exp') return `<msup><mi>e</mi>${mathml(node.of)}</msup>`;
      return `<mrow><mi>${node.name}</mi><mo>&#x2061;</mo>${inFences(mathml(node.of))}</mrow>`;
    case 'binary':
      switch (node.operator) {
        case '/':
          return `<mfrac><mrow>${mathml(node.left)}</mrow><mrow>${mathml(node.right)}</mrow></mfrac>`;
        case '^':
          return `<msup>${fenced(node.left, RANK.atom)}<mrow>${mathml(node.right)}</mrow></msup>`;
        case '*': {
          const between = beginsWithDigit(node.right) ? '<mo>·</mo>' : '<mo>&#x2062;</mo>';
          return `<mrow>${fenced(node.left, RANK.product)}${between}${fenced(node.right, RANK.sign + 1, true)}</mrow>`;
        }
        case '+':
          return `<mrow>${mathml(node.left)}<mo>+</mo>${fenced(node.right, RANK.product)}</mrow>`;
        case '-':
          return `<mrow>${mathml(node.left)}<mo>−</mo>${fenced(node.right, RANK.product)}</mrow>`;
      }
  }
}

const inFences = (inner: string): string => `<mrow><mo>(</mo>${inner}<mo>)</mo></mrow>`;

function fenced(node: Node, least: number, right = false): string {
  const fraction = node.kind === 'binary' && node.operator === '/';
  const plain = fraction || (right && node.kind === 'binary' && node.operator === '*');
  return rank(node) >= least || plain ? `<mrow>${mathml(node)}</mrow>` : inFences(mathml(node));
}

function beginsWithDigit(node: Node): boolean {
  if (node.kind === 'number') return true;
  if (node.kind === 'binary') return node.operator !== '/' && beginsWithDigit(node.left);
  return false;
}

// --- Python ---------------------------------------------------------------------------------------------------------

/** A Python function over NumPy scalars that computes what `evaluated` computes, operation by operation. */
export function python(name: string, results: readonly Node[]): string {
  const lines: string[] = [];
  const known = new Map<string, string>();

  /** The name of a value, so that a product can name it more than once. */
  function held(node: Node): string {
    if (node.kind === 'variable') return node.name;
    const text = expression(node);
    let letter = known.get(text);
    if (!letter) {
      letter = `u${known.size + 1}`;
      known.set(text, letter);
      lines.push(`    ${letter} = ${text}`);
    }
    return letter;
  }

  function wrapped(node: Node, least: number): string {
    const power = productPower(node) !== 0;
    const text = expression(node);
    return (power ? RANK.product : rank(node)) >= least ? text : `(${text})`;
  }

  function expression(node: Node): string {
    switch (node.kind) {
      case 'number':
        return Number.isInteger(node.value) && Math.abs(node.value) < 1e15 ? `${node.value}.0` : String(node.value);
      case 'constant':
        return `np.${node.name}`;
      case 'variable':
        return node.name;
      case 'negative':
        return `-${wrapped(node.of, RANK.sign)}`;
      case 'call':
        return `np.${node.name}(${expression(node.of)})`;
      case 'binary': {
        const exponent = productPower(node);
        if (exponent) return Array<string>(exponent).fill(held(node.left)).join(' * ');
        switch (node.operator) {
          case '^':
            return `np.power(${expression(node.left)}, ${expression(node.right)})`;
          case '+':
          case '-':
            return `${wrapped(node.left, RANK.sum)} ${node.operator} ${wrapped(node.right, RANK.product)}`;
          case '*':
          case '/':
            return `${wrapped(node.left, RANK.product)} ${node.operator} ${wrapped(node.right, RANK.sign)}`;
        }
      }
    }
  }

  const returned = results.map(expression).join(', ');
  return [`def ${name}(x, y):`, ...lines, `    return ${returned}`].join('\n');
}
