/** The clock of the walk: while it plays, steps pass at the chosen speed; it stops at the end by itself. */
import { goTo, lab } from './lab.svelte';

/** Plays or pauses; at the end it begins again. */
export function toggle(): void {
  if (!lab.playing && lab.t >= lab.steps) lab.t = 0;
  lab.playing = !lab.playing;
}

/** Goes so many steps from here, forwards or back, and pauses. */
export function stepBy(steps: number): void {
  lab.playing = false;
  goTo(lab.t + steps);
}

export function jumpTo(t: number): void {
  lab.playing = false;
  goTo(t);
}

/** Runs the clock for as long as a component lives: call it once, in the shell. */
export function clock(): void {
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
