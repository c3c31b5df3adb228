/** A terrain of the catalogue as a place to walk on, turned about the origin by whole degrees. */
import type { Generated, Ground, TerrainSpec } from "./types.ts";

type Turns = Generated["turns"];

/** The terrain turned counterclockwise; its name stays, whatever the angle. */
export function ground(terrain: TerrainSpec, degrees: number, turns: Turns): Ground {
  const constants = terrain.constants.map(([, value]) => value);
  const turn = turned(degrees, turns);
  const value = turn ? terrain.rotatedValue : terrain.value;
  const gradient = turn ? terrain.rotatedGradient : terrain.gradient;
  const mean = turn ? [...constants, turn.c, turn.s] : constants;
  const now = [...mean];
  const rare = terrain.rate === null ? -1 : terrain.constants.findIndex(([name]) => name === "active");
  return {
    name: terrain.name,
    box: turn ? boxAround(terrain.box, turn) : terrain.box,
    minima: terrain.minima.map(([x, y, height]) => [...rotate([x, y], turn), height]),
    rate: terrain.rate,
    value: (x, y) => value(x, y, ...mean),
    gradient: (x, y, active) => {
      if (rare >= 0) now[rare] = active;
      return gradient(x, y, ...now);
    },
  };
}

/** The terrain's good starts, turned with it. */
export function starts(terrain: TerrainSpec, degrees: number, turns: Turns): [number, number][] {
  return terrain.starts.map((start) => rotate(start, turned(degrees, turns)));
}

interface Turn {
  c: number;
  s: number;
}

/** Cosine and sine as Python has them, or null for no turn at all. */
function turned(degrees: number, turns: Turns): Turn | null {
  const whole = ((Math.round(degrees) % 360) + 360) % 360;
  return whole === 0 ? null : { c: turns.cos[whole]!, s: turns.sin[whole]! };
}

function rotate([x, y]: [number, number], turn: Turn | null): [number, number] {
  return turn ? [turn.c * x - turn.s * y, turn.s * x + turn.c * y] : [x, y];
}

function boxAround([[left, right], [low, high]]: Ground["box"], turn: Turn): Ground["box"] {
  const corners = [left, right].flatMap((x) => [low, high].map((y) => rotate([x, y], turn)));
  const xs = corners.map(([x]) => x);
  const ys = corners.map(([, y]) => y);
  return [
    [Math.min(...xs), Math.max(...xs)],
    [Math.min(...ys), Math.max(...ys)],
  ];
}
