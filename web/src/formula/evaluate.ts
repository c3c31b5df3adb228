/** A tree becomes nested functions: as fast as a walk needs, and never a piece of code that is evaluated. */
import type { FunctionName, Node } from './syntax';

export type Evaluated = (x: number, y: number) => number;

/** Whole powers up to this one are written out as products, here and in Python, so that both have the same bits. */
export const PRODUCTS = 16;

/** The exponent if the node is a power that is written out as a product, otherwise 0. */
export function productPower(node: Node): number {
  if (node.kind !== 'binary' || node.operator !== '^' || node.right.kind !== 'number') return 0;
  const exponent = node.right.value;
  return Number.isInteger(exponent) && exponent >= 2 && exponent <= PRODUCTS ? exponent : 0;
}

const CALLS: Record<FunctionName | 'sign', (value: number) => number> = {
  sin: Math.sin,
  cos: Math.cos,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  abs: Math.abs,
  sign: Math.sign,
};

export function evaluated(node: Node): Evaluated {
  switch (node.kind) {
    case 'number': {
      const { value } = node;
      return () => value;
    }
    case 'constant': {
      const value = node.name === 'pi' ? Math.PI : Math.E;
      return () => value;
    }
    case 'variable':
      return node.name === 'x' ? (x) => x : (_, y) => y;
    case 'negative': {
      const of = evaluated(node.of);
      return (x, y) => -of(x, y);
    }
    case 'call': {
      const of = evaluated(node.of);
      const call = CALLS[node.name];
      return (x, y) => call(of(x, y));
    }
    case 'binary': {
      const left = evaluated(node.left);
      const exponent = productPower(node);
      if (exponent) return (x, y) => product(left(x, y), exponent);
      const right = evaluated(node.right);
      switch (node.operator) {
        case '+':
          return (x, y) => left(x, y) + right(x, y);
        case '-':
          return (x, y) => left(x, y) - right(x, y);
        case '*':
          return (x, y) => left(x, y) * right(x, y);
        case '/':
          return (x, y) => left(x, y) / right(x, y);
        case '^':
          return (x, y) => powered(left(x, y), right(x, y));
      }
    }
  }
}

function product(base: number, exponent: number): number {
  let result = base;
  for (let k = 1; k < exponent; k++) result *= base;
  return result;
}

/** NumPy's powers: unlike JavaScript's, 1 to any power is 1, and so is -1 to an infinite one. */
function powered(base: number, exponent: number): number {
  if (base === 1 || (base === -1 && Math.abs(exponent) === Infinity)) return 1;
  return base ** exponent;
}
