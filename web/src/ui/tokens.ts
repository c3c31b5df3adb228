/** Hikers are told apart by colour (Okabe and Ito's, safe for colour-blind eyes), by dash and by marker, in this order. */

export interface Look {
  name: { en: string; ja: string };
  colour: string;
  /** `stroke-dasharray` in units of the line's own length; '' for a full line. */
  dash: string;
  /** A marker of radius about 1 around the origin, as an SVG path. */
  marker: string;
}

const ring = (points: number, inner: number, turn: number): string => {
  const at = Array.from({ length: inner === 1 ? points : 2 * points }, (_, k, n = inner === 1 ? points : 2 * points) => {
    const radius = k % 2 && inner !== 1 ? inner : 1;
    const angle = turn + (2 * Math.PI * k) / n;
    return `${(radius * Math.cos(angle)).toFixed(3)},${(radius * Math.sin(angle)).toFixed(3)}`;
  });
  return `M${at.join('L')}Z`;
};

export const LOOKS: readonly Look[] = [
  { name: { en: 'vermillion', ja: '朱' }, colour: '#d55e00', dash: '', marker: 'M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0Z' },
  { name: { en: 'blue', ja: '青' }, colour: '#0072b2', dash: '9 5', marker: 'M-.88,-.88H.88V.88H-.88Z' },
  { name: { en: 'green', ja: '緑' }, colour: '#009e73', dash: '2 5', marker: ring(3, 1, -Math.PI / 2) },
  { name: { en: 'pink', ja: '桃' }, colour: '#cc79a7', dash: '12 4 2 4', marker: ring(4, 1, 0) },
  { name: { en: 'orange', ja: '橙' }, colour: '#e69f00', dash: '5 3', marker: ring(5, 0.45, -Math.PI / 2) },
  { name: { en: 'sky blue', ja: '空' }, colour: '#56b4e9', dash: '14 4 2 4 2 4', marker: ring(6, 1, 0) },
];

export function look(hiker: number): Look {
  return LOOKS[hiker % LOOKS.length];
}
