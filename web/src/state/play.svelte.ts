/** The clock of the walk: while it plays, steps pass at the chosen speed; it stops at the end by itself. */
import type { Bench } from './lab.svelte';

/** Runs the clock for as long as a component lives: call it once for each bench. */
export function clock({ lab, goTo }: Bench): void {
  $effect(() => {
    if (!lab.playing) return;
    let frame = 0;
    let before = performance.now();
    let due = 0;
    const tick = (now: number): void => {
      // A page that was in the background does not run after the time it has missed.
      due += (Math.min(250, now - before) / 1000) * lab.speed;
      before = now;
      const whole = Math.floor(due);
      due -= whole;
      if (whole > 0) goTo(lab.t + whole);
      if (lab.t >= lab.steps) lab.playing = false;
      else frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
    return () => cancelAnimationFrame(frame);
  });
}
